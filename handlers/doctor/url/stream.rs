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
/// How often they are asked for. Whatever was busy for a moment may have held
/// the first one up; what collects them brings both together each time.
const LOOKS: usize = 3;

pub(super) async fn examine(report: &mut Report, visitor: &Visitor<'_>) {
    let mut looked = tokio::time::timeout(LIMIT, gap(visitor)).await;
    for _ in 1..LOOKS {
        if !matches!(looked, Ok(Ok(Some(gap))) if gap < TOGETHER) {
            break;
        }
        looked = tokio::time::timeout(LIMIT, gap(visitor)).await;
    }
    match looked {
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

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use axum::Router;
    use axum::routing::get;
    use entrada_ambient::{Clock, NetworkOptions, http_client};
    use time::OffsetDateTime;

    use super::*;
    use crate::config::BaseUrl;
    use crate::doctor::{Area, Line};

    const EVENTS: &str = "event: health\ndata: {}\n\nevent: end\ndata: {}\n\n";

    /// A clock that is read when the first event has come and at the end, and
    /// so decides how far they are apart.
    #[derive(Debug)]
    struct Readings(Mutex<VecDeque<Duration>>);

    impl Clock for Readings {
        fn now(&self) -> OffsetDateTime {
            OffsetDateTime::UNIX_EPOCH
        }

        fn monotonic(&self) -> Duration {
            self.0.lock().unwrap().pop_front().expect("no more looks")
        }
    }

    /// What is said of events that come so many milliseconds apart, look by
    /// look, each of which must be taken.
    async fn said(gaps: &[u64]) -> Line {
        let answer = async || ([("content-type", "text/event-stream")], EVENTS);
        let router = Router::new().route("/api/health", get(answer));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let readings = gaps
            .iter()
            .flat_map(|gap| [Duration::ZERO, Duration::from_millis(*gap)]);
        let clock = Readings(Mutex::new(readings.collect()));
        let visitor = Visitor {
            base: &BaseUrl::parse(&base).unwrap(),
            http: &http_client(&NetworkOptions::default()).unwrap(),
            clock: &clock,
        };
        let mut report = Report::default();
        report.begin(Area::Server);
        examine(&mut report, &visitor).await;
        assert!(clock.0.lock().unwrap().is_empty(), "{gaps:?}: {report:?}");
        report.areas.remove(0).1.remove(0)
    }

    #[tokio::test]
    async fn events_that_come_together_each_time_are_collected() {
        for gaps in [[0, 0, 0], [0, 120, 499]] {
            let said = said(&gaps).await;
            assert!(
                matches!(&said, Line::Found(finding) if finding.id == "streaming"),
                "{said:?}"
            );
        }
    }

    #[tokio::test]
    async fn events_that_came_apart_once_are_not() {
        for gaps in [&[1000][..], &[500], &[499, 900], &[0, 0, 980]] {
            let said = said(gaps).await;
            assert!(matches!(said, Line::Good { .. }), "{gaps:?}: {said:?}");
        }
    }
}
