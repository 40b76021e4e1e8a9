//! A broker's reader that ended, and `subscription reset`, which starts a new one.

use super::*;
use crate::{
    cli::reset,
    config::SubscriptionType::{Exclusive, Shared},
    dev::Keep,
};

fn options(yes: bool) -> reset::Options {
    reset::Options { topic: None, yes }
}

#[tokio::test]
async fn an_ended_reader_is_reported_and_a_reset_fixes_it() {
    let realism = Realism { log_reader_ends: true, cache_capacity: 100, ..Realism::default() };
    let mut broker = broker(realism, 100).await;
    let target = Target::default();
    let config = config(&broker, Exclusive, false);
    let running = Running::start(&config, &target).await;
    publish(&broker, 1).await;
    target.holds(1).await;
    until("the cursor", || async { dispatched(&broker).cursor == Some(0) }).await;
    running.stop().await;
    broker.restart(Keep::Everything).await.unwrap();
    // More is published while no consumer is attached than the queue and the cache hold.
    publish(&broker, 1_500).await;
    let running = Running::start(&config, &target).await;
    until("the reader's end", || async { dispatched(&broker).reader_error.is_some() }).await;
    until("the messages of its queue", || async { broker.subscription(TOPIC, SUBSCRIPTION).unwrap().in_flight == 0 })
        .await;
    running.checks(1).await;
    let reported = async {
        let mut intervals = 0;
        while running.metric("intake_readers_ended_total").await != Some(1) {
            publish(&broker, 1).await;
            tokio::time::sleep(INTERVAL).await;
            intervals += 1;
            assert!(intervals < 100, "not reported");
        }
        intervals
    };
    // A minute at the real interval, with tolerance for a slow machine.
    assert!(reported.await <= 6);
    assert_eq!(running.events("the broker stopped sending").await, 1);
    assert!(running.handle.is_ready());

    let error = reset::run(&config, options(true)).await.unwrap_err().to_string();
    assert!(error.contains("1 of 1 subscriptions were not reset"), "the connector is attached: {error}");
    running.stop().await;
    let before = target.offsets().len();
    let error = reset::run(&config, options(false)).await.unwrap_err().to_string();
    assert!(error.contains("nothing was changed"), "{error}");
    assert!(dispatched(&broker).reader_error.is_some());
    reset::run(&config, options(true)).await.unwrap();
    assert_eq!(dispatched(&broker).reader_error, None);

    // The new subscription starts at the reset, not at the start of the connector.
    publish(&broker, 5).await;
    let running = Running::start(&config, &target).await;
    publish(&broker, 5).await;
    target.holds(before + 10).await;
    running.stop().await;
}

#[tokio::test]
async fn a_reset_reports_unknown_topics_and_a_missing_admin_url() {
    let broker = broker(Realism::default(), 10).await;
    let mut config = config(&broker, Shared, false);
    reset::run(&config, options(true)).await.expect("there is no subscription to reset");
    assert!(broker.dispatch_status(TOPIC, SUBSCRIPTION).is_empty());
    let other = reset::Options { topic: Some("/default/other".to_owned()), yes: true };
    let error = reset::run(&config, other).await.unwrap_err().to_string();
    assert!(error.contains("/default/other does not exist or is not mapped"), "{error}");
    config.danube_admin_url = None;
    let error = reset::run(&config, options(true)).await.unwrap_err().to_string();
    assert!(error.contains("set danube_admin_url"), "{error}");
}
