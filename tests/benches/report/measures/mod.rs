//! Measurements, one subject a file.

pub(crate) mod bursts;
pub(crate) mod dead_letters;
pub(crate) mod latency;
pub(crate) mod memory;
pub(crate) mod pipeline;
pub(crate) mod quickstart;
pub(crate) mod spool;
pub(crate) mod throughput;

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::{
    child::Child,
    figures::{Goal, Report, median},
    roles::{Consume, Consumed, Consumer, Publish, Role},
};

/// The bytes of a record.
const BYTES: usize = 200;

/// Source of brokers: embedded ones, or the real one of `DANUBE_TEST_URL`.
#[derive(Debug)]
pub(crate) struct Brokers {
    /// URL and dispatch window of the real broker.
    real: Option<(String, usize)>,
}

/// A broker that runs until this is dropped.
#[derive(Debug)]
pub(crate) struct Broker {
    url: String,
    _embedded: Option<Child>,
}

impl Brokers {
    pub(crate) fn of_environment() -> Self {
        let window = std::env::var("DANUBE_TEST_WINDOW").map_or(10, |window| window.parse().expect("a number"));
        Self { real: std::env::var("DANUBE_TEST_URL").ok().map(|url| (url, window)) }
    }

    /// A broker with this dispatch window.
    fn start(&self, window: usize) -> Result<Broker, String> {
        match &self.real {
            Some((url, real)) if *real == window => Ok(Broker { url: url.clone(), _embedded: None }),
            Some((_, real)) => Err(format!("it needs a dispatch window of {window}, and the real broker's is {real}")),
            None => Ok(Broker::embedded(window, None)),
        }
    }

    /// The reason why figures that need the embedded broker are not measured; `None` if they are.
    fn no_embedded(&self) -> Option<&'static str> {
        self.real.as_ref().map(|_| "it needs the embedded broker")
    }
}

impl Broker {
    fn embedded(window: usize, topic: Option<(String, usize)>) -> Self {
        let mut child = Child::start(&Role::Broker { window, topic });
        Self { url: child.receive(), _embedded: Some(child) }
    }
}

/// Stream of records that are published to a new topic and consumed at the same time.
#[derive(Debug, Clone)]
struct Stream {
    producers: usize,
    records: usize,
    bytes: usize,
    rate: Option<f64>,
    partitions: Option<usize>,
    latencies: bool,
    max_buffered_bytes: Option<usize>,
}

impl Stream {
    /// A stream at the full speed of its producers.
    fn of(producers: usize, records: usize) -> Self {
        Self {
            producers,
            records,
            bytes: BYTES,
            rate: None,
            partitions: None,
            latencies: false,
            max_buffered_bytes: None,
        }
    }

    fn publish(&self, broker: &Broker, topic: &str) -> Child {
        let mut publisher = Child::start(&Role::Publish(Publish {
            url: broker.url.clone(),
            topic: topic.to_owned(),
            partitions: self.partitions,
            producers: self.producers,
            records: self.records,
            bytes: self.bytes,
            rate: self.rate,
        }));
        // Ready: the producers have created the topic.
        publisher.receive::<String>();
        publisher
    }

    fn consume(&self, broker: &Broker, topic: &str, by: Consumer) -> Child {
        let mut consumer = Child::start(&Role::Consume(Consume {
            url: broker.url.clone(),
            topic: topic.to_owned(),
            records: self.records,
            by,
            latencies: self.latencies,
            max_buffered_bytes: self.max_buffered_bytes,
        }));
        consumer.receive::<String>();
        consumer
    }

    /// Publishes and consumes the stream through a new topic.
    fn through(&self, broker: &Broker, by: Consumer) -> Consumed {
        self.through_topic(broker, &topic(), by, |_| {})
    }

    /// Publishes and consumes the stream through this topic. `at_the_end` gets the consumer's process before it is killed.
    fn through_topic(&self, broker: &Broker, topic: &str, by: Consumer, at_the_end: impl FnOnce(&Child)) -> Consumed {
        let mut publisher = self.publish(broker, topic);
        let mut consumer = self.consume(broker, topic, by);
        consumer.send(&"go");
        publisher.send(&"go");
        let confirmed: usize = publisher.receive();
        assert_eq!(confirmed, self.records, "every record is confirmed");
        consumer.send(&confirmed);
        let consumed = consumer.receive();
        at_the_end(&consumer);
        consumed
    }
}

/// Name of a new topic.
fn topic() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("/default/report_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// One round of a comparison: the bare loop, the connector, and the bare loop once more.
#[derive(Debug)]
struct Round {
    bare: [Consumed; 2],
    connector: Consumed,
}

impl Round {
    /// Runs the same stream through each in turn, so that a machine that warms up or slows down favors none.
    fn of(stream: &Stream, broker: &Broker, by: Consumer) -> Self {
        let before = stream.through(broker, Consumer::Bare);
        let connector = stream.through(broker, by);
        Self { bare: [before, stream.through(broker, Consumer::Bare)], connector }
    }

    /// Records that the broker skipped in each of the three runs.
    fn skipped(&self, stream: &Stream) -> [usize; 3] {
        [&self.bare[0], &self.connector, &self.bare[1]].map(|run| stream.records - run.arrived)
    }
}

/// Prints the median ratio of the connector to the bare loop, and as a control that of the bare loop's two runs.
fn compare(report: &Report, name: &str, goal: Goal, rounds: &[Round], part: impl Fn(&Consumed) -> f64) {
    let ratio = |round: &Round| {
        let bare = f64::midpoint(part(&round.bare[0]), part(&round.bare[1]));
        part(&round.connector) / bare
    };
    report.figure(name, median(rounds.iter().map(ratio)), goal);
    report.control(name, median(rounds.iter().map(|round| part(&round.bare[1]) / part(&round.bare[0]))));
}
