//! The server is killed and stopped, or started late, while records are published: none is lost or duplicated.

use danube_sink::{
    dev::BrokerOptions,
    testing::{HttpReply, HttpRequest, HttpServer, from_toml},
};
use danube_sink_tests::{Broker, Ledger, Load, Publisher, Running, topic, until};

use super::{Opensearch, Process};

/// Records that are confirmed between two steps.
const SOME: u64 = 300;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_duplicated_when_the_server_is_killed_and_stopped_under_load() {
    let server = Process::start();
    let broker = Broker::embedded(BrokerOptions { max_unacked_messages: 1_000, ..BrokerOptions::default() }).await;
    let topic = topic("ledger");
    let load = Load { url: broker.url().to_owned(), topic: topic.clone(), partitions: None, keyed: false };
    let publisher = Publisher::start(&load);
    publisher.confirms(1).await;
    let (connector, core) = from_toml::<Opensearch>(&format!(
        "flush_interval_ms = 50\nmax_backoff_ms = 500\n\n[opensearch]\napi.url = '{}'\n\n\
         [[opensearch.topic_mappings]]\ntopic = '{topic}'\nsubscription = 's'\nbatch_size = 100\nindex = 'ledger'\n\
         id = '{{id}}'\nfields = {{ number = '/number' }}\n[opensearch.topic_mappings.index_template]\nname = 'ledger'\n\
         settings = {{ 'index.max_result_window' = '200000' }}\nfields = {{ number = 'long' }}\n",
        server.url()
    ))
    .expect("a configuration");
    let running = Running::start(connector, core, &broker).await;
    let first = publisher.sent();

    let numbers = || -> Vec<u64> {
        let hits = server.search("ledger", "size=200000&filter_path=hits.hits._source.number");
        hits.iter().filter_map(|hit| hit["_source"]["number"].as_u64()).collect()
    };
    for signal in ["KILL", "TERM"] {
        publisher.confirms(SOME).await;
        let held = numbers().len();
        until("more documents", || async { numbers().len() > held }).await;
        server.down(signal);
        publisher.confirms(SOME).await;
        server.up();
    }
    publisher.confirms(SOME).await;
    let published = publisher.stop().await;
    // What was published before there was a subscription is not delivered to it.
    let confirmed: Vec<_> = published.confirmed.iter().copied().filter(|number| *number >= first).collect();
    until("every record is acknowledged", || async {
        let status = broker.embedded.as_ref().expect("it is embedded").subscription(&topic, "s").expect("it exists");
        status.backlog + status.in_flight == 0
    })
    .await;
    running.stop().await;
    let held: Vec<_> = numbers().into_iter().filter(|number| *number >= first).collect();
    assert_eq!(Ledger::compare_possible("documents", &confirmed, &published.unconfirmed, &held), Ledger::CLEAN);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_starts_late_gets_every_record() {
    let answer = |request: &HttpRequest| match request.uri.contains("_bulk") {
        true => {
            let items = vec![r#"{"index":{"status":201}}"#; request.text().lines().count() / 2];
            HttpReply::status(200, format!(r#"{{"items":[{}]}}"#, items.join(",")))
        }
        false => HttpReply::status(200, r#"{"version":{"number":"9"}}"#),
    };
    let cluster = HttpServer::start(answer).expect("a free port");
    cluster.stop();
    cluster.closed().await;
    let broker = Broker::embedded(BrokerOptions::default()).await;
    let topic = topic("late");
    let producer = broker.producer(&topic, "p", None).await;
    let (connector, core) = from_toml::<Opensearch>(&format!(
        "flush_interval_ms = 50\nmax_backoff_ms = 200\n\n[opensearch]\napi.url = '{}'\n\n\
         [[opensearch.topic_mappings]]\ntopic = '{topic}'\nsubscription = 's'\nindex = 'i'\nid = '{{id}}'\n",
        cluster.url()
    ))
    .expect("a configuration");
    let starting = tokio::spawn(async move { (Running::start(connector, core, &broker).await, broker) });
    cluster.restart().await.expect("the port");
    let (running, _broker) = starting.await.expect("a running connector");
    for number in 0..25 {
        producer.send(format!("{{\"number\":{number}}}").into_bytes(), None).await.expect("a confirmation");
    }
    let written = || {
        let bodies: String = cluster.requests().iter().map(|request| request.text().into_owned()).collect();
        (0..25).all(|number| bodies.contains(&format!("{{\"number\":{number}}}")))
    };
    until("every record", || async { written() }).await;
    running.stop().await;
}
