//! Takeover: of two consumers with one name, the later one gets the subscription, and the earlier one waits.
//!
//! KeyShared consumers attach under a new name each time, and share the keys instead.

use std::time::Duration;

use danube_sink::{
    ConnectorConfig,
    SubscriptionType::{self, Exclusive, Failover, Shared},
    dev::{BrokerOptions, Partitions},
};
use danube_sink_tests::{Broker, Ledger, Load, Publisher, Target, TestSink, get, topic, until};
use tokio::time::sleep;

use crate::Running;

/// Longer than the interval between two of the runtime's checks of the broker.
const LONG: Duration = Duration::from_secs(7);

#[tokio::test(flavor = "multi_thread")]
async fn the_earlier_of_two_consumers_waits_and_resumes_after_the_later_one() {
    tokio::join!(takeover(Exclusive), takeover(Failover), takeover(Shared));
}

async fn takeover(subscription_type: SubscriptionType) {
    let embedded = Broker::embedded(BrokerOptions::default()).await.embedded.expect("an embedded broker");
    let topic = topic("takeover");
    embedded.create_topic(&topic, Partitions::Unpartitioned, true).expect("a topic");
    let (first, second) = (Target::default(), Target::default());
    let start = async |target: &Target| {
        let quick = |config: &mut ConnectorConfig| config.flush_interval = Duration::from_millis(50);
        let sink = TestSink::new(target, &[&topic], subscription_type);
        Running::start(&embedded.url(), sink, quick).await.ready().await
    };
    let earlier = start(&first).await;
    let load = Load { url: embedded.url(), topic: topic.clone(), partitions: None, keyed: false };
    let publisher = Publisher::start(&load);
    first.holds(60).await;

    let later = start(&second).await;
    let probe = earlier.handle.metrics_address();
    let reported = || async { get(probe, "/ready").await.1.contains("another consumer attached as test-sink") };
    until("the takeover in /ready", reported).await;
    second.holds(60).await;
    let status = || embedded.subscription(&topic, "test").expect("the subscription");
    let (held, redeliveries) = (first.len(), status().redeliveries);
    sleep(LONG).await;
    assert!(later.handle.is_ready() && !earlier.handle.is_ready());
    assert_eq!((first.len(), status().redeliveries), (held, redeliveries), "the earlier one reattached");

    later.stop().await.expect("a clean end");
    let earlier = earlier.ready().await;
    publisher.confirms(60).await;
    let published = publisher.stop().await;
    let settled = || async { status().in_flight == 0 && status().backlog == 0 };
    until("all acknowledged", settled).await;
    earlier.stop().await.expect("a clean end");

    let Ledger { lost, duplicated, unexpected } =
        published.compare(&format!("takeover, {subscription_type}"), &[&first, &second]);
    assert_eq!((lost, unexpected), (0, 0));
    // The records in flight at the earlier one are redelivered to the later one, which cannot know whether they are written:
    // at most the broker's window.
    assert!(duplicated <= 10, "{duplicated}");
}
