//! Losses after a restart of the broker.

use super::*;
use crate::{config::SubscriptionType::Exclusive, dev::Keep};

/// Restarts the broker while nothing is published, and waits until the connector and the audit have detected it.
async fn restart(broker: &mut EmbeddedBroker, running: &Running) {
    broker.go_down().await;
    until("the outage", || async { !running.handle.is_ready() }).await;
    broker.restart(Keep::Metadata).await.unwrap();
    assert!(running.handle.ready().await);
    until("the new counter", || async { running.events("audit: the broker's counter was reset").await == 1 }).await;
}

#[tokio::test]
async fn messages_that_a_restarted_broker_skips_below_the_old_cursor_are_counted() {
    let realism = Realism { offsets_below_cursor_are_skipped: true, ..Realism::default() };
    let mut broker = broker(realism, 10).await;
    let target = Target::default();
    let running = Running::start(&config(&broker, Exclusive, false), &target).await;
    publish(&broker, 40).await;
    target.holds(40).await;
    until("the cursor", || async { dispatched(&broker).cursor == Some(39) }).await;
    running.checks(1).await;
    restart(&mut broker, &running).await;

    publish(&broker, 100).await;
    target.holds(100).await;
    assert_eq!(dispatched(&broker).skipped, 40);
    running.shows("audit_missing_messages", 40).await;
    until("the loss", || async { running.events("audit: 40 messages are missing").await == 1 }).await;
    assert_eq!(running.metric("intake_gap_messages_total").await, Some(0), "offsets do not show it");
    running.checks(4).await;
    assert_eq!(running.events("audit: 40 messages are missing").await, 1);
    running.stop().await;
}

#[tokio::test]
async fn restarted_offsets_are_reported_and_nothing_is_missing() {
    let mut broker = broker(Realism::default(), 10).await;
    let target = Target::default();
    let running = Running::start(&config(&broker, Exclusive, false), &target).await;
    publish(&broker, 40).await;
    target.holds(40).await;
    running.checks(1).await;
    restart(&mut broker, &running).await;
    publish(&broker, 30).await;
    target.holds(70).await;
    running.shows("intake_offset_restarts_total", 1).await;
    assert_eq!(running.events("offsets restarted").await, 1);
    running.checks(4).await;
    assert_eq!(running.metric("audit_missing_messages").await, Some(0));
    running.stop().await;
}

#[tokio::test]
async fn without_an_audit_a_restart_with_continuing_offsets_is_a_possible_loss() {
    let realism = Realism { offsets_below_cursor_are_skipped: true, ..Realism::default() };
    let mut broker = broker(realism, 10).await;
    let target = Target::default();
    let mut config = config(&broker, Exclusive, false);
    config.broker_metrics_urls.clear();
    let running = Running::start(&config, &target).await;
    publish(&broker, 40).await;
    target.holds(40).await;
    until("the cursor", || async { dispatched(&broker).cursor == Some(39) }).await;
    broker.go_down().await;
    until("the outage", || async { !running.handle.is_ready() }).await;
    // A broker takes longer than a second to start, and so does a jump of publish times.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    broker.restart(Keep::Metadata).await.unwrap();
    assert!(running.handle.ready().await);
    publish(&broker, 100).await;
    target.holds(100).await;
    running.shows("intake_possible_losses_total", 1).await;
    assert_eq!(running.events("possible loss").await, 1);
    assert_eq!(running.metric("intake_offset_restarts_total").await, Some(0));
    running.stop().await;
}

#[tokio::test]
async fn a_metrics_url_that_is_listed_twice_counts_once() {
    let broker = broker(Realism::default(), 10).await;
    let target = Target::default();
    let mut config = config(&broker, Exclusive, false);
    config.broker_metrics_urls.push(config.broker_metrics_urls[0].clone());
    let running = Running::start(&config, &target).await;
    publish(&broker, 40).await;
    target.holds(40).await;
    running.checks(4).await;
    assert_eq!(running.metric("audit_missing_messages").await, Some(0));
    running.stop().await;
}

#[tokio::test]
async fn unreadable_metrics_of_one_broker_do_not_affect_the_others() {
    let broker = broker(Realism { live_tail_skips: true, ..Realism::default() }, 10).await;
    let target = Target::default();
    let mut config = config(&broker, Exclusive, false);
    config.broker_metrics_urls.push("http://127.0.0.1:1/metrics".to_owned());
    let running = Running::start(&config, &target).await;
    target.is_open.send_replace(false);
    publish(&broker, 300).await;
    target.is_open.send_replace(true);
    running.shows("audit_missing_messages", 300 - 10 - 256).await;
    assert!(running.handle.is_ready());
    running.stop().await;
    config.broker_metrics_urls = vec!["https://127.0.0.1/metrics".to_owned()];
    let sink = Sink { target, consumer: config.mappings[0].consumer.clone() };
    let error = SinkRuntime::new(sink, config).await.unwrap_err().to_string();
    assert!(error.contains("only http is supported"), "{error}");
}
