//! Rows per second of the connector, compared with a bare client of the same write: `cargo bench -p danube-sink-clickhouse`
//!
//! It needs `install-servers`. Both insert the same records into tables of one server, in batches of the same size and in the same
//! format, in turn; the result is the median of the pairs, for each of the two servers. Of the server that takes `Native` from both,
//! there is a comparison with a bare client that sends JSON, too, as most do.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout, reason = "it serves tests alone")]

#[allow(dead_code, clippy::duplicate_mod, reason = "the tests of the program have it too, where they are compiled")]
#[path = "../src/tests/process.rs"]
mod process;

/// What the bare client sends.
#[path = "throughput/body.rs"]
mod body;

use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use danube_sink::{
    ConnectorConfig, PayloadFormat, RecordBuilder, SinkConnector, SinkRecord, schema::Decoder, testing::from_toml,
};
use danube_sink_clickhouse::Clickhouse;
use danube_sink_tests::{compare, settle_allocator};
use flate2::{Compression, write::GzEncoder};
use process::{Engine, Process};
use reqwest::{Client, header::CONTENT_ENCODING};
use tokio::sync::Mutex;

const PAIRS: usize = 15;
/// Of each run, after the first.
const BATCHES: usize = 20;
const COLUMNS: &str = "number UInt64, name String, price Decimal(18, 4), at DateTime, text String";

/// The work of a bare client with a payload.
#[derive(Clone, Copy, PartialEq)]
enum Payload {
    /// The payload is the row.
    Row,
    /// Columns are to be picked.
    Nested,
}

/// Of an INSERT.
#[derive(Clone, Copy)]
enum Format {
    /// A plain statement.
    Json,
    /// With the names of the columns, and a token by which the server recognizes a repeated insert.
    Native,
}

fn payload(number: usize, kind: Payload) -> String {
    let about = format!(r#""name":"name of {number}","price":{number}.25"#);
    let rest = format!(r#""at":"2018-02-07 01:26:13","text":"{}""#, "some words of the ordinary kind, ".repeat(3));
    match kind {
        Payload::Row => format!(r#"{{"number":{number},{about},{rest}}}"#),
        Payload::Nested => format!(r#"{{"number":{number},"about":{{{about}}},{rest}}}"#),
    }
}

fn main() {
    let tokio = tokio::runtime::Runtime::new().expect("a runtime");
    let picked =
        "columns = { number = '/number', name = '/about/name', price = '/about/price', at = '/at', text = '/text' }";
    let old: &[_] = &[(Format::Json, "")];
    let current: &[_] =
        &[(Format::Native, ", current engine"), (Format::Json, ", current engine, bare client with JSON")];
    for (engine, formats) in [(Engine::Old, old), (Engine::Current, current)] {
        let server = Process::start_of(engine);
        for (what, kind, mapping, level) in [
            ("payloads as they are", Payload::Row, "", 0),
            ("columns picked by pointers", Payload::Nested, picked, 0),
            ("payloads as they are, compressed", Payload::Row, "", 1),
        ] {
            for (format, shown) in formats {
                for batch in [1_000, 10_000] {
                    let what = format!("{what}, batches of {batch}{shown}");
                    let bare = async || bare(&server, kind, *format, level, batch).await;
                    let ours = async || ours(&server, kind, mapping, level, batch).await;
                    tokio.block_on(compare(&what, PAIRS, bare, ours));
                }
            }
        }
    }
}

/// A new table for each run. None is dropped, because file systems create files more slowly after removals.
fn table(server: &Process) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let table = format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed));
    server.ask(&format!("CREATE TABLE {table} ({COLUMNS}) ENGINE = MergeTree ORDER BY number"));
    // Merges of the one's rows would take the other's time.
    server.ask(&format!("SYSTEM STOP MERGES {table}"));
    table
}

/// The rows a second of all batches but the first, with which a client connects: from records as the runtime passes them, with JSON
/// detected, and kept until they are settled. Each batch is made when the one before is written, as they come in.
async fn speed(server: &Process, table: &str, kind: Payload, size: usize, write: impl AsyncFn(Vec<SinkRecord>)) -> f64 {
    let decoder = Arc::new(Decoder::without_schema(PayloadFormat::Json));
    let record = |number: usize| {
        let record = SinkRecord::builder("/default/t").subscription("s").offset(number as u64);
        record.payload(payload(number, kind)).decoder(Arc::clone(&decoder))
    };
    let mut time = Duration::ZERO;
    for number in 0..=BATCHES {
        let unsettled = RecordBuilder::build_together((number * size..(number + 1) * size).map(record));
        let batch = unsettled.clone();
        settle_allocator();
        let started = Instant::now();
        write(batch).await;
        time += if number > 0 { started.elapsed() } else { Duration::ZERO };
    }
    assert_eq!(server.ask(&format!("SELECT count() FROM {table}")), ((BATCHES + 1) * size).to_string());
    (BATCHES * size) as f64 / time.as_secs_f64()
}

/// The smallest client that waits for the rows to be written, without checks. With `Native`, it can repeat an insert, as the connector
/// can; with JSON, it cannot, for the old server has no tokens.
async fn bare(server: &Process, kind: Payload, format: Format, level: u32, size: usize) -> f64 {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let table = table(server);
    let client = Client::new();
    let insert = format!("{}/?query=INSERT+INTO+{table}", server.url());
    let token = AtomicU32::new(0);
    let url = || match format {
        Format::Json => format!("{insert}+FORMAT+JSONEachRow"),
        Format::Native => {
            let token = token.fetch_add(1, Ordering::Relaxed);
            format!("{insert}+(number,name,price,at,text)+FORMAT+Native&insert_deduplication_token={token}")
        }
    };
    let write = async |records: Vec<SinkRecord>| {
        let payloads: Vec<_> = records.iter().map(|record| record.bytes().as_ref()).collect();
        let mut rows = match (format, kind) {
            (Format::Native, _) => body::native(&payloads, kind),
            (Format::Json, Payload::Row) => payloads.join(&b'\n'),
            (Format::Json, Payload::Nested) => body::picked(&payloads),
        };
        let mut insert = client.post(url());
        if level > 0 {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
            encoder.write_all(&rows).expect("rows");
            rows = encoder.finish().expect("rows");
            insert = insert.header(CONTENT_ENCODING, "gzip");
        }
        let answer = insert.body(rows).send().await.expect("an answer");
        assert!(answer.error_for_status().expect("rows").text().await.expect("a text").is_empty());
    };
    speed(server, &table, kind, size, write).await
}

async fn ours(server: &Process, kind: Payload, mapping: &str, level: u32, size: usize) -> f64 {
    let table = table(server);
    let settings = match server.engine {
        // JSON, for which the bare client leaves times to the server's default too.
        Engine::Old => "settings = { date_time_input_format = 'basic' }",
        Engine::Current => "",
    };
    let (mut connector, _) = from_toml::<Clickhouse>(&format!(
        "[clickhouse]\napi.url = '{}'\ngzip_level = {level}\n[[clickhouse.topic_mappings]]\n\
         topic = '/default/t'\nsubscription = 's'\ntable = '{table}'\n\
         {settings}\n{mapping}",
        server.url()
    ))
    .expect("a configuration");
    connector.initialize(ConnectorConfig::new("", "bench")).await.expect("a server");
    let connector = Mutex::new(connector);
    let write = async |records: Vec<SinkRecord>| connector.lock().await.process_batch(records).await.expect("rows");
    speed(server, &table, kind, size, write).await
}
