//! Roles of child processes: broker, publisher, consumer.

mod arrivals;
mod bare;
mod broker;
mod publish;
mod runtime;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::child::{cpu_seconds, receive_from_parent, send_to_parent};
use arrivals::Arrivals;

/// Length of the time of publishing (nanoseconds since 1970), with which a payload begins.
const TIME_BYTES: usize = 8;
/// Number of records in a batch. The last batch may not be full, so its records wait for the flush interval.
pub(crate) const TAIL: usize = 100;
/// Time without new records after the last one was published; then a consumer ends.
const SILENCE: Duration = Duration::from_secs(2);

/// Role of a child process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Role {
    /// An embedded broker, which sends its URL to the parent.
    Broker {
        window: usize,
        /// A partitioned topic to create at start, and its number of partitions.
        topic: Option<(String, usize)>,
    },
    Publish(Publish),
    Consume(Consume),
}

/// Publisher: publishes records on command, and reports how many the broker confirmed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Publish {
    pub(crate) url: String,
    pub(crate) topic: String,
    pub(crate) partitions: Option<usize>,
    pub(crate) producers: usize,
    pub(crate) records: usize,
    pub(crate) bytes: usize,
    /// Records a second of all producers together; `None` for full speed.
    pub(crate) rate: Option<f64>,
}

/// Consumer: reports when it is attached, starts its clock on command, and gets the number of published records.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Consume {
    pub(crate) url: String,
    pub(crate) topic: String,
    pub(crate) records: usize,
    pub(crate) by: Consumer,
    /// Whether to report the latency of each record from publishing to settlement.
    pub(crate) latencies: bool,
    /// The connector's `max_buffered_bytes`.
    pub(crate) max_buffered_bytes: Option<usize>,
}

/// Kind of consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Consumer {
    /// The bare loop.
    Bare,
    /// A connector that discards its records.
    Nothing,
    /// A connector that discards its records, with a spool that syncs each append or not.
    Spooled { syncs: bool },
    /// A connector whose writes each take this many milliseconds.
    Slow(u64),
    /// A connector that rejects every record.
    Rejecting,
}

/// Result of a consumer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Consumed {
    /// From the start of the clock to the last acknowledgement.
    pub(crate) seconds: f64,
    /// From the start of the clock until all but the last [`TAIL`] records had arrived at the target.
    pub(crate) seconds_before_tail: f64,
    /// CPU time within `seconds`.
    pub(crate) cpu_seconds: Option<f64>,
    /// Records that arrived at the target, each counted once.
    pub(crate) arrived: usize,
    /// Seconds from publishing to settlement, in order of arrival, if requested.
    pub(crate) latencies: Vec<f64>,
}

/// Runs a role, given as JSON.
pub(crate) fn run(role: &str) {
    let role = serde_json::from_str(role).expect("a role");
    let tokio = tokio::runtime::Runtime::new().expect("a runtime");
    tokio.block_on(async {
        match role {
            Role::Broker { window, topic } => broker::run(window, topic).await,
            Role::Publish(publish) => publish::run(publish).await,
            Role::Consume(consume) => match consume.by {
                Consumer::Bare => bare::run(&consume).await,
                _ => runtime::run(consume).await,
            },
        }
    });
}

/// Receives a message from the parent without blocking the runtime.
async fn from_parent<T: serde::de::DeserializeOwned + Send + 'static>() -> T {
    tokio::task::spawn_blocking(receive_from_parent).await.expect("no panic")
}

/// Clock of a consumer: elapsed time and CPU time.
struct Clock {
    started: std::time::Instant,
    cpu: Option<f64>,
}

impl Clock {
    /// Starts the clock on the parent's command.
    async fn start() -> Self {
        send_to_parent(&"attached");
        let "go" = from_parent::<String>().await.as_str() else { panic!("the parent sends go") };
        Self { started: std::time::Instant::now(), cpu: cpu_seconds() }
    }

    fn stop(self, arrivals: &Arrivals, latencies: Vec<f64>) {
        let seconds = self.started.elapsed().as_secs_f64();
        let cpu_seconds = cpu_seconds().zip(self.cpu).map(|(now, before)| now - before);
        let seconds_before_tail =
            arrivals.tail().map_or(seconds, |tail| tail.duration_since(self.started).as_secs_f64());
        send_to_parent(&Consumed { seconds, seconds_before_tail, cpu_seconds, arrived: arrivals.count(), latencies });
    }
}

/// Nanoseconds since 1970.
fn now() -> u64 {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
    u64::try_from(time.as_nanos()).expect("before 2554")
}

/// Seconds since the payload was published.
fn age(published: u64) -> f64 {
    now().saturating_sub(published) as f64 / 1e9
}

/// The time when the payload was published, in nanoseconds since 1970.
fn published(payload: &[u8]) -> u64 {
    payload.first_chunk().map_or(0, |bytes: &[u8; TIME_BYTES]| u64::from_le_bytes(*bytes))
}
