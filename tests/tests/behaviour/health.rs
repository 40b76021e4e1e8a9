//! Health and metrics endpoints: `/live`, `/ready` and `/metrics`.

use std::{net::Ipv6Addr, time::Duration};

use danube_sink::{SubscriptionType::Exclusive, dev::BrokerOptions};
use danube_sink_tests::{Answer, Broker, Target, TestSink, flood, get, labelled, metric, payload, topic, until};
use tokio::net::TcpStream;

use crate::Running;

#[tokio::test(flavor = "multi_thread")]
async fn a_running_connector_is_live_and_ready_and_counts_records() {
    let broker = Broker::start().await;
    let topic = topic("health");
    drop(broker.producer(&topic, "creator", None).await);
    let target = Target::default();
    let sink = TestSink::new(&target, &[&topic], Exclusive);
    let running = Running::start(broker.url(), sink, |_| {}).await.ready().await;
    let address = running.handle.metrics_address();
    assert_eq!(get(address, "/live").await.0, 200);
    assert_eq!(get(address, "/ready").await.0, 200);
    broker.publish(&topic, None, 0..40, &target).await;
    target.holds(40).await;
    until("forty acks", || async { metric(address, "danube_sink_settle_acks_total").await == 40.0 }).await;
    assert_eq!(metric(address, "danube_sink_settle_records_total").await, 40.0);
    assert_eq!(metric(address, "danube_sink_intake_messages_total").await, 40.0);
    assert_eq!(metric(address, "danube_sink_batch_records_sum").await, 40.0);
    running.stop().await.expect("a clean end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_is_an_error_at_start() {
    let taken = std::net::TcpListener::bind("0.0.0.0:0").expect("a free port");
    let port = taken.local_addr().expect("an address").port();
    let mut config = danube_sink::ConnectorConfig::new("http://127.0.0.1:1", "test");
    config.metrics_port = port;
    let sink = TestSink::new(&Target::default(), &["/default/any"], Exclusive);
    let error = danube_sink::SinkRuntime::new(sink, config).await.expect_err("the port is taken");
    let text = error.to_string();
    assert!(text.contains(&format!("metrics_port = {port}")) && text.contains("free"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_the_broker_skips_are_counted() {
    let broker = Broker::embedded(BrokerOptions::default()).await;
    let topic = topic("gap");
    drop(broker.producer(&topic, "creator", None).await);
    let target = Target::default();
    let sink = TestSink::new(&target, &[&topic], Exclusive);
    let running = Running::start(broker.url(), sink, |_| {}).await.ready().await;
    broker.publish(&topic, None, 0..20, &target).await;
    target.holds(20).await;
    broker.embedded.as_ref().expect("an embedded broker").faults().skip_messages(3);
    broker.publish(&topic, None, 20..40, &target).await;
    target.holds(37).await;
    // They are counted once it is certain that they do not arrive late.
    let address = running.handle.metrics_address();
    until("the gap", || async { metric(address, "danube_sink_intake_gap_messages_total").await == 3.0 }).await;
    running.stop().await.expect("a clean end");
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_and_health_are_served_on_ipv6() {
    let broker = Broker::start().await;
    let topic = topic("ipv6");
    drop(broker.producer(&topic, "creator", None).await);
    let sink = TestSink::new(&Target::default(), &[&topic], Exclusive);
    let running = Running::start(broker.url(), sink, |_| {}).await.ready().await;
    let address = running.handle.metrics_address();
    TcpStream::connect((Ipv6Addr::LOCALHOST, address.port())).await.expect("IPv6");
    assert_eq!(get(address, "/live").await.0, 200, "IPv4");
    running.stop().await.expect("a clean end");
}

/// With two mappings and one connector instance, the second mapping waits for the first one's write.
#[tokio::test(flavor = "multi_thread")]
async fn the_wait_for_another_mappings_write_is_not_counted_as_a_write() {
    const SLOW: Duration = Duration::from_secs(10);
    let broker = Broker::start().await;
    let (slow, fast) = (topic("slow"), topic("fast"));
    drop(broker.producer(&slow, "creator", None).await);
    let producer = broker.producer(&fast, "p", None).await;
    let (target, writing) = (Target::default(), tokio::sync::watch::Sender::new(false));
    let mut is_writing = writing.subscribe();
    let sink = TestSink::new(&target, &[&slow, &fast], Exclusive).answering(move |numbers| {
        if numbers == [0] {
            writing.send_replace(true);
            Answer::WriteAfter(SLOW)
        } else {
            Answer::Write
        }
    });
    let at_once = |config: &mut danube_sink::ConnectorConfig| config.flush_interval = Duration::from_millis(10);
    let running = Running::start(broker.url(), sink, at_once).await.ready().await;
    flood(broker.url(), &slow, 0..1).await;
    is_writing.wait_for(|writing| *writing).await.expect("the sink runs");
    producer.send(payload(1), None).await.expect("a confirmation");
    until("both written", || async { running.handle.settled() == 2 }).await;
    let address = running.handle.metrics_address();
    let seconds = async |name: &str, topic: &str| labelled(address, &format!("danube_sink_{name}_sum"), topic).await;
    assert!(seconds("write_seconds", &slow).await >= SLOW.as_secs_f64());
    let half = SLOW.as_secs_f64() / 2.0;
    assert!(seconds("write_seconds", &fast).await < half);
    assert!(seconds("write_wait_seconds", &fast).await > half);
    assert!(seconds("write_wait_seconds", &slow).await < half);
    running.stop().await.expect("a clean end");
}
