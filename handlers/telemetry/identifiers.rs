//! Trace ids: the correlation id of the request where it has no other.

use std::cell::Cell;

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};
use uuid::Uuid;

thread_local! {
    static NEXT_TRACE: Cell<Option<Uuid>> = const { Cell::new(None) };
}

/// Has the trace that begins in `start`, on this thread, be called `id`.
pub(super) fn named<T>(id: Uuid, start: impl FnOnce() -> T) -> T {
    NEXT_TRACE.set(Some(id));
    let begun = start();
    NEXT_TRACE.set(None);
    begun
}

/// Random ids, but for traces whose name was decided before.
#[derive(Debug, Default)]
pub(super) struct Identifiers(RandomIdGenerator);

impl IdGenerator for Identifiers {
    fn new_trace_id(&self) -> TraceId {
        match NEXT_TRACE.take() {
            Some(id) => TraceId::from_bytes(id.into_bytes()),
            None => self.0.new_trace_id(),
        }
    }

    fn new_span_id(&self) -> SpanId {
        self.0.new_span_id()
    }
}
