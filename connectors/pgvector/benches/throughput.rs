//! Rows per second of the connector, compared with the bare client, which reads the same payloads into a type of its own and sends an
//! array of ids and one of embeddings in binary, in one statement. `cargo bench -p danube-sink-pgvector`; it needs
//! `connectors/postgres/install-servers`.

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

use std::{error::Error, sync::Arc, time::Instant};

use bytes::{BufMut, BytesMut};
use danube_sink::{PayloadFormat, RecordBuilder, SinkConnector, SinkRecord, schema::Decoder, testing::from_toml};
use danube_sink_pgvector::Pgvector;
use danube_sink_tests::compare;
use serde::Deserialize;
use server::{PostgresServer, Program};
use tokio_postgres::{
    Client,
    types::{IsNull, ToSql, Type, to_sql_checked},
};

const DIMENSIONS: usize = 384;
const BATCH: usize = 500;

/// Numbers that look like those of a model.
fn embedding(number: usize) -> Vec<f32> {
    (0..DIMENSIONS).map(|place| ((number * 31 + place * 17) as f32 * 0.618).sin()).collect()
}

/// A batch as the runtime passes it: found to be JSON.
fn batch(number: usize) -> Vec<SinkRecord> {
    let decoder = Arc::new(Decoder::without_schema(PayloadFormat::Json));
    let record = |number: usize| {
        let payload = serde_json::json!({ "id": number.to_string(), "embedding": embedding(number) });
        SinkRecord::builder("/default/rows").payload(payload.to_string()).decoder(Arc::clone(&decoder))
    };
    RecordBuilder::build_together((number * BATCH..(number + 1) * BATCH).map(record))
}

/// A payload, as a bare client reads it.
#[derive(Deserialize)]
struct Document<'a> {
    id: &'a str,
    embedding: Vector,
}

#[derive(Debug, Deserialize)]
struct Vector(Vec<f32>);

impl ToSql for Vector {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_u16(self.0.len().try_into()?);
        out.put_u16(0);
        self.0.iter().for_each(|number| out.put_f32(*number));
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        ty.name() == "vector"
    }

    to_sql_checked!();
}

#[tokio::main]
async fn main() {
    // `cargo bench -p danube-sink-pgvector -- --quick` only shows that it runs.
    let is_quick = std::env::args().any(|argument| argument == "--quick");
    let (batch_count, pairs) = if is_quick { (1, 1) } else { (6, 5) };
    let server = PostgresServer::start(Program::Pgvector);
    let records: Vec<Vec<_>> = (0..batch_count).map(batch).collect();
    for index in ["none", "hnsw"] {
        let fresh = async || {
            let client = server.client().await;
            client.batch_execute("DROP TABLE IF EXISTS rows; CHECKPOINT").await.expect("no table");
            (client, connector(&server, index).await)
        };
        let speed = |started: Instant| (BATCH * batch_count) as f64 / started.elapsed().as_secs_f64();
        let bare = async || {
            let (client, _table) = fresh().await;
            let started = Instant::now();
            bare(&client, &records).await;
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
        let what = format!("pgvector index {index}, {DIMENSIONS} dimensions, batches of {BATCH}");
        compare(&what, pairs, bare, connector).await;
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

async fn bare(client: &Client, batches: &[Vec<SinkRecord>]) {
    let insert = "INSERT INTO rows SELECT id, embedding FROM unnest($1::text[], $2::vector[]) AS t(id, embedding) \
                  ON CONFLICT (id) DO UPDATE SET embedding = EXCLUDED.embedding";
    let insert = client.prepare(insert).await.expect("a statement");
    for batch in batches {
        let documents: Result<Vec<Document<'_>>, _> =
            batch.iter().map(|record| serde_json::from_slice(record.bytes())).collect();
        let documents = documents.expect("documents");
        let ids: Vec<_> = documents.iter().map(|document| document.id).collect();
        let embeddings: Vec<_> = documents.iter().map(|document| &document.embedding).collect();
        client.execute(&insert, &[&ids, &embeddings]).await.expect("written");
    }
}
