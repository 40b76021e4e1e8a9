//! Rows per second of the connector, compared with the bare client with one array of ids and one of the embeddings' texts, the
//! fastest way without a codec for vectors. `cargo bench -p danube-sink-pgvector`; it needs `connectors/postgres/install-servers`.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout, reason = "it measures")]
#![allow(
    clippy::duplicate_mod,
    dead_code,
    unused_imports,
    unused_macros,
    reason = "the program's main and tests are not called"
)]

#[path = "../../postgres/tests/support/server.rs"]
mod server;

use std::time::Instant;

use danube_sink::{SinkConnector, SinkRecord, testing::from_toml};
use danube_sink_pgvector::Pgvector;
use danube_sink_tests::compare;
use server::{PostgresServer, Program};
use tokio_postgres::Client;

const DIMENSIONS: usize = 384;
const BATCH: usize = 500;
const BATCHES: usize = 6;
const PAIRS: usize = 5;

/// Numbers that look like those of a model.
fn embedding(number: usize) -> Vec<f32> {
    (0..DIMENSIONS).map(|place| ((number * 31 + place * 17) as f32 * 0.618).sin()).collect()
}

fn record(number: usize) -> SinkRecord {
    let payload = serde_json::json!({ "id": number.to_string(), "embedding": embedding(number) });
    let record = SinkRecord::builder("/default/rows").payload(payload.to_string()).build();
    assert!(record.payload().is_object());
    record
}

#[tokio::main]
async fn main() {
    let server = PostgresServer::start(Program::Pgvector);
    let numbers = |batch: usize| batch * BATCH..(batch + 1) * BATCH;
    let records: Vec<Vec<_>> = (0..BATCHES).map(|batch| numbers(batch).map(record).collect()).collect();
    let row = |number: usize| (number.to_string(), embedding(number));
    let rows: Vec<Vec<_>> = (0..BATCHES).map(|batch| numbers(batch).map(row).collect()).collect();
    for index in ["none", "hnsw"] {
        let fresh = async || {
            let client = server.client().await;
            client.batch_execute("DROP TABLE IF EXISTS rows; CHECKPOINT").await.expect("no table");
            (client, connector(&server, index).await)
        };
        let speed = |started: Instant| (BATCH * BATCHES) as f64 / started.elapsed().as_secs_f64();
        let bare = async || {
            let (client, _table) = fresh().await;
            let started = Instant::now();
            bare(&client, &rows).await;
            speed(started)
        };
        let connector = async || {
            let (_, mut sink) = fresh().await;
            let started = Instant::now();
            for batch in records.clone() {
                sink.process_batch(batch).await.expect("written");
            }
            speed(started)
        };
        let what = format!("index {index}, {DIMENSIONS} dimensions, batches of {BATCH}");
        compare(&what, PAIRS, bare, connector).await;
    }
}

async fn connector(server: &PostgresServer, index: &str) -> Pgvector {
    let toml = format!(
        "{}[[pgvector.topic_mappings]]\ntopic = '/default/rows'\ntable = 'rows'\ndimensions = {DIMENSIONS}\nindex = '{index}'\n",
        server.toml("pgvector")
    );
    let (mut sink, core) = from_toml::<Pgvector>(&toml).expect("a connector");
    sink.initialize(core).await.expect("a table");
    sink
}

async fn bare(client: &Client, rows: &[Vec<(String, Vec<f32>)>]) {
    let insert = "INSERT INTO rows SELECT id, embedding::vector FROM unnest($1::text[], $2::text[]) AS t(id, embedding) \
                  ON CONFLICT (id) DO UPDATE SET embedding = EXCLUDED.embedding";
    let insert = client.prepare(insert).await.expect("a statement");
    for rows in rows {
        let ids: Vec<_> = rows.iter().map(|(id, _)| &**id).collect();
        let texts: Vec<_> = rows.iter().map(|(_, embedding)| format!("{embedding:?}")).collect();
        client.execute(&insert, &[&ids, &texts]).await.expect("written");
    }
}
