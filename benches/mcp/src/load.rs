use std::sync::Arc;
use std::time::Duration;

use entrada_ambient::Clock;
use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use crate::connection::{Call, Connection, result};
use crate::error::Error;
use crate::server::Server;

/// One answer in so many is parsed; of the others the status is looked at.
const PARSED: u64 = 1000;

/// A closed loop: each connection makes its next call when the last one was
/// answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) connections: usize,
    /// Time before anything counts.
    pub(crate) warm_up: Duration,
    /// Time that counts.
    pub(crate) measured: Duration,
}

/// What one round found.
#[derive(Debug, Clone)]
pub(crate) struct Round {
    /// Answers per second.
    pub(crate) rate: f64,
    /// Latencies in microseconds.
    pub(crate) latencies: Histogram<u64>,
    /// Processor time of the server per answer, in microseconds.
    pub(crate) processor: Option<f64>,
    /// Most memory seen, in bytes.
    pub(crate) memory: Option<u64>,
}

/// Latencies up to a minute, to three digits.
fn histogram() -> Result<Histogram<u64>, Error> {
    Histogram::new_with_bounds(1, 60_000_000, 3).map_err(Error::preparing("a histogram"))
}

impl Load {
    /// Puts the load on `server`.
    pub(crate) async fn run(
        self,
        server: &Server,
        name: &'static str,
        call: &Call,
        clock: &Arc<dyn Clock>,
    ) -> Result<Round, Error> {
        let begun = clock.monotonic();
        let mut tasks = JoinSet::new();
        for _ in 0..self.connections {
            let caller = Caller {
                name,
                connection: Connection::open(server.port).await?,
                call: call.clone(),
                clock: clock.clone(),
                from: begun + self.warm_up,
                until: begun + self.warm_up + self.measured,
            };
            tasks.spawn(caller.run());
        }
        tokio::time::sleep((begun + self.warm_up).saturating_sub(clock.monotonic())).await;
        let before = server.processor_time();
        let memory = self.watch(server, clock, begun).await;
        let after = server.processor_time();
        let mut latencies = histogram()?;
        while let Some(ended) = tasks.join_next().await {
            let one = ended.map_err(Error::preparing("a connection"))??;
            latencies
                .add(one)
                .map_err(Error::preparing("a histogram"))?;
        }
        let answers = as_number(latencies.len());
        let used = after
            .zip(before)
            .map(|(after, before)| after.saturating_sub(before));
        Ok(Round {
            rate: answers / self.measured.as_secs_f64(),
            latencies,
            processor: used.map(|used| used.as_secs_f64() * 1e6 / answers),
            memory,
        })
    }

    /// Looks at the server's memory until the load ends.
    async fn watch(self, server: &Server, clock: &Arc<dyn Clock>, begun: Duration) -> Option<u64> {
        let mut most = None;
        while clock.monotonic() < begun + self.warm_up + self.measured {
            most = most.max(server.memory());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        most
    }
}

/// A whole number as a fraction; exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
pub(crate) fn as_number(count: u64) -> f64 {
    count as f64
}

struct Caller {
    name: &'static str,
    connection: Connection,
    call: Call,
    clock: Arc<dyn Clock>,
    from: Duration,
    until: Duration,
}

impl Caller {
    async fn run(mut self) -> Result<Histogram<u64>, Error> {
        let mut latencies = histogram()?;
        for number in 0_u64.. {
            let sent = self.clock.monotonic();
            if sent >= self.until {
                break;
            }
            let (status, body) = self.connection.make(&self.call).await?;
            let answered = self.clock.monotonic();
            let good = if number % PARSED == 0 {
                result(status, &body).is_some()
            } else {
                status.is_success()
            };
            if !good {
                return Err(Error::Answer {
                    server: self.name,
                    status: status.as_u16(),
                    body: String::from_utf8_lossy(&body).into_owned(),
                });
            }
            if sent >= self.from && answered <= self.until {
                let taken = answered.saturating_sub(sent).as_micros();
                latencies.saturating_record(u64::try_from(taken).unwrap_or(u64::MAX));
            }
        }
        Ok(latencies)
    }
}
