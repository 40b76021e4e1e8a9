//! The connector against a PostgreSQL server of its own.

mod bouncer;
mod conformance;
mod failures;
mod modes;
mod outages;
mod poolers;
mod settings;
mod tls;
mod types;

#[path = "../../tests/support/server.rs"]
mod server;

use std::time::Duration;

use danube_sink::{
    ConnectorConfig, ConnectorError, ConnectorResult, SinkConnector, SinkRecord,
    testing::{Prepared, from_toml},
};

use self::server::{PostgresServer, Program};
use super::Postgres;

/// The topic of all tests.
const TOPIC: &str = "/default/rows";

/// A server, and a connector with one mapping to it.
struct Bench {
    server: PostgresServer,
    sql: tokio_postgres::Client,
    sink: Postgres,
}

impl Bench {
    /// Makes what the statements say, and starts the connector.
    async fn new(statements: &str, mapping: &str) -> Self {
        let server = PostgresServer::start(Program::Postgresql);
        let sql = server.client().await;
        sql.batch_execute(statements).await.unwrap();
        let sink = start(&server, mapping).await.unwrap();
        Self { server, sql, sink }
    }

    /// Writes a batch, a record for each payload.
    async fn write(&mut self, payloads: &[&str]) -> ConnectorResult<()> {
        self.sink.process_batch(records(payloads)).await
    }

    /// The rows of a query, each as JSON.
    async fn rows(&self, query: &str) -> Vec<String> {
        let rows = self.sql.query(&format!("SELECT to_json(found)::text FROM ({query}) found"), &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }
}

fn configured(server: &PostgresServer, topic: &str, mapping: &str) -> Prepared<Postgres> {
    from_toml(&format!("{}[[postgres.topic_mappings]]\ntopic = '{topic}'\n{mapping}", server.toml("postgres")))
}

async fn start(server: &PostgresServer, mapping: &str) -> ConnectorResult<Postgres> {
    let (mut sink, mut core): (_, ConnectorConfig) = configured(server, TOPIC, mapping).unwrap();
    core.write_timeout = Duration::from_secs(2);
    sink.initialize(core).await.map(|()| sink)
}

fn records(payloads: &[&str]) -> Vec<SinkRecord> {
    let record = |(offset, payload): (usize, &&str)| {
        SinkRecord::builder(TOPIC).offset(offset as u64).payload((*payload).to_owned()).build()
    };
    payloads.iter().enumerate().map(record).collect()
}

/// The text of an error of this kind.
macro_rules! told {
    ($result:expr, $kind:ident) => {
        match $result {
            Err(error @ ConnectorError::$kind { .. }) => error.report(),
            other => panic!("not {}: {other:?}", stringify!($kind)),
        }
    };
}
use told;
