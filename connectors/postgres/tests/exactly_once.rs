//! The program is killed ten times under load, and each record that was confirmed to a publisher is one row.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "it serves tests alone")]

#[path = "support/server.rs"]
mod server;

use std::{
    fs,
    process::{Child, Command},
};

use danube_sink::dev::{Acks, BrokerOptions, EmbeddedBroker};
use danube_sink_tests::{Broker, Ledger, Load, Publisher, topic, until};
use server::{PostgresServer, Program};

const SUBSCRIPTION: &str = "once";

/// The program, which is killed at the end.
struct Connector(Child);

impl Drop for Connector {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn consumers(broker: &EmbeddedBroker, topic: &str) -> usize {
    broker.subscription(topic, SUBSCRIPTION).map_or(0, |status| status.consumers)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_record_is_one_row_when_the_connector_is_killed_ten_times() {
    assert_eq!(killed_ten_times("without a spool", "").await, Ledger::CLEAN);
}

/// A spool delivers what it has not marked again.
#[tokio::test(flavor = "multi_thread")]
async fn each_record_is_one_row_when_a_connector_with_a_spool_is_killed_ten_times() {
    let folder = std::env::temp_dir().join(format!("exactly-once-spool-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let ledger = killed_ten_times("with a spool", &format!("data_dir = '{}'\n", folder.display())).await;
    let _ = fs::remove_dir_all(&folder);
    assert_eq!(ledger, Ledger::CLEAN);
}

async fn killed_ten_times(what: &str, root: &str) -> Ledger {
    const ROUNDS: usize = 10;
    let server = PostgresServer::start(Program::Postgresql);
    let sql = server.client().await;
    sql.batch_execute("CREATE TABLE rows (number bigint)").await.unwrap();
    // The window never fills: records arrive also while the broker ignores acks.
    let broker = Broker::embedded(BrokerOptions { max_unacked_messages: 10_000, ..BrokerOptions::default() }).await;
    let (embedded, topic) = (broker.embedded.as_ref().unwrap(), topic("once"));
    drop(broker.producer(&topic, "creator", None).await);
    let file = std::env::temp_dir().join(format!("exactly-once-{}-{}.toml", root.len(), std::process::id()));
    let configuration = format!(
        "danube_service_url = '{}'\nmetrics_port = 0\nmax_backoff_ms = 500\n{root}{}[[postgres.topic_mappings]]\ntopic = '{topic}'\n\
         subscription = '{SUBSCRIPTION}'\nbatch_size = 50\nflush_interval_ms = 20\ntable = 'rows'\ndelivery = 'exactly_once'\n\
         columns = {{ number = '/number' }}\n",
        broker.url(),
        server.toml("postgres")
    );
    fs::write(&file, configuration).unwrap();
    let start = async || {
        let program = env!("CARGO_BIN_EXE_danube-sink-postgres");
        let connector = Connector(Command::new(program).env("CONNECTOR_CONFIG_PATH", &file).spawn().unwrap());
        until("the connector is attached", async || consumers(embedded, &topic) > 0).await;
        connector
    };
    let rows = async || sql.query_one("SELECT count(*) FROM rows", &[]).await.unwrap().get::<_, i64>(0);

    let mut connector = start().await;
    let load = Load { url: broker.url().to_owned(), topic: topic.clone(), partitions: None, keyed: false };
    let publisher = Publisher::start(&load);
    for round in 0..ROUNDS {
        // Every other time, what was written last is certainly redelivered.
        embedded.faults().set_acks(if round % 2 == 0 { Acks::Taken } else { Acks::Ignored });
        let before = rows().await;
        publisher.confirms(100).await;
        until("rows are written", async || rows().await > before).await;
        drop(connector);
        until("the connector is detached", async || consumers(embedded, &topic) == 0).await;
        embedded.faults().set_acks(Acks::Taken);
        connector = start().await;
    }
    publisher.confirms(100).await;
    let published = publisher.stop().await;
    until("every record is acknowledged", async || {
        let status = embedded.subscription(&topic, SUBSCRIPTION).unwrap();
        let count = usize::try_from(rows().await).unwrap();
        status.backlog + status.in_flight == 0 && count >= published.confirmed.len()
    })
    .await;
    drop(connector);
    let _ = fs::remove_file(&file);
    let held = sql.query("SELECT number FROM rows", &[]).await.unwrap();
    let held: Vec<_> = held.iter().map(|row| row.get::<_, i64>(0).unsigned_abs()).collect();
    Ledger::compare_possible(what, &published.confirmed, &published.unconfirmed, &held)
}
