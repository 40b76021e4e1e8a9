//! The server stops under load and restarts: every record that was confirmed to the publishers is in the table once.

use danube_sink::{ConnectorConfig, SubscriptionType, dev::BrokerOptions};
use danube_sink_tests::{Broker, Ledger, Load, Publisher, Running, topic, until};

use super::{
    PostgresServer, Program, configured,
    copy::{WATCHED, how},
};

/// A server with a table `rows`.
async fn server(table: &str) -> PostgresServer {
    let server = PostgresServer::start(Program::Postgresql);
    server.client().await.batch_execute(table).await.unwrap();
    server
}

/// Stops the server three times while records are published, each time for so many that they fill the window; compares the confirmed
/// records with those in the table.
async fn ledger(
    what: &str,
    server: &PostgresServer,
    mapping: &str,
    window: usize,
    end: impl Fn(&PostgresServer),
) -> Ledger {
    const MORE: u64 = 300;
    let broker = Broker::embedded(BrokerOptions { max_unacked_messages: window, ..BrokerOptions::default() }).await;
    let topic = topic("postgres");
    drop(broker.producer(&topic, "creator", None).await);
    let (sink, mut core): (_, ConnectorConfig) = configured(server, &topic, mapping).unwrap();
    core.max_backoff = std::time::Duration::from_millis(500);
    for mapping in &mut core.mappings {
        mapping.consumer.subscription_type = SubscriptionType::Exclusive;
    }
    let running = Running::start(sink, core, &broker).await;

    let publisher =
        Publisher::start(&Load { url: broker.url().to_owned(), topic: topic.clone(), partitions: None, keyed: false });
    for _ in 0..3 {
        publisher.confirms(MORE).await;
        end(server);
        // The load continues without the server.
        publisher.confirms(MORE.max(window as u64)).await;
        server.start_again();
    }
    publisher.confirms(MORE).await;
    let published = publisher.stop().await;
    until("every record is acknowledged", || async {
        let status = broker.embedded.as_ref().unwrap().subscription(&topic, "postgres").unwrap();
        status.backlog + status.in_flight == 0
    })
    .await;
    running.stop().await;
    let rows = server.client().await.query("SELECT number FROM rows", &[]).await.unwrap();
    let held: Vec<_> = rows.iter().map(|row| row.get::<_, i64>(0).unsigned_abs()).collect();
    Ledger::compare_possible(what, &published.confirmed, &published.unconfirmed, &held)
}

const UPSERT: &str = "subscription = 'postgres'\ntable = 'rows'\nmode = 'upsert'\nkey = ['number']\n\
                      columns = { number = '/number', text = '/text' }";
/// The record's id is the only key of the table: a duplicate would be a second row.
const APPEND: &str = "subscription = 'postgres'\ntable = 'rows'\nkey = ['id']\nmetadata = ['id']\n\
                      columns = { number = '/number' }";

#[tokio::test(flavor = "multi_thread")]
async fn upsert_loses_and_duplicates_nothing_when_the_server_is_killed() {
    let server = server("CREATE TABLE rows (number bigint PRIMARY KEY, text text)").await;
    assert_eq!(ledger("upsert, killed", &server, UPSERT, 100, PostgresServer::kill).await, Ledger::CLEAN);
}

/// Without a key, the backlog of an outage is written by COPY.
#[tokio::test(flavor = "multi_thread")]
async fn exactly_once_by_copy_loses_and_duplicates_nothing_when_the_server_is_killed() {
    let mapping = "subscription = 'postgres'\ntable = 'rows'\ndelivery = 'exactly_once'\non_new_field = 'ignore'\nbatch_size = 2000";
    let server = server(&format!("CREATE TABLE rows (number bigint); {WATCHED}")).await;
    assert_eq!(ledger("exactly once, killed", &server, mapping, 2_000, PostgresServer::kill).await, Ledger::CLEAN);
    assert!(how(&server.client().await).await.iter().any(|statement| statement == "COPY \""));
}

#[tokio::test(flavor = "multi_thread")]
async fn append_with_the_records_id_loses_and_duplicates_nothing_when_the_server_is_stopped() {
    for mode in ["immediate", "fast"] {
        let server = server("CREATE TABLE rows (number bigint, id text UNIQUE)").await;
        let end = |server: &PostgresServer| server.stop(mode);
        assert_eq!(ledger(&format!("append, {mode}"), &server, APPEND, 100, end).await, Ledger::CLEAN);
    }
}
