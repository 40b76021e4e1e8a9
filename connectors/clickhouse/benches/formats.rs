//! The formats of rows: the server's CPU beside `json_each_row` for the same rows, and rows per second compared with a bare client that
//! sends Arrow: `cargo bench -p danube-sink-clickhouse --bench formats`; with `-- --quick`, few rows.
//!
//! It needs `install-servers`. It prints `figure NAME VALUE GOAL`.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout, reason = "it serves tests alone")]

#[allow(dead_code, clippy::duplicate_mod, reason = "the tests of the program have it too, where they are compiled")]
#[path = "../src/tests/process.rs"]
mod process;

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Instant,
};

use arrow_ipc::writer::StreamWriter;
use arrow_json::ReaderBuilder;
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use danube_sink::{
    ConnectorConfig, PayloadFormat, RecordBuilder, SinkConnector, SinkRecord, schema::Decoder, testing::from_toml,
};
use danube_sink_clickhouse::Clickhouse;
use danube_sink_tests::compare;
use process::{Engine, Process};
use tokio::sync::Mutex;

/// The rows of a run.
#[derive(Clone, Copy)]
struct Size {
    batch: usize,
    batches: usize,
}

/// For the server's CPU: what an insert takes besides its rows is the same for both formats.
const FOR_CPU: [Size; 2] = [Size { batch: 50_000, batches: 8 }, Size { batch: 50_000, batches: 2 }];
const FOR_SPEED: [Size; 2] = [Size { batch: 10_000, batches: 30 }, Size { batch: 2_000, batches: 3 }];
const PAIRS: [usize; 2] = [9, 1];

#[derive(Clone, Copy)]
enum Rows {
    /// Numbers, and a time.
    Measurements,
    /// A text of some hundred bytes, and four other columns.
    Texts,
}

impl Rows {
    fn name(self) -> &'static str {
        match self {
            Self::Measurements => "measurements",
            Self::Texts => "texts",
        }
    }

    fn columns(self) -> &'static str {
        match self {
            Self::Measurements => {
                "number UInt64, site LowCardinality(String), at DateTime64(3, 'UTC'), a Float64, b Float64, c Float64, \
                 d Float64, e Int32, f Int32"
            }
            Self::Texts => "number UInt64, name String, price Decimal(18, 4), at DateTime64(3, 'UTC'), text String",
        }
    }

    fn schema(self) -> SchemaRef {
        let at = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
        let mut fields = vec![("number", DataType::UInt64), ("at", at)];
        fields.extend(match self {
            Self::Measurements => vec![
                ("site", DataType::Utf8),
                ("a", DataType::Float64),
                ("b", DataType::Float64),
                ("c", DataType::Float64),
                ("d", DataType::Float64),
                ("e", DataType::Int32),
                ("f", DataType::Int32),
            ],
            Self::Texts => {
                vec![("name", DataType::Utf8), ("price", DataType::Decimal128(18, 4)), ("text", DataType::Utf8)]
            }
        });
        let fields: Vec<_> = fields.into_iter().map(|(name, kind)| Field::new(name, kind, true)).collect();
        Arc::new(Schema::new(fields))
    }

    fn payload(self, number: usize) -> String {
        let at = format!(r#""number":{number},"at":"2018-02-07T01:26:13.{:03}Z""#, number % 1_000);
        match self {
            Self::Measurements => {
                let value = |factor: usize| (number * factor % 1_000_003) as f64 / 1_000.0;
                let [a, b, c, d] = [7, 11, 13, 17].map(value);
                format!(
                    r#"{{{at},"site":"site {}","a":{a},"b":{b},"c":{c},"d":{d},"e":{number},"f":-{number}}}"#,
                    number % 20
                )
            }
            Self::Texts => {
                let text = "some words of the ordinary kind, ".repeat(3);
                format!(r#"{{{at},"name":"name of {number}","price":{number}.25,"text":"{text}"}}"#)
            }
        }
    }
}

fn main() {
    let quick = usize::from(std::env::args().any(|argument| argument == "--quick"));
    let (for_cpu, for_speed, pairs) = (FOR_CPU[quick], FOR_SPEED[quick], PAIRS[quick]);
    let tokio = tokio::runtime::Runtime::new().expect("a runtime");
    let server = Process::start_of(Engine::Current);
    for rows in [Rows::Measurements, Rows::Texts] {
        let name = rows.name();
        for (format, shown) in [("native", "native"), ("arrow_stream", "arrow")] {
            let ratio = || tokio.block_on(cpu_ratio(&server, rows, format, for_cpu));
            let mut ratios: Vec<_> = (0..=pairs).map(|_| ratio()).collect();
            // The first one warms up.
            ratios.remove(0);
            ratios.sort_by(f64::total_cmp);
            println!("figure clickhouse_{shown}_server_cpu_{name} {:.3} <=0.5", ratios[ratios.len() / 2]);
        }
        let what = format!("clickhouse {name} as Arrow, batches of {}", for_speed.batch);
        let ours = async || ours(&server, rows, "arrow_stream", for_speed).await.0;
        tokio.block_on(compare(&what, pairs, async || bare(&server, rows, for_speed).await, ours));
    }
}

/// The server's CPU for rows in a format, in parts of that for the same rows as JSON.
async fn cpu_ratio(server: &Process, rows: Rows, format: &str, size: Size) -> f64 {
    let (_, json) = ours(server, rows, "json_each_row", size).await;
    let (_, other) = ours(server, rows, format, size).await;
    println!("{}: {json} ticks of CPU as JSON, {other} as {format}", rows.name());
    other as f64 / json.max(1) as f64
}

/// A new table for each run.
fn table(server: &Process, rows: Rows) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let table = format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed));
    server.ask(&format!("CREATE TABLE {table} ({}) ENGINE = MergeTree ORDER BY number", rows.columns()));
    server.ask(&format!("SYSTEM STOP MERGES {table}"));
    table
}

