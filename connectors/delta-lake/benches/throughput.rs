//! Rows per second into a table on disk: the connector compared with the bare library, with the same rows and batches.
//!
//! `cargo bench -p danube-sink-delta-lake` runs both in turn. The bare loop is a program without a broker: arrow's JSON decoder on the payloads'
//! bytes, `RecordBatchWriter`, one commit per batch.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout, reason = "it measures alone")]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use danube_sink::{PayloadFormat, prelude::*, schema::Decoder, testing::from_toml};
use danube_sink_delta_lake::DeltaLake;
use danube_sink_tests::{
    compare,
    stores::{reading, reading_records},
};
use deltalake::{
    DataType, DeltaTable, StructField,
    arrow::json::ReaderBuilder,
    ensure_table_uri,
    operations::create::CreateBuilder,
    writer::{DeltaWriter, RecordBatchWriter},
};

const PAIRS: usize = 7;
const BATCHES: u64 = 20;
const COLUMNS: [(&str, DataType); 6] = [
    ("id", DataType::LONG),
    ("name", DataType::STRING),
    ("magnitude", DataType::DOUBLE),
    ("felt", DataType::BOOLEAN),
    ("at", DataType::TIMESTAMP),
    ("place", DataType::STRING),
];

fn main() {
    let tokio = tokio::runtime::Runtime::new().expect("a runtime");
    tokio.block_on(async {
        for rows in [100, 1_000, 10_000] {
            let what = format!("batches of {rows}");
            compare(&what, PAIRS, async || bare(rows).await, async || connector(rows).await).await;
        }
    });
}

fn table(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("throughput-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    folder
}

async fn bare(rows: u64) -> f64 {
    let folder = table("bare");
    let columns = COLUMNS.map(|(name, kind)| StructField::nullable(name, kind));
    let url = ensure_table_uri(folder.to_str().unwrap()).expect("a folder");
    let mut table: DeltaTable =
        CreateBuilder::new().with_location(url.as_str()).with_columns(columns).await.expect("a table");
    let mut time = Duration::ZERO;
    for batch in 0..BATCHES {
        // Created just before, like the batches of a connector.
        let batch: Vec<_> = (batch * rows..(batch + 1) * rows).map(|number| reading(number, "Z")).collect();
        let started = Instant::now();
        let mut writer = RecordBatchWriter::for_table(&table).expect("a writer");
        let mut decoder =
            ReaderBuilder::new(writer.arrow_schema()).with_batch_size(batch.len()).build_decoder().expect("a decoder");
        for payload in &batch {
            assert_eq!(decoder.decode(payload.as_bytes()).expect("JSON"), payload.len());
        }
        writer.write(decoder.flush().expect("rows").expect("some")).await.expect("a write");
        writer.flush_and_commit(&mut table).await.expect("a commit");
        time += started.elapsed();
    }
    finish(time, rows, &folder)
}

async fn connector(rows: u64) -> f64 {
    let folder = table("connector");
    let decoder = Arc::new(Decoder::without_schema(PayloadFormat::Json));
    let columns = COLUMNS.map(|(name, kind)| format!("{{ name = '{name}', type = '{kind}' }}")).join(", ");
    let text = format!(
        "[[delta_lake.topic_mappings]]\ntopic = '/default/t'\nsubscription = 's'\ntable = '{}'\ncolumns = [{columns}]\n",
        folder.display()
    );
    let (mut connector, config) = from_toml::<DeltaLake>(&text).expect("a configuration");
    connector.initialize(config).await.expect("a table");
    let mut time = Duration::ZERO;
    for batch in 0..BATCHES {
        let batch = reading_records(batch * rows..(batch + 1) * rows, "Z", &decoder);
        // The runtime keeps the records until they are settled.
        let records = batch.clone();
        let started = Instant::now();
        connector.process_batch(records).await.expect("a write");
        time += started.elapsed();
    }
    finish(time, rows, &folder)
}

fn finish(time: Duration, rows: u64, folder: &Path) -> f64 {
    fs::remove_dir_all(folder).expect("the table");
    (BATCHES * rows) as f64 / time.as_secs_f64()
}
