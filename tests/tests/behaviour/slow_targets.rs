//! Targets that hang, are slow, fail partially or panic, under load.

use std::{
    collections::HashSet,
    iter::repeat_n,
    time::{Duration, Instant},
};

use danube_sink::{
    ConnectorConfig, ConnectorError, SinkConnector, SinkRecord,
    SubscriptionType::{self, Exclusive, KeyShared, Shared},
    dev::{BrokerOptions, EmbeddedBroker, FailurePolicy, Partitions, SubscriptionStatus},
};
use danube_sink_tests::{
    Answer::{self, Hang, Panic, Write, WriteAfter, WriteAndHang},
    Broker, Ledger, Load, Publisher, Target, TestSink, topic, until,
};
use futures_util::future::join_all;

use crate::Running;

const KINDS: [SubscriptionType; 3] = [Exclusive, Shared, KeyShared];
const BATCH: usize = 10;
/// Write timeout.
const LIMIT: Duration = Duration::from_millis(300);

/// Test setup: an embedded broker under load, and a target with a script.
struct Bench {
    name: String,
    subscription_type: SubscriptionType,
    broker: EmbeddedBroker,
    topic: String,
    target: Target,
    ack_timeout: Duration,
    write_timeout: Duration,
}

impl Bench {
    async fn new(name: &str, subscription_type: SubscriptionType, answers: impl IntoIterator<Item = Answer>) -> Self {
        Self::with_deadline(name, subscription_type, answers, FailurePolicy::default().ack_timeout).await
    }

    /// Creates a setup whose broker has this ack timeout, and redelivers five times.
    async fn with_deadline(
        name: &str,
        subscription_type: SubscriptionType,
        answers: impl IntoIterator<Item = Answer>,
        ack_timeout: Duration,
    ) -> Self {
        let failure_policy = FailurePolicy { ack_timeout, ..FailurePolicy::default() };
        let options = BrokerOptions { failure_policy, ..BrokerOptions::default() };
        let broker = Broker::embedded(options).await.embedded.expect("an embedded broker");
        let topic = topic("slow");
        broker.create_topic(&topic, Partitions::Unpartitioned, true).expect("a topic");
        let (name, target) = (format!("{name}, {subscription_type}"), Target::with_script(answers));
        Self { name, subscription_type, broker, topic, target, ack_timeout, write_timeout: LIMIT }
    }

    fn sink(&self) -> TestSink {
        TestSink::new(&self.target, &[&self.topic], self.subscription_type)
    }

    async fn start(&self, sink: impl SinkConnector + 'static) -> Running {
        let set = |config: &mut ConnectorConfig| {
            config.batch_size = BATCH;
            config.flush_interval = Duration::from_millis(50);
            config.write_timeout = self.write_timeout;
            config.retry_backoff = Duration::from_millis(20);
            config.ack_timeout = self.ack_timeout;
        };
        Running::start(&self.broker.url(), sink, set).await.ready().await
    }

    fn publisher(&self) -> Publisher {
        let keyed = self.subscription_type == KeyShared;
        Publisher::start(&Load { url: self.broker.url(), topic: self.topic.clone(), partitions: None, keyed })
    }

    fn status(&self) -> SubscriptionStatus {
        self.broker.subscription(&self.topic, "test").expect("the subscription")
    }

    /// Publishes until this many records are written, and waits until everything is acknowledged.
    async fn run(&self, sink: impl SinkConnector + 'static, written: usize) -> Ledger {
        let running = self.start(sink).await;
        let publisher = self.publisher();
        self.target.holds(written).await;
        self.end(running, publisher).await
    }

