//! The connector with its own PostgreSQL server with pgvector.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use danube_sink::{
    ConnectorError, ConnectorResult, SinkConnector, SinkRecord,
    testing::{Prepared, Subject, conforms, from_toml},
};
use tokio_postgres::Client;

use super::Pgvector;
use server::{PostgresServer, Program};

#[path = "../../../postgres/tests/support/server.rs"]
mod server;

mod deletes;
mod ids;
mod index;
mod ledger;
mod readme;
mod rights;
mod schemas;
mod values;

const TOPIC: &str = "/default/vectors";

fn configured(server: &PostgresServer, topic: &str, mapping: &str) -> Prepared<Pgvector> {
    of_dimensions(3, server, topic, mapping)
}

fn of_dimensions(number: usize, server: &PostgresServer, topic: &str, mapping: &str) -> Prepared<Pgvector> {
    from_toml(&format!(
        "{}[[pgvector.topic_mappings]]\ntopic = '{topic}'\nsubscription = 'pgvector'\ntable = 'docs'\ndimensions = {number}\n{mapping}",
        server.toml("pgvector")
    ))
}

async fn start(server: &PostgresServer, mapping: &str) -> ConnectorResult<Pgvector> {
    let (mut sink, core) = configured(server, TOPIC, mapping).unwrap();
    sink.initialize(core).await.map(|()| sink)
}

/// A server, with a table that its user has made.
async fn with_docs(columns: &str) -> (PostgresServer, Client) {
    let server = PostgresServer::start(Program::Pgvector);
    let sql = server.client().await;
    sql.batch_execute(&format!("CREATE EXTENSION vector; CREATE TABLE docs ({columns})")).await.unwrap();
    (server, sql)
}

fn records(payloads: &[&str]) -> Vec<SinkRecord> {
    let record = |payload: &&str| SinkRecord::builder(TOPIC).offset(7).payload((*payload).to_owned()).build();
    payloads.iter().map(record).collect()
}

