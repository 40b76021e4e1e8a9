//! The connector with its own PostgreSQL server.

mod absent;
mod bouncer;
mod changes;
mod conformance;
mod content;
mod copy;
mod envelopes;
mod exactly_once;
mod failures;
mod hosts;
mod leaks;
mod modes;
mod names;
mod outages;
mod poolers;
mod readme;
mod redelivered;
mod rights;
mod rows;
mod schemas;
mod settings;
mod time_limits;
mod tls;
mod tombstones;
mod types;
mod urls;
mod values;

#[path = "../../../tests/support/server.rs"]
mod server;

use std::{path::Path, sync::Arc, time::Duration};

use danube_sink::{
    ConnectorConfig, ConnectorError, ConnectorResult, SinkConnector, SinkRecord,
    config::load_text,
    schema::{Decoder, SchemaInfo, SchemaType},
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
    /// Runs the statements, and starts the connector.
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
    let (mut sink, core): (_, ConnectorConfig) = configured(server, TOPIC, mapping).unwrap();
    sink.initialize(core).await.map(|()| sink)
}

/// Starts a connector with a connection URL from the environment, and no server in its file.
async fn start_at(url: &str, mapping: &str) -> ConnectorResult<Postgres> {
    let environment = |name: &str| match name {
        "DANUBE_SERVICE_URL" => Some("http://localhost:6650".into()),
        "POSTGRES_URL" => Some(url.into()),
        _ => None,
    };
    let text = format!("[[postgres.topic_mappings]]\ntopic = '{TOPIC}'\n{mapping}");
    let loaded = load_text::<Postgres>(Path::new("url.toml"), &text, &environment).unwrap();
    let mut sink = loaded.connector;
    sink.initialize(loaded.core).await.map(|()| sink)
}

/// Retries a write until it succeeds; every failure before must be retryable.
async fn written(sink: &mut Postgres, payload: &str) {
    let tries = async {
        loop {
            match sink.process_batch(records(&[payload])).await {
                Ok(()) => return,
                Err(ConnectorError::Retryable { .. }) => tokio::time::sleep(Duration::from_millis(50)).await,
                Err(other) => panic!("{other:?}"),
            }
        }
    };
    danube_sink_tests::within("the record is written", tries).await;
}

fn records(payloads: &[&str]) -> Vec<SinkRecord> {
    let record = |(offset, payload): (usize, &&str)| {
        SinkRecord::builder(TOPIC).offset(offset as u64).payload((*payload).to_owned()).build()
    };
    payloads.iter().enumerate().map(record).collect()
}

/// A record of a version of a JSON Schema.
fn of_version(topic: &str, offset: u64, version: u32, definition: &str, payload: &str) -> SinkRecord {
    let info = SchemaInfo {
        subject: "orders".to_owned(),
        version,
        schema_type: SchemaType::JsonSchema,
        definition: definition.to_owned(),
        fingerprint: String::new(),
    };
    let decoder = Arc::new(Decoder::new(info, &Default::default()));
    SinkRecord::builder(topic).offset(offset).payload(payload.to_owned()).decoder(decoder).build()
}

/// The offsets of the records that an error rejects, with the reasons.
fn rejected(answer: ConnectorResult<()>) -> Vec<(u64, String)> {
    let text = match answer {
        Err(ConnectorError::InvalidRecord { id, reason }) => format!("rejected: [({id:?}, {reason:?})"),
        Err(ConnectorError::Partial(failure)) => format!("{failure:?}"),
        other => panic!("nothing is rejected: {other:?}"),
    };
    let (_, rejected) = text.split_once("rejected: [").unwrap();
    let one = |text: &str| {
        let (offset, rest) = text.split_once("offset: ").unwrap().1.split_once(',').unwrap();
        let reason = rest.split_once("}, ").unwrap().1.replace("\\\"", "\"");
        (offset.parse().unwrap(), reason)
    };
    rejected.split("RecordId {").skip(1).map(one).collect()
}

/// The report of an error of this kind; panics for another outcome.
macro_rules! report {
    ($result:expr, $kind:ident) => {
        match $result {
            Err(error @ ConnectorError::$kind { .. }) => error.report(),
            other => panic!("not {}: {other:?}", stringify!($kind)),
        }
    };
}
use report;
