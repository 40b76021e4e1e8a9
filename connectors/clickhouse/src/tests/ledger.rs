//! The server is killed and stopped while records are published: none is lost or duplicated.

use danube_sink::{dev::BrokerOptions, testing::from_toml};
use danube_sink_tests::{Broker, Ledger, Load, Publisher, Running, topic, until};

use super::{Clickhouse, Engine, Process};

/// Records that are confirmed between two steps.
const SOME: u64 = 300;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_duplicated_when_the_server_is_killed_and_stopped_under_load() {
    survives(Engine::Old, "table = 't'").await;
}

#[cfg(feature = "arrow")]
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_duplicated_in_arrow_when_the_server_is_killed_and_stopped_under_load() {
    survives(Engine::Current, "table = 't'\nformat = 'arrow_stream'\nasync_insert = true").await;
}

/// The date of all records is the same.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_duplicated_in_tables_by_content_when_the_server_is_killed_and_stopped_under_load() {
    survives(Engine::Old, "table = '{publish_time:t}'").await;
}

/// Kills and stops the server of a table `t` under load.
async fn survives(engine: Engine, mapping: &str) {
    let server = Process::start_of(engine);
    let broker = Broker::embedded(BrokerOptions { max_unacked_messages: 1_000, ..BrokerOptions::default() }).await;
    let topic = topic("ledger");
    let load = Load { url: broker.url().to_owned(), topic: topic.clone(), partitions: None, keyed: false };
    let publisher = Publisher::start(&load);
    publisher.confirms(1).await;
    let (connector, core) = from_toml::<Clickhouse>(&format!(
        "flush_interval_ms = 50\nmax_backoff_ms = 500\n\n[clickhouse]\napi.url = '{}'\n\n\
         [[clickhouse.topic_mappings]]\ntopic = '{topic}'\nsubscription = 's'\nsubscription_type = 'Exclusive'\n\
         batch_size = 100\n{mapping}\ncolumns = {{ number = '/number', text = '/text' }}\nmetadata = ['id', 'offset']\n\
         [clickhouse.topic_mappings.create]\nengine = 'ReplacingMergeTree'\norder_by = 'id'\n\
         columns = {{ number = 'UInt64', text = 'String', id = 'String', offset = 'UInt64' }}\n",
        server.url()
    ))
    .expect("a configuration");
    let running = Running::start(connector, core, &broker).await;
    let first = publisher.sent();

    let count = || -> u64 { server.ask("SELECT uniqExact(id) FROM t").parse().expect("a number") };
    for signal in ["KILL", "TERM", "KILL", "TERM"] {
        publisher.confirms(SOME).await;
        let held = count();
        until("more rows", || async { count() > held }).await;
        server.down(signal);
        publisher.confirms(SOME).await;
        server.up();
    }
    publisher.confirms(SOME).await;
    let published = publisher.stop().await;
    // What was published before there was a subscription is not delivered to it.
    let confirmed: Vec<_> = published.confirmed.iter().copied().filter(|number| *number >= first).collect();
    until("the last of the records", || async {
        let held = server.ask("SELECT number FROM t");
        let held: std::collections::HashSet<u64> =
            held.lines().map(|number| number.parse().expect("a number")).collect();
        confirmed.iter().all(|number| held.contains(number))
    })
    .await;
    running.stop().await;

    let numbers = |query: &str| -> Vec<u64> {
        let numbers = server.ask(query);
        numbers.lines().map(|number| number.parse().expect("a number")).filter(|number| *number >= first).collect()
    };
    Ledger::compare_possible("without FINAL", &confirmed, &published.unconfirmed, &numbers("SELECT number FROM t"));
    let rows = numbers("SELECT number FROM t FINAL");
    assert_eq!(Ledger::compare_possible("with FINAL", &confirmed, &published.unconfirmed, &rows), Ledger::CLEAN);
}
