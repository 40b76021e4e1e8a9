//! Targets that hang, crawl, fail in part and panic, under load.

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
/// A write that takes longer is given up.
const LIMIT: Duration = Duration::from_millis(300);

/// A broker under load and a target of its own.
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

    /// With a broker that waits so long for an acknowledgement, and repeats five times.
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

    /// Runs until all is acknowledged that was published while so many records were written.
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
async fn a_write_that_hangs_and_did_nothing_is_tried_again() {
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
async fn a_write_that_hangs_and_went_through_is_written_again() {
    let cells = KINDS.map(|kind| async move {
        let bench = Bench::new("writes and hangs", kind, [WriteAndHang, Write, WriteAndHang]).await;
        let Ledger { lost, duplicated, strange } = bench.run(bench.sink(), 100).await;
        // The runtime cannot know that the target has them: a connector that needs this writes by the record's id.
        let again = bench.target.batch_sizes()[0] + bench.target.batch_sizes()[3];
        assert_eq!((lost, duplicated, strange), (0, again, 0));
    });
    join_all(cells).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_target_gets_everything_once() {
    let cells = KINDS.map(|kind| async move {
        let slow = repeat_n(WriteAfter(Duration::from_millis(100)), 15);
        let bench = Bench::new("slow", kind, slow).await;
        assert_eq!(bench.run(bench.sink(), 100).await, Ledger::CLEAN);
    });
    join_all(cells).await;
}

/// The broker repeats what it gets no acknowledgement for in time, five times, and then blocks the subscription.
#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_slower_than_the_ack_deadline_gets_everything_once() {
    let cells = KINDS.map(|kind| async move {
        let slow = repeat_n(WriteAfter(Duration::from_millis(1_500)), 4);
        let mut bench = Bench::with_deadline("overdue", kind, slow, Duration::from_millis(1_000)).await;
        bench.write_timeout = Duration::from_secs(5);
        assert_eq!(bench.run(bench.sink(), 60).await, Ledger::CLEAN);
    });
    join_all(cells).await;
}

/// The broker sends again what is in hand, and that is not written again; its acknowledgement must not wait for the next
/// time, which is the broker's ack timeout of thirty seconds later.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_during_a_write_delays_no_acknowledgement() {
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
async fn every_tenth_record_fails_and_the_others_are_not_written_again() {
    let cells = KINDS.map(|kind| async move {
        let bench = Bench::new("every tenth", kind, []).await;
        let mut asked = HashSet::new();
        let sink = bench.sink().judged(move |numbers| {
            let tenth = numbers.iter().copied().filter(|number| number % 10 == 0 && asked.insert(*number));
            Answer::RetryNumbers(tenth.collect())
        });
        assert_eq!(bench.run(sink, 200).await, Ledger::CLEAN);
    });
    join_all(cells).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_mid_load_ends_the_connector_and_the_next_one_goes_on() {
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
