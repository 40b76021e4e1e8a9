//! Records per second into files of a folder: the connector compared with the bare libraries, with the same records and files.
//!
//! `cargo bench -p danube-sink-object-store` runs both in turn. The bare loop is a program without a broker: payloads joined to lines, or arrow's
//! JSON decoder and Parquet's `ArrowWriter` on the payloads' bytes; one file per batch, synchronized in pieces and renamed, as the
//! connector does. It has no journal.
//! Making the records of a batch leaves memory for the allocator to sort: it does so before the time of either side begins.
//! `TMPDIR` is the disk, if it is set: in memory (`TMPDIR=/dev/shm`), it measures the processor alone.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout, reason = "it measures alone")]

use std::{
    env,
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use arrow_json::ReaderBuilder;
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use danube_sink::{PayloadFormat, prelude::*, schema::Decoder, testing::from_toml};
use danube_sink_object_store::ObjectStore;
use danube_sink_tests::{compare, settle_allocator, stores::reading_records};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    file::properties::WriterProperties,
};

const PAIRS: usize = 7;
/// Bytes of a write to a file.
const PIECE: usize = 256 * 1024;
/// Of each run, after one that counts nothing: the first of a process begins its journal, and looks for abandoned files.
const BATCHES: u64 = 10;
const COLUMNS: [(&str, &str, DataType); 6] = [
    ("id", "long", DataType::Int64),
    ("name", "string", DataType::Utf8),
    ("magnitude", "double", DataType::Float64),
    ("felt", "boolean", DataType::Boolean),
    ("at", "timestamp_ntz", DataType::Timestamp(TimeUnit::Microsecond, None)),
    ("place", "string", DataType::Utf8),
];

#[derive(Clone, Copy)]
enum Format {
    JsonLines,
    Parquet,
}

fn main() {
    let tokio = tokio::runtime::Runtime::new().expect("a runtime");
    tokio.block_on(async {
        for (format, name) in [(Format::JsonLines, "JSON lines"), (Format::Parquet, "Parquet")] {
            for rows in [10_000, 100_000] {
                let what = format!("{name}, files of {rows}");
                compare(&what, PAIRS, async || bare(format, rows), async || connector(format, rows).await).await;
            }
        }
    });
}

fn folder(name: &str) -> PathBuf {
    let disk = env::var_os("TMPDIR").map_or_else(|| env!("CARGO_TARGET_TMPDIR").into(), PathBuf::from);
    let folder = disk.join(format!("throughput-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    // What the run before left for the disk to do would be in the time of this one.
    assert!(Command::new("sync").status().expect("it starts").success());
    folder
}

fn bare(format: Format, rows: u64) -> f64 {
    let folder = folder("bare");
    let columns = COLUMNS.map(|(name, _, kind)| Field::new(name, kind, true));
    let schema = Arc::new(Schema::new(columns.to_vec()));
    let decoder = Arc::new(Decoder::without_schema(PayloadFormat::Json));
    let mut time = Duration::ZERO;
    for number in 0..=BATCHES {
        let records = reading_records(number * rows..(number + 1) * rows, "", &decoder);
        settle_allocator();
        let started = Instant::now();
        let payloads: Vec<&[u8]> = records.iter().map(|record| record.bytes().as_ref()).collect();
        let content = match format {
            Format::JsonLines => {
                let content = Vec::with_capacity(payloads.iter().map(|payload| payload.len() + 1).sum());
                payloads.iter().fold(content, |mut content, payload| {
                    content.extend_from_slice(payload);
                    content.push(b'\n');
                    content
                })
            }
            Format::Parquet => {
                let codec = Compression::ZSTD(ZstdLevel::default());
                let properties = WriterProperties::builder().set_compression(codec).build();
                let mut writer =
                    ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), Some(properties)).expect("a writer");
                for payloads in payloads.chunks(8_192) {
                    let builder = ReaderBuilder::new(Arc::clone(&schema)).with_batch_size(payloads.len());
                    let mut reader = builder.build_decoder().expect("a decoder");
                    for payload in payloads {
                        assert_eq!(reader.decode(payload).expect("JSON"), payload.len());
                    }
                    writer.write(&reader.flush().expect("rows").expect("some")).expect("a write");
                }
                writer.into_inner().expect("a file")
            }
        };
        let (partial, path) = (folder.join("partial"), folder.join(number.to_string()));
        let mut file = File::create(&partial).expect("a file");
        // As the connector does it: the disk is busy early, and the kernel takes small pieces in less time.
        for pieces in content.chunks(16 * PIECE) {
            pieces.chunks(PIECE).try_for_each(|piece| file.write_all(piece)).expect("room");
            file.sync_data().expect("a disk");
        }
        file.sync_all().expect("a disk");
        fs::rename(&partial, &path).expect("a folder");
        File::open(&folder).expect("a folder").sync_all().expect("a disk");
        time += if number > 0 { started.elapsed() } else { Duration::ZERO };
    }
    finish(time, rows, &folder)
}

async fn connector(format: Format, rows: u64) -> f64 {
    let folder = folder("connector");
    let decoder = Arc::new(Decoder::without_schema(PayloadFormat::Json));
    let columns = COLUMNS.map(|(name, kind, _)| format!("{{ name = '{name}', type = '{kind}' }}")).join(", ");
    let format = match format {
        Format::JsonLines => String::new(),
        Format::Parquet => format!("format = 'parquet'\ncolumns = [{columns}]\n"),
    };
    let text = format!(
        "[[object_store.topic_mappings]]\ntopic = '/default/t'\nsubscription = 's'\nurl = '{}'\n{format}",
        folder.display()
    );
    let (mut connector, config) = from_toml::<ObjectStore>(&text).expect("a configuration");
    connector.initialize(config).await.expect("a folder");
    let mut time = Duration::ZERO;
    for number in 0..=BATCHES {
        let batch = reading_records(number * rows..(number + 1) * rows, "", &decoder);
        // The runtime keeps the records until they are settled.
        let records = batch.clone();
        settle_allocator();
        let started = Instant::now();
        connector.process_batch(records).await.expect("a write");
        time += if number > 0 { started.elapsed() } else { Duration::ZERO };
    }
    finish(time, rows, &folder)
}

fn finish(time: Duration, rows: u64, folder: &Path) -> f64 {
    fs::remove_dir_all(folder).expect("the files");
    (BATCHES * rows) as f64 / time.as_secs_f64()
}