/// The rows a second of all batches, and the server's CPU for them.
async fn measured<B>(
    server: &Process,
    table: &str,
    size: Size,
    make: impl Fn(Range<usize>) -> Vec<B>,
    write: impl AsyncFn(&[B]),
) -> (f64, u64) {
    let (mut seconds, mut ticks) = (0.0, 0);
    for batch in 0..size.batches {
        let batch = make(batch * size.batch..(batch + 1) * size.batch);
        let (started, used) = (Instant::now(), server.cpu_ticks());
        write(&batch).await;
        seconds += started.elapsed().as_secs_f64();
        ticks += server.cpu_ticks() - used;
    }
    let rows = size.batches * size.batch;
    assert_eq!(server.ask(&format!("SELECT count() FROM {table}")), rows.to_string());
    (rows as f64 / seconds, ticks)
}

/// The smallest client that sends Arrow: no settings and no checks.
async fn bare(server: &Process, rows: Rows, size: Size) -> f64 {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (table, client, schema) = (table(server, rows), reqwest::Client::new(), rows.schema());
    let columns: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let query = format!("INSERT INTO {table} ({}) FORMAT ArrowStream", columns.join(", "));
    let url = reqwest::Url::parse_with_params(&server.url(), [("query", query.as_str()), ("async_insert", "0")]);
    let url = url.expect("a URL");
    let write = async |payloads: &[String]| {
        let reader = ReaderBuilder::new(Arc::clone(&schema)).with_batch_size(payloads.len());
        let mut decoder = reader.build_decoder().expect("a schema");
        decoder.decode(payloads.join("\n").as_bytes()).expect("rows");
        let batch = decoder.flush().expect("rows").expect("rows");
        let mut writer = StreamWriter::try_new(Vec::new(), &schema).expect("a stream");
        writer.write(&batch).expect("rows");
        let body = writer.into_inner().expect("a stream");
        let answer = client.post(url.clone()).body(body).send().await.expect("an answer");
        assert!(answer.error_for_status().expect("rows").text().await.expect("a text").is_empty());
    };
    let make = |numbers: Range<usize>| numbers.map(|number| rows.payload(number)).collect();
    measured(server, &table, size, make, write).await.0
}

/// The connector, with records as the runtime passes them.
async fn ours(server: &Process, rows: Rows, format: &str, size: Size) -> (f64, u64) {
    let table = table(server, rows);
    let (mut connector, _) = from_toml::<Clickhouse>(&format!(
        "[clickhouse]\napi.url = '{}'\n[[clickhouse.topic_mappings]]\ntopic = '/default/t'\nsubscription = 's'\n\
         table = '{table}'\nformat = '{format}'",
        server.url()
    ))
    .expect("a configuration");
    connector.initialize(ConnectorConfig::new("", "bench")).await.expect("a server");
    let decoder = Arc::new(Decoder::without_schema(PayloadFormat::Json));
    let record = |number: usize| {
        let record = SinkRecord::builder("/default/t").subscription("s").offset(number as u64);
        record.payload(rows.payload(number)).decoder(Arc::clone(&decoder))
    };
    let connector = Mutex::new(connector);
    let write = async |records: &[SinkRecord]| {
        connector.lock().await.process_batch(records.to_vec()).await.expect("rows");
    };
    let make = |numbers: Range<usize>| RecordBuilder::build_together(numbers.map(record));
    measured(server, &table, size, make, write).await
}
