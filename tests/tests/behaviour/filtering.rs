//! The key `where` of a mapping, with a broker: kept records arrive in order, others are acknowledged and counted.

use danube_sink::{OnInvalidRecord, SubscriptionType::Exclusive, dev::BrokerOptions};
use danube_sink_tests::{Answer, Broker, Ledger, Target, TestSink, get, mapping, metric, payload, topic, until};
use serde_json::Value;

use crate::Running;

const MESSAGES: u64 = 2_000;

/// Published messages beside those with numbers: tombstones.
const TOMBSTONES: u64 = 50;

#[tokio::test(flavor = "multi_thread")]
async fn kept_records_arrive_in_order_and_others_are_acknowledged_and_counted() {
    let broker = Broker::embedded(BrokerOptions::default()).await;
    for partitions in [None, Some(2)] {
        let topic = topic("filter");
        let producer = broker.producer(&topic, "numbers", partitions).await;
        let target = Target::with_script([Answer::Retry, Answer::Write, Answer::Retry]);
        let sink = TestSink::new(&target, &[&topic], Exclusive);
        let running = Running::start(broker.url(), sink, |config| {
            let mut settings = mapping(&topic, config);
            settings.filter =
                Some("payload != null && payload.number % 20 == 0 && topic.startsWith('/default/')".into());
            config.mappings.push(settings);
        });
        let running = running.await.ready().await;
        for number in 0..MESSAGES {
            producer.send(payload(number), None).await.expect("a confirmation");
            if number % (MESSAGES / TOMBSTONES) == 1 {
                producer.send_with_key(Vec::new(), None, "key").await.expect("a confirmation");
            }
        }
        let settled = MESSAGES + TOMBSTONES;
        until("the settlement", || async { running.outcome.is_finished() || running.handle.settled() == settled })
            .await;
        if running.outcome.is_finished() {
            panic!("{:?}", running.end().await);
        }
        let address = running.handle.metrics_address();
        assert_eq!(metric(address, "danube_sink_filtered_records_total").await, (settled - MESSAGES / 20) as f64);
        let status: Value = serde_json::from_str(&get(address, "/status").await.1).expect("JSON");
        assert_eq!(status["mappings"][0]["filtered"], settled - MESSAGES / 20, "{status}");
        running.stop().await.expect("a clean end");
        let kept: Vec<_> = (0..MESSAGES).step_by(20).collect();
        assert_eq!(Ledger::compare("filtered", &kept, &target.numbers()), Ledger::CLEAN);
        assert!(partitions.is_some() || target.numbers().windows(2).filter(|pair| pair[0] > pair[1]).count() <= 1);

        // Nothing is redelivered: each message is acknowledged.
        let again = Target::default();
        let sink = TestSink::new(&again, &[&topic], Exclusive);
        let running = Running::start(broker.url(), sink, |_| {}).await.ready().await;
        producer.send(payload(MESSAGES), None).await.expect("a confirmation");
        again.holds(1).await;
        running.stop().await.expect("a clean end");
        assert_eq!(again.numbers(), [MESSAGES]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_without_the_field_of_the_expression_stops_the_connector_or_is_skipped() {
    let broker = Broker::embedded(BrokerOptions::default()).await;
    for policy in [OnInvalidRecord::Stop, OnInvalidRecord::Skip] {
        let topic = topic("filter_fails");
        let producer = broker.producer(&topic, "numbers", None).await;
        let target = Target::default();
        let sink = TestSink::new(&target, &[&topic], Exclusive);
        let running = Running::start(broker.url(), sink, |config| {
            let mut settings = mapping(&topic, config);
            settings.filter = Some("payload.number > 0 || payload.secret == 1".to_owned());
            settings.on_invalid_record = policy;
            config.mappings.push(settings);
        });
        let running = running.await.ready().await;
        for number in [1, 0, 2] {
            producer.send(payload(number), None).await.expect("a confirmation");
        }
        if policy == OnInvalidRecord::Skip {
            target.holds(2).await;
            running.stop().await.expect("a clean end");
            assert_eq!(target.numbers(), [1, 2]);
            continue;
        }
        let error = running.end().await.expect_err("it stops").to_string();
        assert!(error.contains("`where` failed: there is no `secret`") && !error.contains("xxx"), "{error}");
    }
}
