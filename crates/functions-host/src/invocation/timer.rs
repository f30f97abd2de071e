use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use entrada_ambient::Clock;
use serde::Serialize;
use time::OffsetDateTime;

use super::payload::{Payload, Sys, date_time};
use crate::functions::TimerTrigger;

/// When each timer ran last, which the next invocation is told.
#[derive(Debug, Default)]
pub(crate) struct TimerHistory(Mutex<BTreeMap<String, OffsetDateTime>>);

/// What a timer function is told (azure-webjobs-sdk-extensions, `TimerInfo`).
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct TimerInfo {
    schedule: Schedule,
    schedule_status: ScheduleStatus,
    is_past_due: bool,
}

#[derive(Debug, Serialize)]
struct Schedule {
    #[serde(rename = "AdjustForDST")]
    adjust_for_dst: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ScheduleStatus {
    last: String,
    next: String,
    last_updated: String,
}

impl TimerHistory {
    /// The payload of an invocation of `function` that is due at this moment,
    /// which becomes the time at which it ran last. The timer is an object, not
    /// a text, and so encoded once; its own metadata, `TimerTrigger`, is left
    /// out by the host.
    pub(crate) fn payload(
        &self,
        function: &str,
        trigger: &TimerTrigger,
        sys: &Sys,
        clock: &dyn Clock,
    ) -> serde_json::Result<Payload> {
        let now = clock.now();
        let last = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(function.to_owned(), now)
            .map_or_else(
                || "0001-01-01T00:00:00".to_owned(),
                |last| date_time(last, "+00:00"),
            );
        let due = now.replace_nanosecond(0).unwrap_or(now);
        let mut payload = Payload::new(sys)?;
        payload.add_data(
            &trigger.binding,
            &TimerInfo {
                schedule: Schedule {
                    adjust_for_dst: true,
                },
                schedule_status: ScheduleStatus {
                    last: last.clone(),
                    next: date_time(due, "+00:00"),
                    last_updated: last,
                },
                is_past_due: false,
            },
        )?;
        Ok(payload)
    }
}
