//! Whether events arrive when they are sent.

use std::time::Duration;

use super::Visitor;
use crate::doctor::{Finding, Report};
use crate::error::chain;
use crate::fix::Fix;

/// The two events of health are a second apart; what brings both within this
/// time has collected them.
const TOGETHER: Duration = Duration::from_millis(500);
/// How long both may take.
const LIMIT: Duration = Duration::from_secs(15);

pub(super) async fn examine(report: &mut Report, visitor: &Visitor<'_>) {
    match tokio::time::timeout(LIMIT, gap(visitor)).await {
        Ok(Ok(Some(gap))) if gap >= TOGETHER => {
            report.good("events arrive as they are sent, not collected");
        }
        Ok(Ok(Some(_))) => report.found(Finding::fault(
            "streaming",
            "events that were sent a second apart arrive together",
            "Something in front collects answers before it passes them on: chat shows nothing until \
             an answer is complete, and long ones break off.",
            Fix::new(
                "Turn off buffering and compression of text/event-stream where it happens (API \
                 Management: forward-request; nginx; Front Door: compression):",
            )
            .line("<forward-request buffer-response=\"false\" />    <!-- API Management -->")
            .line("proxy_buffering off;    # nginx"),
        )),
        Ok(Ok(None)) => report.skipped("streaming: the server sends no events (an older version)"),
        Ok(Err(reason)) => report.skipped(format!("streaming: {reason}")),
        Err(_) => report.skipped("streaming: the events did not come to an end in time"),
    }
}

/// The time between the first event and the end; `None` when it is no stream
/// of events.
async fn gap(visitor: &Visitor<'_>) -> Result<Option<Duration>, String> {
    let words = |error: reqwest::Error| chain(&error.without_url());
    let mut answer = visitor
        .http
        .get(visitor.base.join("/api/health"))
        .header("accept", "text/event-stream")
        .send()
        .await
        .map_err(words)?;
    let kind = answer.headers().get("content-type");
    if kind.is_none_or(|kind| !kind.as_bytes().starts_with(b"text/event-stream")) {
        return Ok(None);
    }
    let mut text = Vec::new();
    let mut first = None;
    while let Some(piece) = answer.chunk().await.map_err(words)? {
        first.get_or_insert_with(|| visitor.clock.monotonic());
        text.extend_from_slice(&piece);
        if text.windows(10).any(|window| window == b"event: end") {
            break;
        }
    }
    let end = visitor.clock.monotonic();
    Ok(first.map(|first| end.saturating_sub(first)))
}
