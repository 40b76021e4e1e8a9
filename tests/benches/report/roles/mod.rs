//! What child processes do.

mod arrivals;
mod bare;
mod broker;
mod publish;
mod runtime;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::child::{cpu_seconds, hear, tell};
use arrivals::Arrivals;

/// The payload's bytes before the filling: when it was published, in nanoseconds since 1970.
const TIME_BYTES: usize = 8;
/// The records of one batch: what a last batch waits for does not come.
pub(crate) const TAIL: usize = 100;
/// A stream that has been silent for so long after the last record was published brings nothing any more.
const SILENCE: Duration = Duration::from_secs(2);

/// What a child process does.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Role {
    /// An embedded broker. Tells its URL.
    Broker {
        window: usize,
        /// A topic with partitions that is there from the start.
        topic: Option<(String, usize)>,
    },
    Publish(Publish),
    Consume(Consume),
}

/// Publishes records on command, and reports how many the broker confirmed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Publish {
    pub(crate) url: String,
    pub(crate) topic: String,
    pub(crate) partitions: Option<usize>,
    pub(crate) producers: usize,
    pub(crate) records: usize,
    pub(crate) bytes: usize,
    /// Records a second of all producers together; as fast as they can without it.
    pub(crate) rate: Option<f64>,
}

/// Consumes records. Reports when it is attached; gets the start of the clock and the number of published records.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Consume {
    pub(crate) url: String,
    pub(crate) topic: String,
    pub(crate) records: usize,
    pub(crate) by: Consumer,
    /// Whether to tell how long records took from publishing to settlement.
    pub(crate) latencies: bool,
    /// The connector's `max_buffered_bytes`.
    pub(crate) max_buffered_bytes: Option<usize>,
}

/// Who consumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Consumer {
    /// The bare loop.
    Bare,
    /// A connector that writes nowhere.
    Nothing,
    /// A connector each of whose writes takes so many milliseconds.
    Slow(u64),
    /// A connector that rejects every record.
    Rejecting,
}

/// What a consumer tells at the end.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Consumed {
    /// From the start of the clock to the last acknowledgement.
    pub(crate) seconds: f64,
    /// From the start of the clock until all but the last [`TAIL`] records had arrived at the target.
    pub(crate) seconds_before_tail: f64,
    /// The CPU time of `seconds`.
    pub(crate) cpu_seconds: Option<f64>,
    /// Records that arrived at the target, each counted once.
    pub(crate) arrived: usize,
    /// Seconds from publishing to settlement, in order of arrival, if they were asked for.
    pub(crate) latencies: Vec<f64>,
}

/// Plays a role, as JSON.
pub(crate) fn play(role: &str) {
    let role = serde_json::from_str(role).expect("a role");
    let tokio = tokio::runtime::Runtime::new().expect("a runtime");
    tokio.block_on(async {
        match role {
            Role::Broker { window, topic } => broker::play(window, topic).await,
            Role::Publish(publish) => publish::play(publish).await,
            Role::Consume(consume) => match consume.by {
                Consumer::Bare => bare::play(&consume).await,
                _ => runtime::play(consume).await,
            },
        }
    });
}

/// The parent's next line, awaited beside other work.
async fn heard<T: serde::de::DeserializeOwned + Send + 'static>() -> T {
    tokio::task::spawn_blocking(hear).await.expect("no panic")
}

/// The clock of a consumer.
struct Clock {
    started: std::time::Instant,
    cpu: Option<f64>,
}

impl Clock {
    /// Starts when the parent says so.
    async fn start() -> Self {
        tell(&"attached");
        let "go" = heard::<String>().await.as_str() else { panic!("the parent says go") };
        Self { started: std::time::Instant::now(), cpu: cpu_seconds() }
    }

    fn stop(self, arrivals: &Arrivals, latencies: Vec<f64>) {
        let seconds = self.started.elapsed().as_secs_f64();
        let cpu_seconds = cpu_seconds().zip(self.cpu).map(|(now, before)| now - before);
        let seconds_before_tail =
            arrivals.tail().map_or(seconds, |tail| tail.duration_since(self.started).as_secs_f64());
        tell(&Consumed { seconds, seconds_before_tail, cpu_seconds, arrived: arrivals.count(), latencies });
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

/// When the payload was published.
fn published(payload: &[u8]) -> u64 {
    payload.first_chunk().map_or(0, |bytes: &[u8; TIME_BYTES]| u64::from_le_bytes(*bytes))
}
