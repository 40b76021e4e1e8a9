//! Losses of a broker whose live tail skips messages.

use super::*;
use crate::config::SubscriptionType::{Exclusive, Shared};

fn skipping() -> Realism {
    Realism { live_tail_skips: true, ..Realism::default() }
}

/// Publishes a burst of 2 000 messages while the target hangs; the broker keeps a window and 256 of them.
async fn burst(config: &ConnectorConfig, broker: &EmbeddedBroker) -> (Running, Target) {
    let target = Target::default();
    let running = Running::start(config, &target).await;
    target.is_open.send_replace(false);
    publish(broker, 2_000).await;
    target.is_open.send_replace(true);
    let all = 2_000 - usize::try_from(dispatched(broker).skipped).unwrap();
    target.holds(all).await;
    (running, target)
}

#[tokio::test]
async fn a_gap_equals_the_skipped_messages_for_a_sole_consumer() {
    for (kind, sole_consumer) in [(Exclusive, false), (Shared, true)] {
        let broker = broker(skipping(), 10).await;
        let (running, target) = burst(&config(&broker, kind, sole_consumer), &broker).await;
        let skipped = dispatched(&broker).skipped;
        // The window was full, or partly full, before the tail advanced.
        assert!((2_000 - 10 - 256..=2_000 - 256).contains(&skipped), "{skipped}");
        running.shows("intake_gap_messages_total", skipped).await;
        running.shows("audit_missing_messages", skipped).await;
        assert_eq!(running.events("gap: ").await, 1);
        assert_eq!(running.events("audit: ").await, 0, "a gap is not reported twice");
        assert_eq!(target.offsets().len() as u64, 2_000 - skipped);
        running.stop().await;
    }
}

#[tokio::test]
async fn with_other_consumers_counts_and_offsets_are_metrics_and_no_loss_is_reported() {
    let broker = broker(skipping(), 10).await;
    let (running, _) = burst(&config(&broker, Shared, false), &broker).await;
    running.shows("intake_messages_total", 2_000 - dispatched(&broker).skipped).await;
    running.shows("intake_first_offset", 0).await;
    running.shows("intake_last_offset", 1_999).await;
    assert_eq!(running.metric("intake_gap_messages_total").await, Some(0));
    assert_eq!(running.metric("audit_missing_messages").await, None);
    running.stop().await;
}

#[tokio::test]
async fn a_backlog_that_waits_for_a_slow_target_is_no_loss() {
    let broker = broker(skipping(), 10).await;
    let target = Target::default();
    let running = Running::start(&config(&broker, Exclusive, false), &target).await;
    target.is_open.send_replace(false);
    publish(&broker, 200).await;
    running.checks(5).await;
    assert_eq!((running.metric("audit_missing_messages").await, running.events("audit").await), (Some(0), 0));
    target.is_open.send_replace(true);
    target.holds(200).await;
    running.checks(4).await;
    assert_eq!((running.metric("audit_missing_messages").await, running.events("audit").await), (Some(0), 0));
    running.stop().await;
}

#[tokio::test]
async fn a_gap_across_a_detachment_is_exact() {
    let broker = broker(skipping(), 10).await;
    let target = Target::default();
    let mut config = config(&broker, Exclusive, false);
    config.mappings[0].ack_timeout = Duration::from_secs(1);
    let running = Running::start(&config, &target).await;
    target.is_open.send_replace(false);
    publish(&broker, 10).await;
    until("detached", || async { running.get("/ready").await.contains("\"waiting\"") }).await;
    publish(&broker, 2_000).await;
    running.checks(4).await;
    assert_eq!(running.events("audit").await, 0, "no loss is reported while the subscription is detached");
    target.is_open.send_replace(true);
    until("the backlog", || async { broker.subscription(TOPIC, SUBSCRIPTION).unwrap().backlog == 0 }).await;
    let skipped = dispatched(&broker).skipped;
    assert!((2_000 - 10 - 256..=2_000 - 256).contains(&skipped), "{skipped}");
    running.shows("intake_gap_messages_total", skipped).await;
    running.shows("audit_missing_messages", skipped).await;
    running.stop().await;
}

#[tokio::test]
async fn flowing_messages_are_no_loss() {
    let broker = broker(Realism::all(), 100).await;
    let target = Target::default();
    let running = Running::start(&config(&broker, Exclusive, false), &target).await;
    let end = tokio::time::Instant::now() + INTERVAL * 8;
    let mut published = 0;
    while tokio::time::Instant::now() < end {
        publish(&broker, 50).await;
        published += 50;
    }
    assert_eq!(running.metric("audit_missing_messages").await, Some(0));
    target.holds(published).await;
    running.checks(4).await;
    assert_eq!(running.metric("audit_missing_messages").await, Some(0));
    assert_eq!(running.events("audit").await + running.events("the broker stopped").await, 0);
    assert_eq!(dispatched(&broker).skipped, 0);
    running.stop().await;
}