async fn texts(sql: &Client, query: &str) -> Vec<String> {
    sql.query(query, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn a_record_becomes_a_row_and_the_last_of_an_id_wins() {
    let server = PostgresServer::start(Program::Pgvector);
    let sql = server.client().await;
    let mapping = "text = '/text'\npayload = '/more'\nmetadata = ['offset', 'topic', 'publish_time', 'partition']";
    let mut sink = start(&server, mapping).await.unwrap();
    let batch = [
        r#"{"id":"a","embedding":[1,2,3],"text":"first"}"#,
        r#"{"id":2,"embedding":[0.1,-1e-7,16777217],"text":"two","more":{"k":[1,null]}}"#,
        r#"{"id":"a","embedding":[0,1,0],"text":"last"}"#,
    ];
    for _ in 0..2 {
        sink.process_batch(records(&batch)).await.unwrap();
    }
    let query = "SELECT id || embedding::text || text || coalesce(payload::text, '-') || \"offset\" || topic FROM docs ORDER BY id";
    let two = r#"2[0.1,-1e-07,1.6777216e+07]two{"k": [1, null]}7/default/vectors"#;
    assert_eq!(texts(&sql, query).await, [two, "a[0,1,0]last-7/default/vectors"]);
    let nearest = "SELECT text FROM docs ORDER BY embedding <=> '[0,2,0]' LIMIT 1";
    assert_eq!(texts(&sql, nearest).await, ["last"]);
}

#[tokio::test]
async fn an_existing_table_keeps_its_types() {
    let (server, sql) = with_docs("id bigint PRIMARY KEY, embedding halfvec(3)").await;
    let mut sink = start(&server, "create = false").await.unwrap();
    sink.process_batch(records(&[r#"{"id":9007199254740993,"embedding":[1,2,3]}"#])).await.unwrap();
    assert_eq!(texts(&sql, "SELECT id || embedding::text FROM docs").await, ["9007199254740993[1,2,3]"]);
}

#[tokio::test]
async fn an_embedding_is_not_rounded_for_a_type_that_its_column_no_longer_has() {
    let (server, sql) = with_docs("id text PRIMARY KEY, embedding halfvec(3)").await;
    let mut sink = start(&server, "create = false").await.unwrap();
    sql.batch_execute("ALTER TABLE docs ALTER embedding TYPE vector(3)").await.unwrap();
    let mut write = async || sink.process_batch(records(&[r#"{"id":1,"embedding":[0.1,1,2]}"#])).await;
    while let Err(error) = write().await {
        assert!(matches!(error, ConnectorError::Retryable { .. }), "{error:?}");
    }
    assert_eq!(texts(&sql, "SELECT embedding::text FROM docs").await, ["[0.1,1,2]"]);
}

#[tokio::test]
async fn an_existing_table_with_other_dimensions_is_found_at_start() {
    let (server, sql) = with_docs("id text PRIMARY KEY, embedding vector").await;
    let mut sink = start(&server, "").await.unwrap();
    for (kind, is_written) in [("vector(4)", false), ("halfvec(4)", false), ("halfvec", true), ("vector(3)", true)] {
        let table = format!("TRUNCATE docs; ALTER TABLE docs ALTER embedding TYPE {kind} USING NULL");
        sql.batch_execute(&table).await.unwrap();
        let started = start(&server, "").await.map(drop);
        let written = sink.process_batch(records(&[r#"{"id":1,"embedding":[1,2,3]}"#])).await;
        if is_written {
            started.unwrap();
            continue;
        }
        match started {
            Err(error @ ConnectorError::Initialization { .. }) => {
                let text = error.report();
                assert!(text.contains("\"docs\": column embedding has 4 dimensions, the mapping 3"), "{text}");
            }
            other => panic!("{kind}: {other:?}"),
        }
        // A running connector waits for the column.
        assert!(matches!(written, Err(ConnectorError::Retryable { .. })), "{written:?}");
    }
}

#[tokio::test]
async fn the_extension_may_be_in_a_schema_that_is_not_searched() {
    let server = PostgresServer::start(Program::Pgvector);
    let sql = server.client().await;
    let table = "CREATE SCHEMA \"My.extensions\"; CREATE EXTENSION vector SCHEMA \"My.extensions\"; \
                 CREATE TABLE docs (id text PRIMARY KEY, embedding \"My.extensions\".vector(3))";
    sql.batch_execute(table).await.unwrap();
    let mut sink = start(&server, "create = false").await.unwrap();
    let batch = [r#"{"id":1,"embedding":[ 1, -2.5e-3 ,16777217]}"#, r#"{"id":2,"embedding":[0.1,1e-50,3.4028235e38]}"#];
    sink.process_batch(records(&batch)).await.unwrap();
    let embeddings = ["[1,-0.0025,1.6777216e+07]", "[0.1,0,3.4028235e+38]"];
    assert_eq!(texts(&sql, "SELECT embedding::text FROM docs ORDER BY id").await, embeddings);
}

/// The server, and whether it is stopped.
struct Docs(PostgresServer, AtomicBool);

impl Subject for Docs {
    type Connector = Pgvector;

    fn connector(&self, topic: &str, _: &str) -> Prepared<Pgvector> {
        let mapping = "subscription = 'conformance'\n";
        from_toml(&format!(
            "{}[[pgvector.topic_mappings]]\ntopic = '{topic}'\ntable = 'docs'\ndimensions = 3\n{mapping}",
            self.0.toml("pgvector")
        ))
    }

    fn payload(&self, number: u64) -> Vec<u8> {
        format!(r#"{{"id":{number},"embedding":[{number},1,2]}}"#).into_bytes()
    }

    async fn held(&self) -> Vec<u64> {
        let ids = texts(&self.0.client().await, "SELECT id FROM docs").await;
        ids.iter().filter_map(|id| id.parse().ok()).collect()
    }

    fn version(&self, key: u64, version: u64) -> Option<Vec<u8>> {
        Some(format!(r#"{{"id":"key {key}","embedding":[{version},1,2]}}"#).into_bytes())
    }

    async fn versions(&self) -> Vec<(u64, u64)> {
        let sql = self.0.client().await;
        let query = "SELECT substr(id, 5)::bigint, (embedding::real[])[1]::bigint FROM docs WHERE id LIKE 'key %'";
        let number = |number: i64| u64::try_from(number).expect("a small number");
        sql.query(query, &[]).await.unwrap().iter().map(|row| (number(row.get(0)), number(row.get(1)))).collect()
    }

    /// Servers of other tests use the same machine.
    fn patience(&self) -> Duration {
        Duration::from_secs(90)
    }

    async fn take_away(&self) -> bool {
        self.1.store(true, Ordering::Relaxed);
        self.0.stop("immediate");
        true
    }

    async fn refuse_all(&self) -> bool {
        self.0.client().await.batch_execute("ALTER TABLE docs RENAME TO away").await.expect("the table");
        true
    }

    async fn give_back(&self) {
        if self.1.swap(false, Ordering::Relaxed) {
            self.0.start_again();
        }
        self.0.client().await.batch_execute("ALTER TABLE IF EXISTS away RENAME TO docs").await.expect("the table");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_conforms() {
    conforms(Docs(PostgresServer::start(Program::Pgvector), AtomicBool::default())).await.assert();
}
