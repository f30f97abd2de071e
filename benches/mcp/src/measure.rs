use std::sync::Arc;
use std::time::Duration;

use entrada_ambient::Clock;

use crate::connection::Connection;
use crate::error::Error;
use crate::load::{Load, Round, as_number};
use crate::server::{Server, Start, Subject};

/// How long and how often to measure.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Effort {
    /// Rounds of each call on each server
    #[arg(long, default_value_t = 5)]
    pub(crate) rounds: usize,
    /// Seconds that count in each round, after one second that does not
    #[arg(long, default_value_t = 5)]
    pub(crate) seconds: u64,
    /// Connections, each with one call under way
    #[arg(long, default_value_t = 32)]
    pub(crate) connections: usize,
    /// Starts of each server
    #[arg(long, default_value_t = 11)]
    pub(crate) starts: usize,
    /// Turns of chat, each through the handler and with the agent itself
    #[arg(long, default_value_t = 51)]
    pub(crate) turns: usize,
}

/// Connections in the measurement of memory.
pub(crate) const MANY: usize = 256;

/// The two servers' figures: the handler's first, then the yardstick's.
pub(crate) type Pair<T> = [T; 2];

/// Memory of a server, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// A second after its first tool call.
    pub(crate) idle: Option<u64>,
    /// The most that was seen under the load of many connections.
    pub(crate) busy: Option<u64>,
}

/// Everything that is measured.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) starts: Pair<Vec<Start>>,
    pub(crate) memory: Pair<Memory>,
    pub(crate) tools_call: Pair<Vec<Round>>,
    pub(crate) tools_list: Pair<Vec<Round>>,
    /// Size of an answer to each call, in bytes.
    pub(crate) sizes: Pair<[usize; 2]>,
}

/// Measures both, turn about, so that what slows the machine down for a while
/// slows both.
pub(crate) async fn measure(
    subjects: &Pair<Subject>,
    effort: Effort,
    clock: &Arc<dyn Clock>,
) -> Result<Measured, Error> {
    let starts = starts(subjects, effort.starts, clock).await?;
    let [entrada, bare] = subjects;
    let memory = [memory(entrada, clock).await?, memory(bare, clock).await?];
    let (entrada_server, _) = Server::start(entrada, clock.as_ref()).await?;
    let (bare_server, _) = Server::start(bare, clock.as_ref()).await?;
    let servers = [entrada_server, bare_server];
    let sizes = [
        sizes(entrada, &servers[0]).await?,
        sizes(bare, &servers[1]).await?,
    ];
    let load = Load {
        connections: effort.connections,
        warm_up: Duration::from_secs(1),
        measured: Duration::from_secs(effort.seconds),
    };
    let mut tools_call = [Vec::new(), Vec::new()];
    let mut tools_list = [Vec::new(), Vec::new()];
    for (rounds, of) in [(&mut tools_call, Of::Call), (&mut tools_list, Of::List)] {
        for _ in 0..effort.rounds {
            for ((rounds, subject), server) in rounds.iter_mut().zip(subjects).zip(&servers) {
                let call = match of {
                    Of::Call => &subject.tools_call,
                    Of::List => &subject.tools_list,
                };
                rounds.push(load.run(server, subject.name, call, clock).await?);
            }
        }
    }
    for server in servers {
        server.stop().await?;
    }
    Ok(Measured {
        starts,
        memory,
        tools_call,
        tools_list,
        sizes,
    })
}

#[derive(Clone, Copy)]
enum Of {
    Call,
    List,
}

/// The first start makes the handler's tables and does not count: on Azure,
/// too, they are there when an instance starts.
async fn starts(
    subjects: &Pair<Subject>,
    count: usize,
    clock: &Arc<dyn Clock>,
) -> Result<Pair<Vec<Start>>, Error> {
    let mut found = [Vec::new(), Vec::new()];
    for number in 0..=count {
        for (found, subject) in found.iter_mut().zip(subjects) {
            let (server, start) = Server::start(subject, clock.as_ref()).await?;
            server.stop().await?;
            if number > 0 {
                found.push(start);
            }
        }
    }
    Ok(found)
}

async fn memory(subject: &Subject, clock: &Arc<dyn Clock>) -> Result<Memory, Error> {
    let (server, _) = Server::start(subject, clock.as_ref()).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let idle = server.memory();
    let load = Load {
        connections: MANY,
        warm_up: Duration::from_secs(1),
        measured: Duration::from_secs(4),
    };
    let round = load
        .run(&server, subject.name, &subject.tools_call, clock)
        .await?;
    server.stop().await?;
    Ok(Memory {
        idle,
        busy: round.memory,
    })
}

async fn sizes(subject: &Subject, server: &Server) -> Result<[usize; 2], Error> {
    let mut connection = Connection::open(server.port).await?;
    let (_, called) = connection.make(&subject.tools_call).await?;
    let (_, listed) = connection.make(&subject.tools_list).await?;
    Ok([called.len(), listed.len()])
}

/// The middle of the values, the mean of both middles when they are even in
/// number; 0 when there are none.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = values.get(middle).copied().unwrap_or_default();
    if values.len() % 2 == 1 {
        return upper;
    }
    let lower = values
        .get(middle.wrapping_sub(1))
        .copied()
        .unwrap_or_default();
    f64::midpoint(lower, upper)
}

impl Round {
    /// The latency in milliseconds that a share of the answers stayed below.
    pub(crate) fn milliseconds(&self, share: f64) -> f64 {
        as_number(self.latencies.value_at_quantile(share)) / 1e3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert!((median([3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median([4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
        assert!(median([]).abs() < f64::EPSILON);
    }
}
