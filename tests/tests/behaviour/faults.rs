//! Faults of the broker under load: afterwards every confirmed record is in the target once.
//!
//! Each fault is tested with each subscription type, on an unpartitioned topic and on one with three partitions. Each cell has
//! a broker of its own, to which publishers and the runtime reconnect. The connector's process survives, so it recognizes
//! redelivered records and does not write them again.

use std::{
    collections::{HashMap, HashSet},
    future::Future,
    time::Duration,
};

use danube_sink::{
    ConnectorConfig,
    SubscriptionType::{self, Exclusive, Failover, KeyShared, Shared},
    dev::{Acks, BrokerOptions, EmbeddedBroker, FailurePolicy, Faults, Keep, Partitions, SubscriptionStatus},
};
use danube_sink_tests::{Answer, Broker, Ledger, Load, Published, Publisher, Target, TestSink, metric, topic, until};
use futures_util::future::join_all;
use tokio::time::sleep;

use crate::Running;

/// Number of records that are written before the fault, and confirmed after it.
const AROUND: u64 = 60;
/// Ack timeout where acknowledgements do not count: shorter than the fault.
const DEADLINE: Duration = Duration::from_secs(2);

/// One combination of subscription type and partitions, under one fault.
struct Cell {
    name: String,
    subscription_type: SubscriptionType,
    broker: EmbeddedBroker,
    topic: String,
    target: Target,
    running: Running,
    publisher: Publisher,
    /// Numbers that the broker had before it lost its messages; empty if it did not.
    before_loss: HashSet<u64>,
}

/// Result of a cell, after the broker has delivered everything.
struct Outcome {
    name: String,
    broker: EmbeddedBroker,
    topic: String,
    target: Target,
    published: Published,
    status: SubscriptionStatus,
    before_loss: HashSet<u64>,
}

impl Cell {
    /// Starts a cell. Returns while it is under load.
    ///
    /// No delivery expires, also on a busy machine: a broker that redelivers unsent messages sends them after newer ones.
    async fn begin(name: &str, subscription_type: SubscriptionType, partitions: Option<u64>) -> Self {
        Self::begin_with(name, subscription_type, partitions, FailurePolicy::default().ack_timeout).await
    }

    async fn begin_with(
        name: &str,
        subscription_type: SubscriptionType,
        partitions: Option<u64>,
        ack_timeout: Duration,
    ) -> Self {
        // Delays are short, so that redeliveries happen soon.
        let failure_policy = FailurePolicy {
            ack_timeout,
            max_redelivery_count: 1_000,
            base_redelivery_delay: Duration::from_millis(100),
            max_redelivery_delay: Duration::from_millis(400),
            ..FailurePolicy::default()
        };
        let options = BrokerOptions { failure_policy, ..BrokerOptions::default() };
        let broker = Broker::embedded(options).await.embedded.expect("an embedded broker");
        let topic = topic("fault");
        let count = partitions.map_or(Partitions::Unpartitioned, |count| Partitions::Of(count as usize));
        broker.create_topic(&topic, count, true).expect("a topic");
        let target = Target::default();
        let sink = TestSink::new(&target, &[&topic], subscription_type);
        let quick = |config: &mut ConnectorConfig| config.flush_interval = Duration::from_millis(50);
        let running = Running::start(&broker.url(), sink, quick).await.ready().await;
        let keyed = subscription_type == KeyShared;
        let publisher = Publisher::start(&Load { url: broker.url(), topic: topic.clone(), partitions, keyed });
        target.holds(AROUND as usize).await;
        let name = format!(
            "{name}, {subscription_type}, {}",
            partitions.map_or("unpartitioned".into(), |n| format!("{n} partitions"))
        );
        Self { name, subscription_type, broker, topic, target, running, publisher, before_loss: HashSet::new() }
    }

    fn faults(&self) -> &Faults {
        self.broker.faults()
    }

    fn status(&self) -> SubscriptionStatus {
        self.broker.subscription(&self.topic, "test").expect("the subscription")
    }

    /// Waits until the runtime has detected the fault.
    async fn unready(&self) {
        until("the fault noticed", || async { !self.running.handle.is_ready() }).await;
    }

    /// Waits until the subscription's backlog has this many messages.
    async fn backlog(&self, count: u64) {
        until("a backlog", || async { self.status().backlog >= count }).await;
    }

    /// Ends the load once publishers and runtime have recovered, and waits until everything is acknowledged.
    async fn end(self) -> Outcome {
        self.publisher.confirms(AROUND).await;
        let Self { name, subscription_type, broker, topic, target, running, publisher, before_loss } = self;
        let published = publisher.stop().await;
        let settled = || async {
            let status = broker.subscription(&topic, "test").expect("the subscription");
            status.in_flight == 0 && status.backlog == 0
        };
        until(&format!("{name}: all acknowledged"), settled).await;
        running.stop().await.expect("a clean end");
        let status = broker.subscription(&topic, "test").expect("the subscription");
        if subscription_type != Shared {
            assert_in_order(&name, subscription_type, &target, &before_loss);
        }
        Outcome { name, broker, topic, target, published, status, before_loss }
    }
}

