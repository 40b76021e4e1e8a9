//! The server is started late, killed and stopped while records are published: none is lost or duplicated.

use danube_sink::{dev::BrokerOptions, testing::from_toml};
use danube_sink_tests::{Broker, Ledger, Load, Publisher, Running, topic, until};

use serde_json::json;

use super::{Process, Qdrant};

/// Records that are confirmed between two steps.
const SOME: u64 = 300;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_duplicated_when_the_server_starts_late_and_is_killed_and_stopped_under_load() {
    let server = Process::start();
    server.create("c", &json!({ "vectors": {} }));
    server.down("TERM");
    let broker = Broker::embedded(BrokerOptions { max_unacked_messages: 1_000, ..BrokerOptions::default() }).await;
    let topic = topic("ledger");
    let load = Load { url: broker.url().to_owned(), topic: topic.clone(), partitions: None, keyed: false };
    let publisher = Publisher::start(&load);
    publisher.confirms(1).await;
    let (connector, core) = from_toml::<Qdrant>(&format!(
        "flush_interval_ms = 50\nmax_backoff_ms = 500\n\n[qdrant]\napi.url = '{}'\n\n\
         [[qdrant.topic_mappings]]\ntopic = '{topic}'\nsubscription = 's'\nsubscription_type = 'Exclusive'\n\
         batch_size = 100\ncollection_name = 'c'\nid = 'id'\npayload = ''\n",
        server.url()
    ))
    .expect("a configuration");
    let late = async {
        publisher.confirms(SOME).await;
        server.up();
    };
    let (running, ()) = tokio::join!(Running::start(connector, core, &broker), late);
    let first = publisher.sent();

    let held = || -> Vec<u64> {
        let points = server.points("c");
        points.iter().filter_map(|point| point["payload"]["number"].as_u64()).collect()
    };
    for signal in ["KILL", "TERM", "KILL", "TERM"] {
        publisher.confirms(SOME).await;
        let count = held().len();
        until("more points", || async { held().len() > count }).await;
        server.down(signal);
        publisher.confirms(SOME).await;
        server.up();
    }
    publisher.confirms(SOME).await;
    let published = publisher.stop().await;
    // What was published before there was a subscription is not delivered to it.
    let confirmed: Vec<_> = published.confirmed.iter().copied().filter(|number| *number >= first).collect();
    until("the last of the records", || async {
        let held: std::collections::HashSet<u64> = held().into_iter().collect();
        confirmed.iter().all(|number| held.contains(number))
    })
    .await;
    running.stop().await;
    let held: Vec<_> = held().into_iter().filter(|number| *number >= first).collect();
    assert_eq!(Ledger::compare_possible("points", &confirmed, &published.unconfirmed, &held), Ledger::CLEAN);
}
