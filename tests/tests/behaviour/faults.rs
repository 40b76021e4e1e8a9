//! A fault strikes under load, and whatever was confirmed is in the target afterwards.
//!
//! Each fault meets each subscription type, on a topic without partitions and on one of three. A cell has a broker of its
//! own, which publishers and the runtime lose and find again. One process lives through it all: it remembers what it
//! wrote, so that nothing is written twice either.

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

/// Records that are written before the fault, and confirmed after it.
const AROUND: u64 = 60;

/// One combination under one fault.
struct Cell {
    name: String,
    subscription_type: SubscriptionType,
    broker: EmbeddedBroker,
    topic: String,
    target: Target,
    running: Running,
    publisher: Publisher,
    /// What the broker had before it lost everything, if it did.
    gone: HashSet<u64>,
}

/// A cell after its fault, when the broker has nothing left to deliver.
struct Outcome {
    name: String,
    broker: EmbeddedBroker,
    topic: String,
    target: Target,
    published: Published,
    status: SubscriptionStatus,
    gone: HashSet<u64>,
}

impl Cell {
    /// Begins, and returns in mid-load.
    async fn begin(name: &str, subscription_type: SubscriptionType, partitions: Option<u64>) -> Self {
        // Deadlines and delays are short, so that what depends on a redelivery shows soon.
        let failure_policy = FailurePolicy {
            ack_timeout: Duration::from_secs(2),
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
        let name =
            format!("{name}, {subscription_type}, {}", partitions.map_or("whole".into(), |n| format!("{n} parts")));
        Self { name, subscription_type, broker, topic, target, running, publisher, gone: HashSet::new() }
    }

    fn faults(&self) -> &Faults {
        self.broker.faults()
    }

    fn status(&self) -> SubscriptionStatus {
        self.broker.subscription(&self.topic, "test").expect("the subscription")
    }

    /// Returns when the runtime has noticed.
    async fn unready(&self) {
        until("the fault noticed", || async { !self.running.handle.is_ready() }).await;
    }

    /// Returns when so many messages wait for the subscription.
    async fn backlog(&self, count: u64) {
        until("a backlog", || async { self.status().backlog >= count }).await;
    }

    /// Publishers and runtime are back; lets the load end, and what was published arrive.
    async fn end(self) -> Outcome {
        self.publisher.confirms(AROUND).await;
        let Self { name, subscription_type, broker, topic, target, running, publisher, gone } = self;
        let published = publisher.stop().await;
        let settled = || async {
            let status = broker.subscription(&topic, "test").expect("the subscription");
            status.in_flight == 0 && status.backlog == 0
        };
        until(&format!("{name}: all acknowledged"), settled).await;
        running.stop().await.expect("a clean end");
        let status = broker.subscription(&topic, "test").expect("the subscription");
        if subscription_type != Shared {
            assert_in_order(&name, subscription_type, &target, &gone);
        }
        Outcome { name, broker, topic, target, published, status, gone }
    }
}

impl Outcome {
    fn ledger(&self) -> Ledger {
        let what = format!("{}, {} redeliveries", self.name, self.status.redeliveries);
        self.published.compare(&what, &[&self.target])
    }
}

/// Within each partition, or each key: the order of the broker's offsets.
///
/// Numbers have no order: a record that is not confirmed may reach the broker late. Offsets begin again where the broker
/// lost its messages.
fn assert_in_order(name: &str, subscription_type: SubscriptionType, target: &Target, gone: &HashSet<u64>) {
    let mut last = HashMap::new();
    for (record, number) in target.records().iter().zip(target.numbers()) {
        let key = record.key().filter(|_| subscription_type == KeyShared).map(str::to_owned);
        let line = (record.partition(), key, gone.contains(&number));
        let offset = record.offset();
        if let Some(before) = last.insert(line.clone(), offset) {
            assert!(before < offset, "{name}: {line:?} has {offset} after {before}");
        }
    }
}

fn combinations() -> impl Iterator<Item = (SubscriptionType, Option<u64>)> {
    [Exclusive, Failover, Shared, KeyShared].into_iter().flat_map(|kind| [(kind, None), (kind, Some(3))])
}

/// Runs one fault in every combination at once; each cell's outcome.
async fn matrix<F: Future<Output = Outcome>>(name: &str, strike: impl Fn(Cell) -> F) -> Vec<Outcome> {
    let strike = &strike;
    join_all(
        combinations().map(|(kind, partitions)| async move { strike(Cell::begin(name, kind, partitions).await).await }),
    )
    .await
}

/// Runs one fault in every combination; everything confirmed arrives, and nothing twice.
async fn nothing_is_lost<F: Future<Output = Outcome>>(name: &str, strike: impl Fn(Cell) -> F) {
    let ledgers: Vec<_> = matrix(name, strike).await.iter().map(Outcome::ledger).collect();
    assert!(ledgers.iter().all(|ledger| *ledger == Ledger::CLEAN), "{name}: {ledgers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_for_a_second() {
    nothing_is_lost("broker away", |mut cell| async {
        cell.broker.go_down().await;
        cell.unready().await;
        sleep(Duration::from_secs(1)).await;
        cell.broker.come_back(Keep::Everything).await.expect("the same port");
        cell.end().await
    })
    .await;
}

/// The broker loses what it had not delivered, although it was confirmed; and only that.
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_begins_again_at_offset_zero() {
    let strike = |mut cell: Cell| async {
        // Something has to be lost for the comparison to mean anything.
        cell.faults().set_stalled(true);
        cell.backlog(40).await;
        cell.broker.go_down().await;
        let undelivered = cell.status().backlog + cell.status().in_flight;
        cell.gone = numbers(&cell.broker, &cell.topic);
        cell.faults().set_stalled(false);
        cell.broker.come_back(Keep::Metadata).await.expect("the same port");
        (cell.end().await, undelivered)
    };
    let cells = combinations()
        .map(|(kind, partitions)| async move { strike(Cell::begin("offsets at 0", kind, partitions).await).await });
    for (outcome, undelivered) in join_all(cells).await {
        let ledger = outcome.ledger();
        assert_eq!((ledger.duplicated, ledger.strange), (0, 0));
        let missing = outcome.published.missing(&outcome.target);
        assert!(missing.is_subset(&outcome.gone), "{}: lost after the restart: {missing:?}", outcome.name);
        assert!(missing.len() as u64 <= undelivered, "{}: {undelivered} were not delivered", outcome.name);
        let held: HashSet<_> = outcome.target.numbers().into_iter().collect();
        assert!(numbers(&outcome.broker, &outcome.topic).is_subset(&held), "{}", outcome.name);
    }
}

/// What the broker has.
fn numbers(broker: &EmbeddedBroker, topic: &str) -> HashSet<u64> {
    let number = |payload: &[u8]| {
        let value: serde_json::Value = serde_json::from_slice(payload).expect("JSON");
        value["number"].as_u64().expect("a number")
    };
    broker.messages(topic).iter().map(|message| number(&message.payload)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_sends_nothing_for_a_while() {
    nothing_is_lost("stalled", |cell| async {
        cell.faults().set_stalled(true);
        // Sooner than the broker's ack timeout also on a busy machine: a broker that repeats what it has not sent yet sends
        // it after newer messages.
        cell.backlog(30).await;
        cell.faults().set_stalled(false);
        cell.end().await
    })
    .await;
}

/// The connection stays open and nothing comes or goes: only the unanswered health check shows it.
#[tokio::test(flavor = "multi_thread")]
async fn a_half_open_connection() {
    nothing_is_lost("half-open", |cell| async {
        cell.faults().set_frozen(true);
        cell.unready().await;
        cell.faults().set_frozen(false);
        cell.end().await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledgements_whose_answer_is_lost() {
    acknowledgements("answers lost", Acks::AnswerLost).await;
}

/// For longer than acknowledgements are retried at once: the broker sends the message again, and it is acknowledged then.
#[tokio::test(flavor = "multi_thread")]
async fn acknowledgements_that_are_refused_for_a_while() {
    acknowledgements("acks refused", Acks::Refused).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledgements_that_do_not_count_for_a_while() {
    acknowledgements("acks ignored", Acks::Ignored).await;
}

async fn acknowledgements(name: &str, acks: Acks) {
    nothing_is_lost(name, |cell| async move {
        cell.faults().set_acks(acks);
        sleep(Duration::from_secs(3)).await;
        cell.faults().set_acks(Acks::Taken);
        cell.end().await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_closes_its_consumers() {
    nothing_is_lost("CLOSE", |cell| async {
        cell.faults().set_close_health(true);
        let before = cell.status().redeliveries;
        // The runtime is away for some milliseconds only, but what was on its way to it is sent again.
        let attached_again = || async { cell.status().redeliveries > before || !cell.running.handle.is_ready() };
        until("the runtime detached", attached_again).await;
        cell.faults().set_close_health(false);
        cell.end().await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_end_again_and_again() {
    nothing_is_lost("kicked", |cell| async {
        for _ in 0..5 {
            cell.broker.kick();
            cell.publisher.confirms(30).await;
        }
        cell.end().await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_break_again_and_again() {
    nothing_is_lost("cut", |cell| async {
        for _ in 0..5 {
            cell.broker.cut_connections();
            cell.publisher.confirms(30).await;
        }
        cell.end().await
    })
    .await;
}

/// The broker never sends them, and loses them with that: nothing else is lost around the gap.
#[tokio::test(flavor = "multi_thread")]
async fn messages_that_are_skipped() {
    const SKIPPED: usize = 20;
    let outcomes = matrix("skipped", |cell| async {
        cell.faults().skip_messages(SKIPPED as u64);
        cell.end().await
    })
    .await;
    for outcome in outcomes {
        assert_eq!(outcome.ledger(), Ledger { lost: SKIPPED, duplicated: 0, strange: 0 });
        assert_eq!(outcome.status.published - outcome.status.acked, SKIPPED as u64);
    }
}

/// An acknowledgement names an offset only: one of before the restart would settle whatever has its offset now.
#[tokio::test(flavor = "multi_thread")]
async fn acknowledgements_of_before_a_restart_settle_nothing_of_after_it() {
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
    // Until they are written, which takes as long as the write that hangs.
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