    async fn end(&self, running: Running, publisher: Publisher) -> Ledger {
        let published = publisher.stop().await;
        let settled = || async { self.status().in_flight == 0 && self.status().backlog == 0 };
        until(&format!("{}: all acknowledged", self.name), settled).await;
        running.stop().await.expect("a clean end");
        assert!(!self.status().blocked);
        let what = format!("{}, {} redeliveries", self.name, self.status().redeliveries);
        published.compare(&what, &[&self.target])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_write_is_retried() {
    let cells = KINDS.map(|kind| async move {
        let bench = Bench::new("hangs", kind, [Write, Hang, Write, Hang, Hang]).await;
        let ledger = bench.run(bench.sink(), 100).await;
        assert_eq!(ledger, Ledger::CLEAN);
        if kind == Exclusive {
            assert!(bench.target.records().is_sorted_by_key(SinkRecord::offset));
        }
    });
    join_all(cells).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_write_that_succeeded_is_repeated() {
    let cells = KINDS.map(|kind| async move {
        let bench = Bench::new("writes and hangs", kind, [WriteAndHang, Write, WriteAndHang]).await;
        let Ledger { lost, duplicated, unexpected } = bench.run(bench.sink(), 100).await;
        // The runtime cannot know that the target has them: a connector that needs this writes by the record's id.
        let again = bench.target.batch_sizes()[0] + bench.target.batch_sizes()[3];
        assert_eq!((lost, duplicated, unexpected), (0, again, 0));
    });
    join_all(cells).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_target_gets_each_record_once() {
    let cells = KINDS.map(|kind| async move {
        let slow = repeat_n(WriteAfter(Duration::from_millis(100)), 15);
        let bench = Bench::new("slow", kind, slow).await;
        assert_eq!(bench.run(bench.sink(), 100).await, Ledger::CLEAN);
    });
    join_all(cells).await;
}

/// The broker redelivers overdue messages five times, and then blocks the subscription.
#[tokio::test(flavor = "multi_thread")]
async fn a_target_slower_than_the_ack_deadline_gets_each_record_once() {
    let cells = KINDS.map(|kind| async move {
        let slow = repeat_n(WriteAfter(Duration::from_millis(1_500)), 4);
        let mut bench = Bench::with_deadline("overdue", kind, slow, Duration::from_millis(1_000)).await;
        bench.write_timeout = Duration::from_secs(5);
        assert_eq!(bench.run(bench.sink(), 60).await, Ledger::CLEAN);
    });
    join_all(cells).await;
}

/// The broker redelivers messages in flight, which are not written again. Their acknowledgement must not wait for the next
/// redelivery, after the broker's ack timeout of thirty seconds.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_loss_during_a_write_does_not_delay_acknowledgements() {
    let cells = KINDS.map(|kind| async move {
        let mut bench = Bench::new("cut in a write", kind, [WriteAfter(Duration::from_secs(1))]).await;
        bench.write_timeout = Duration::from_secs(5);
        let running = bench.start(bench.sink()).await;
        let publisher = bench.publisher();
        until("the window full", || async { bench.status().in_flight >= 7 }).await;
        bench.broker.cut_connections();
        let started = Instant::now();
        publisher.confirms(60).await;
        assert_eq!(bench.end(running, publisher).await, Ledger::CLEAN);
        assert!(started.elapsed() < bench.ack_timeout / 2, "{kind}: acknowledged after {:?}", started.elapsed());
    });
    join_all(cells).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_failed_records_of_a_batch_are_retried() {
    let cells = KINDS.map(|kind| async move {
        let bench = Bench::new("every tenth", kind, []).await;
        let mut failed_once = HashSet::new();
        let sink = bench.sink().answering(move |numbers| {
            let tenth = numbers.iter().copied().filter(|number| number % 10 == 0 && failed_once.insert(*number));
            Answer::RetryNumbers(tenth.collect())
        });
        assert_eq!(bench.run(sink, 200).await, Ledger::CLEAN);
    });
    join_all(cells).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_panic_a_restarted_connector_continues() {
    let cells = KINDS.map(|kind| async move {
        let bench = Bench::new("panics", kind, [Write, Write, Write, Write, Panic]).await;
        let running = bench.start(bench.sink()).await;
        let publisher = bench.publisher();
        let error = running.end().await.expect_err("the panic");
        assert!(matches!(error, ConnectorError::Fatal { .. }), "{error:?}");
        let running = bench.start(bench.sink()).await;
        publisher.confirms(60).await;
        // The first process acknowledges what it wrote before it ends, so that the second does not write it again.
        assert_eq!(bench.end(running, publisher).await, Ledger::CLEAN);
    });
    join_all(cells).await;
}