impl Outcome {
    fn ledger(&self) -> Ledger {
        let what = format!("{}, {} redeliveries", self.name, self.status.redeliveries);
        self.published.compare(&what, &[&self.target])
    }
}

/// Asserts that records were written in the order of the broker's offsets within each partition, or each key.
///
/// Numbers have no order: an unconfirmed record may reach the broker late. Offsets restart at zero when the broker loses its
/// messages.
fn assert_in_order(name: &str, subscription_type: SubscriptionType, target: &Target, before_loss: &HashSet<u64>) {
    let mut last = HashMap::new();
    for (record, number) in target.records().iter().zip(target.numbers()) {
        let key = record.key().filter(|_| subscription_type == KeyShared).map(str::to_owned);
        let sequence = (record.partition(), key, before_loss.contains(&number));
        let offset = record.offset();
        if let Some(before) = last.insert(sequence.clone(), offset) {
            assert!(before < offset, "{name}: {sequence:?} has {offset} after {before}");
        }
    }
}

fn combinations() -> impl Iterator<Item = (SubscriptionType, Option<u64>)> {
    [Exclusive, Failover, Shared, KeyShared].into_iter().flat_map(|kind| [(kind, None), (kind, Some(3))])
}

/// Injects one fault in every combination concurrently. Returns each cell's outcome.
async fn matrix<F: Future<Output = Outcome>>(name: &str, inject: impl Fn(Cell) -> F) -> Vec<Outcome> {
    let inject = &inject;
    join_all(
        combinations().map(|(kind, partitions)| async move { inject(Cell::begin(name, kind, partitions).await).await }),
    )
    .await
}

/// Injects one fault in every combination, and asserts that every confirmed record arrived once.
async fn assert_nothing_lost<F: Future<Output = Outcome>>(name: &str, inject: impl Fn(Cell) -> F) {
    assert_clean(name, &matrix(name, inject).await);
}

