//! The server ends in mid-load and comes back: what was confirmed to the publishers is in the table, once.

use danube_sink::{ConnectorConfig, SinkRuntime, SubscriptionType, dev::BrokerOptions};
use danube_sink_tests::{Broker, Ledger, Load, Publisher, topic, until};

use super::{PostgresServer, Program, configured};

/// Publishes all the while; returns what was confirmed and what the table holds.
async fn ledger(what: &str, table: &str, mapping: &str, end: impl Fn(&PostgresServer)) -> Ledger {
    const MORE: u64 = 300;
    let server = PostgresServer::start(Program::Postgresql);
    server.client().await.batch_execute(&format!("CREATE TABLE rows ({table})")).await.unwrap();
    let broker = Broker::embedded(BrokerOptions { max_unacked_messages: 100, ..BrokerOptions::default() }).await;
    let topic = topic("postgres");
    drop(broker.producer(&topic, "creator", None).await);
    let (sink, mut core): (_, ConnectorConfig) = configured(&server, &topic, mapping).unwrap();
    core.danube_service_url = broker.url().to_owned();
    core.metrics_port = 0;
    core.max_backoff = std::time::Duration::from_millis(500);
    for mapping in &mut core.mappings {
        mapping.consumer.subscription_type = SubscriptionType::Exclusive;
    }
    let runtime = SinkRuntime::new(sink, core).await.unwrap();
    let handle = runtime.handle();
    let running = tokio::spawn(runtime.run());
    assert!(handle.ready().await);

    let publisher =
        Publisher::start(&Load { url: broker.url().to_owned(), topic: topic.clone(), partitions: None, keyed: false });
    for _ in 0..3 {
        publisher.confirms(MORE).await;
        end(&server);
        // The load goes on without it.
        publisher.confirms(MORE).await;
        server.go_on();
    }
    publisher.confirms(MORE).await;
    let published = publisher.stop().await;
    until("every record is acknowledged", || async {
        let status = broker.embedded.as_ref().unwrap().subscription(&topic, "postgres").unwrap();
        status.backlog + status.in_flight == 0
    })
    .await;
    handle.shutdown();
    running.await.unwrap().unwrap();
    let rows = server.client().await.query("SELECT number FROM rows", &[]).await.unwrap();
    let held: Vec<_> = rows.iter().map(|row| row.get::<_, i64>(0).unsigned_abs()).collect();
    Ledger::compare_possible(what, &published.confirmed, &published.unconfirmed, &held)
}

const UPSERT: &str = "subscription = 'postgres'\ntable = 'rows'\nmode = 'upsert'\nkey = ['number']\n\
                      columns = { number = '/number', text = '/text' }";
/// The connector's own copies would be two rows: the table has no other key than the record's id.
const APPEND: &str = "subscription = 'postgres'\ntable = 'rows'\nkey = ['id']\nmetadata = ['id']\n\
                      columns = { number = '/number' }";

#[tokio::test(flavor = "multi_thread")]
async fn upsert_loses_and_doubles_nothing_when_the_server_is_killed() {
    let end = |server: &PostgresServer| server.kill();
    assert_eq!(ledger("upsert, killed", "number bigint PRIMARY KEY, text text", UPSERT, end).await, Ledger::CLEAN);
}

#[tokio::test(flavor = "multi_thread")]
async fn append_with_the_records_id_loses_and_doubles_nothing_when_the_server_is_stopped() {
    let end = |server: &PostgresServer| server.stop("immediate");
    assert_eq!(ledger("append, immediate", "number bigint, id text UNIQUE", APPEND, end).await, Ledger::CLEAN);
    let end = |server: &PostgresServer| server.stop("fast");
    assert_eq!(ledger("append, fast", "number bigint, id text UNIQUE", APPEND, end).await, Ledger::CLEAN);
}
