//! A pipeline between the broker in memory and the scripted sink.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, timeout};

use super::{
    ledger::Ledger,
    log::Dispatch,
    memory::{Kind, MemoryBroker},
    target::Target,
};
use crate::{
    config::{ConnectorConfig, ConsumerConfig, MappingSettings, OnInvalidRecord, SubscriptionType},
    observe::Observer,
    pipeline::{Broker, Pipeline, Writer, WriterPool},
};

pub(super) const MS: Duration = Duration::from_millis(1);
pub(super) const SECOND: Duration = Duration::from_secs(1);
/// Longer than anything that ends takes, in virtual time.
const FOREVER: Duration = Duration::from_secs(24 * 3_600);

/// The one topic of most tests.
pub(super) const TOPIC: &str = "/default/orders";
pub(super) const DEAD_LETTERS: &str = "/default/letters";

pub(super) struct Bench {
    pub(super) ledger: Ledger,
    pub(super) broker: MemoryBroker,
    pub(super) target: Target,
    pub(super) config: ConnectorConfig,
    pub(super) mappings: Vec<MappingSettings>,
    pub(super) dispatch: Dispatch,
    pub(super) observer: Observer,
    /// Connector instances, which write to one target.
    pub(super) tasks: usize,
}

impl Bench {
    /// A broker with its default window and deadline, and no topic.
    pub(super) fn empty() -> Self {
        let ledger = Ledger::default();
        Self {
            broker: MemoryBroker::new(&ledger),
            target: Target::new(&ledger),
            config: ConnectorConfig::new("http://memory", "test"),
            mappings: Vec::new(),
            dispatch: Dispatch::default(),
            observer: Observer::new("test"),
            tasks: 1,
            ledger,
        }
    }

    /// With one topic that has no partitions.
    pub(super) fn new() -> Self {
        let mut bench = Self::empty();
        bench.map(TOPIC);
        bench.create(TOPIC);
        bench
    }

    pub(super) fn with_window(window: usize) -> Self {
        let mut bench = Self::empty();
        bench.dispatch.window = window;
        bench.map(TOPIC);
        bench.create(TOPIC);
        bench
    }

    /// Reads a topic. Invalid records become dead letters.
    pub(super) fn map(&mut self, topic: &str) -> &mut MappingSettings {
        let consumer = ConsumerConfig {
            topic: topic.to_owned(),
            consumer_name: "test".to_owned(),
            subscription: "test".to_owned(),
            subscription_type: SubscriptionType::Exclusive,
            expected_schema_subject: None,
        };
        let mut mapping = MappingSettings::new(consumer, &self.config);
        mapping.on_invalid_record = OnInvalidRecord::DeadLetter;
        mapping.dead_letter_topic = Some(DEAD_LETTERS.to_owned());
        mapping.ack_timeout = self.dispatch.ack_timeout;
        self.mappings.push(mapping);
        self.mapping()
    }

    /// The last mapping.
    pub(super) fn mapping(&mut self) -> &mut MappingSettings {
        self.mappings.last_mut().unwrap()
    }

    pub(super) fn create(&self, topic: &str) {
        self.broker.create(topic, self.dispatch);
    }

    /// Publishes small messages to the one topic.
    pub(super) fn publish(&self, count: usize) {
        self.publish_to(TOPIC, count, Kind::Plain);
    }

    pub(super) fn publish_to(&self, topic: &str, count: usize, kind: Kind) {
        let of = |mapping: &&MappingSettings| topic.starts_with(&mapping.consumer.topic);
        let skips = self.mappings.iter().find(of).unwrap().on_invalid_record == OnInvalidRecord::Skip;
        for _ in 0..count {
            self.broker.publish(topic, 8, kind, skips);
        }
    }

    pub(super) fn start(&self) -> Pipeline {
        self.start_tasks(self.tasks, &self.observer)
    }

    /// So many connector instances, which write to one target.
    pub(super) fn start_tasks(&self, tasks: usize, observer: &Observer) -> Pipeline {
        let writer = |_| Writer::new(Box::new(self.target.clone()));
        let pool = WriterPool::new((0..tasks).map(writer).collect(), self.config.write_timeout);
        let broker: Arc<dyn Broker> = Arc::new(self.broker.clone());
        Pipeline::start(&broker, &pool, self.mappings.clone(), &self.config, observer)
    }

    /// Waits until every message is done, and answers how long that took.
    pub(super) async fn settled(&self) -> Duration {
        let started = Instant::now();
        in_time(self.ledger.settled()).await;
        started.elapsed()
    }

    /// Drains, and checks the law.
    pub(super) async fn end(&self, pipeline: Pipeline) {
        in_time(pipeline.drain()).await.unwrap();
        assert_eq!(self.ledger.unacknowledged(), [0; 0]);
        self.lawful();
    }

    /// The sum of a metric's samples whose labels have this text, without the prefix of all metrics.
    pub(super) fn metric(&self, name: &str, label: &str) -> f64 {
        let (text, name) = (self.observer.metrics_text(), format!("danube_sink_{name}{{"));
        let samples = text.lines().filter(|line| line.starts_with(&name) && line.contains(label));
        samples.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum()
    }

    /// Why partitions are not ready, as `/ready` shows it.
    pub(super) fn reasons(&self) -> Vec<String> {
        let readiness = self.observer.readiness();
        let subscriptions = readiness["subscriptions"].as_array().unwrap();
        subscriptions.iter().filter_map(|shown| shown["reason"].as_str().map(str::to_owned)).collect()
    }

    pub(super) fn lawful(&self) {
        assert_eq!(self.ledger.broken(), [""; 0]);
    }
}

/// What takes a day of virtual time does not end.
pub(super) async fn in_time<T>(work: impl Future<Output = T>) -> T {
    timeout(FOREVER, work).await.expect("it does not end")
}