/// Asserts that every confirmed record arrived once in each cell.
fn assert_clean(name: &str, outcomes: &[Outcome]) {
    let ledgers: Vec<_> = outcomes.iter().map(Outcome::ledger).collect();
    assert!(ledgers.iter().all(|ledger| *ledger == Ledger::CLEAN), "{name}: {ledgers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_outage_of_a_second_loses_nothing() {
    assert_nothing_lost("broker away", |mut cell| async {
        cell.broker.go_down().await;
        cell.unready().await;
        sleep(Duration::from_secs(1)).await;
        cell.broker.restart(Keep::Everything).await.expect("the same port");
        cell.end().await
    })
    .await;
}

/// The restarted broker loses confirmed messages that it had not delivered, and only these.
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_restarts_at_offset_zero_loses_only_undelivered_records() {
    let inject = |mut cell: Cell| async {
        // The comparison needs a loss.
        cell.faults().set_stalled(true);
        cell.backlog(40).await;
        cell.broker.go_down().await;
        let undelivered = cell.status().backlog + cell.status().in_flight;
        cell.before_loss = numbers(&cell.broker, &cell.topic);
        cell.faults().set_stalled(false);
        cell.broker.restart(Keep::Metadata).await.expect("the same port");
        (cell.end().await, undelivered)
    };
    let cells = combinations()
        .map(|(kind, partitions)| async move { inject(Cell::begin("offsets at 0", kind, partitions).await).await });
    for (outcome, undelivered) in join_all(cells).await {
        let ledger = outcome.ledger();
        assert_eq!((ledger.duplicated, ledger.unexpected), (0, 0));
        let missing = outcome.published.missing(&outcome.target);
        assert!(missing.is_subset(&outcome.before_loss), "{}: lost after the restart: {missing:?}", outcome.name);
        assert!(missing.len() as u64 <= undelivered, "{}: {undelivered} were not delivered", outcome.name);
        let held: HashSet<_> = outcome.target.numbers().into_iter().collect();
        assert!(numbers(&outcome.broker, &outcome.topic).is_subset(&held), "{}", outcome.name);
    }
}

/// Numbers of the broker's messages.
fn numbers(broker: &EmbeddedBroker, topic: &str) -> HashSet<u64> {
    let number = |payload: &[u8]| {
        let value: serde_json::Value = serde_json::from_slice(payload).expect("JSON");
        value["number"].as_u64().expect("a number")
    };
    broker.messages(topic).iter().map(|message| number(&message.payload)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_broker_loses_nothing() {
    assert_nothing_lost("stalled", |cell| async {
        cell.faults().set_stalled(true);
        cell.backlog(30).await;
        cell.faults().set_stalled(false);
        cell.end().await
    })
    .await;
}

/// The connection stays open without traffic: only the unanswered health check detects it.
#[tokio::test(flavor = "multi_thread")]
async fn a_half_open_connection_loses_nothing() {
    assert_nothing_lost("half-open", |cell| async {
        cell.faults().set_frozen(true);
        cell.unready().await;
        cell.faults().set_frozen(false);
        cell.end().await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_responses_to_acknowledgements_lose_nothing() {
    acknowledgements("answers lost", Acks::AnswerLost, FailurePolicy::default().ack_timeout).await;
}

/// The fault lasts longer than immediate retries of acknowledgements: the broker redelivers, and the runtime acknowledges then.
#[tokio::test(flavor = "multi_thread")]
async fn refused_acknowledgements_lose_nothing() {
    acknowledgements("acks refused", Acks::Refused, DEADLINE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ignored_acknowledgements_lose_nothing() {
    acknowledgements("acks ignored", Acks::Ignored, DEADLINE).await;
}

async fn acknowledgements(name: &str, acks: Acks, ack_timeout: Duration) {
    let cells = combinations().map(|(kind, partitions)| async move {
        let cell = Cell::begin_with(name, kind, partitions, ack_timeout).await;
        cell.faults().set_acks(acks);
        sleep(Duration::from_secs(3)).await;
        cell.faults().set_acks(Acks::Taken);
        cell.end().await
    });
    assert_clean(name, &join_all(cells).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_closes_its_consumers_loses_nothing() {
    assert_nothing_lost("CLOSE", |cell| async {
        cell.faults().set_close_health(true);
        let before = cell.status().redeliveries;
        // The runtime is detached for a few milliseconds only, but messages in flight are redelivered.
        let attached_again = || async { cell.status().redeliveries > before || !cell.running.handle.is_ready() };
        until("the runtime detached", attached_again).await;
        cell.faults().set_close_health(false);
        cell.end().await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_stream_ends_lose_nothing() {
    assert_nothing_lost("kicked", |cell| async {
        for _ in 0..5 {
            cell.broker.kick();
            cell.publisher.confirms(30).await;
        }
        cell.end().await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_connection_losses_lose_nothing() {
    assert_nothing_lost("cut", |cell| async {
        for _ in 0..5 {
            cell.broker.cut_connections();
            cell.publisher.confirms(30).await;
        }
        cell.end().await
    })
    .await;
}

/// The broker never delivers the skipped messages; no other message around the gap is lost.
#[tokio::test(flavor = "multi_thread")]
async fn messages_that_the_broker_skips_are_the_only_loss() {
    const SKIPPED: usize = 20;
    let outcomes = matrix("skipped", |cell| async {
        cell.faults().skip_messages(SKIPPED as u64);
        cell.end().await
    })
    .await;
    for outcome in outcomes {
        let ledger = outcome.ledger();
        // The broker may have skipped one that it had not confirmed.
        assert!(ledger.lost <= SKIPPED && ledger.duplicated + ledger.unexpected == 0, "{ledger:?}");
        assert_eq!(outcome.status.published - outcome.status.acked, SKIPPED as u64);
        assert_eq!(outcome.target.numbers().len() + SKIPPED, outcome.status.published as usize);
    }
}

/// An acknowledgement names an offset only: a late one from before the restart would settle the new message at its offset.
#[tokio::test(flavor = "multi_thread")]
async fn acknowledgements_from_before_a_restart_settle_no_newer_message() {
    let mut broker = Broker::embedded(BrokerOptions::default()).await;
    let topic = topic("stale");
    drop(broker.producer(&topic, "creator", None).await);
    let target = Target::with_script([Answer::Write, Answer::Hang]);
    let sink = TestSink::new(&target, &[&topic], Exclusive);
    let set = |config: &mut ConnectorConfig| {
        config.flush_interval = Duration::from_millis(50);
        config.write_timeout = Duration::from_secs(5);
    };
    let running = Running::start(broker.url(), sink, set).await.ready().await;
    let url = broker.url().to_owned();
    let embedded = broker.embedded.as_mut().expect("an embedded broker");
    embedded.faults().set_acks(Acks::Refused);
    embedded.faults().set_ack_delay(Duration::from_millis(200));
    danube_sink_tests::flood(&url, &topic, 0..3).await;
    target.holds(3).await;
    embedded.restart(Keep::Metadata).await.expect("the same port");
    embedded.faults().set_acks(Acks::Taken);
    let confirmed = danube_sink_tests::flood(&url, &topic, 3..6).await;

    let probe = running.handle.metrics_address();
    let received = || async { metric(probe, "danube_sink_intake_messages_total").await >= 6.0 };
    until("the new messages received", received).await;
    // Until they are written, after the hanging write has timed out.
    loop {
        let acked = embedded.subscription(&topic, "test").expect("the subscription").acked;
        if target.len() > 3 {
            break;
        }
        assert_eq!(acked, 0, "acknowledged before the target has it");
        sleep(Duration::from_millis(20)).await;
    }
    target.holds(6).await;
    running.stop().await.expect("a clean end");
    let all: Vec<_> = (0..3).chain(confirmed).collect();
    assert_eq!(Ledger::compare("stale acknowledgements", &all, &target.numbers()), Ledger::CLEAN);
}
