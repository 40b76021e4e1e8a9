//! Small files that are joined: the rows stay, and other writers are not disturbed.

use std::{collections::BTreeMap, fs, path::Path};

use danube_sink::prelude::*;
use serde_json::json;

use super::{
    common::{Read, Reader, folder},
    connector, read, record, write_retrying,
};
use crate::DeltaLake;

async fn write(connector: &mut DeltaLake, number: u64) {
    let kind = if number.is_multiple_of(4) { json!(null) } else { json!(format!("k {}", number % 2)) };
    let nested = json!({ "text": "x", "at": "2018-02-07T01:26:13.84Z" });
    let payload = json!({
        "n": number, "kind": kind, "list": [number], "money": "12.50", "day": "2018-02-07", "at": "2018-02-07T01:26:13Z",
        "local": "2018-02-07T01:26:13", "bytes": "AQI=", "map": { "k": nested }, "nested": nested,
    });
    write_retrying(connector, vec![record(number + 1, &payload)]).await;
}

fn commits_of(folder: &Path, operation: &str) -> usize {
    let files = fs::read_dir(folder.join("table/_delta_log")).unwrap().map(|entry| entry.unwrap().path());
    let of_operation = |text: &String| text.contains(&format!(r#""operation":"{operation}""#));
    files.filter_map(|path| fs::read_to_string(path).ok()).filter(of_operation).count()
}

fn numbers(read: &Read) -> Vec<u64> {
    let mut numbers: Vec<_> = read.rows.iter().filter_map(|row| row["n"].as_u64()).collect();
    numbers.sort_unstable();
    numbers
}

const COLUMNS: &str = r#"columns = [
    { name = 'n', type = 'long', required = true }, { name = 'kind' },
    { name = 'list', type = '{"type":"array","elementType":"long","containsNull":true}' },
    { name = 'money', type = 'decimal(10,2)' }, { name = 'day', type = 'date' }, { name = 'at', type = 'timestamp' },
    { name = 'local', type = 'timestamp_ntz' }, { name = 'bytes', type = 'binary' },
    { name = 'nested', type = '{"type":"struct","fields":[{"name":"text","type":"string","nullable":true,"metadata":{}}, {"name":"at","type":"timestamp","nullable":true,"metadata":{}}]}' },
    { name = 'map', type = '{"type":"map","keyType":"string","valueContainsNull":true,"valueType":{"type":"struct","fields":[{"name":"text","type":"string","nullable":true,"metadata":{}}, {"name":"at","type":"timestamp","nullable":true,"metadata":{}}]}}' },
]"#;

#[tokio::test(flavor = "multi_thread")]
async fn small_files_of_a_partition_are_joined_and_every_row_stays() {
    for (name, partitions) in [("joined", ""), ("joined-partitions", "partition_by = ['kind']\n")] {
        let folder = folder(name);
        let mut connector = connector(&folder, &format!("compact_after = 5\n{partitions}{COLUMNS}")).await.unwrap();
        for number in 0..40 {
            write(&mut connector, number).await;
        }
        let table = read(&folder);
        assert_eq!(numbers(&table), (0..40).collect::<Vec<_>>());
        let is_right = |row: &serde_json::Value| {
            let n = row["n"].as_u64().unwrap();
            let kind = if n.is_multiple_of(4) { json!(null) } else { json!(format!("k {}", n % 2)) };
            let nested = json!({ "text": "x", "at": "2018-02-07 01:26:13.840000+00:00" });
            row["kind"] == kind
                && row["list"] == json!([n])
                && row["nested"] == nested
                && row["map"] == json!([["k", nested]])
                && (&row["money"], &row["day"], &row["bytes"])
                    == (&json!("12.50"), &json!("2018-02-07"), &json!("0102"))
                && row["at"] == "2018-02-07 01:26:13+00:00"
                && row["local"] == "2018-02-07 01:26:13"
        };
        assert!(table.rows.iter().all(is_right), "{:?}", table.rows);
        let joined = commits_of(&folder, "OPTIMIZE");
        assert!(joined >= 4 && table.files < 20, "{joined} compactions, {} files", table.files);
        let log = folder.join("table/_delta_log");
        let changes = fs::read_dir(log).unwrap().filter_map(|entry| fs::read_to_string(entry.unwrap().path()).ok());
        for commit in changes.filter(|commit| commit.contains(r#""operation":"OPTIMIZE""#)) {
            assert!(commit.contains(r#""dataChange":false"#) && !commit.contains(r#""dataChange":true"#), "{commit}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_before_a_column_was_added_are_joined_with_later_ones() {
    let folder = folder("joined-added");
    let one = "columns = [{ name = 'n', type = 'long' }]";
    let mut first = connector(&folder, one).await.unwrap();
    for number in 0..4 {
        write(&mut first, number).await;
    }
    let script = format!(
        "import deltalake; t = deltalake.DeltaTable('{}'); t.alter.add_columns([deltalake.Field('kind', 'string')])",
        folder.join("table").display()
    );
    danube_sink_tests::stores::python(&script);
    let two = "compact_after = 4\ncolumns = [{ name = 'n', type = 'long' }, { name = 'kind' }]";
    let mut second = connector(&folder, two).await.unwrap();
    write(&mut second, 5).await;
    let table = read(&folder);
    assert_eq!((numbers(&table), table.files), (vec![0, 1, 2, 3, 5], 1));
    assert!(table.rows.iter().all(|row| (row["n"] == 5) == (row["kind"] == "k 1")), "{:?}", table.rows);
}

#[tokio::test(flavor = "multi_thread")]
async fn compactions_of_several_writers_lose_nothing() {
    const WRITERS: u64 = 3;
    let folder = folder("joined-at-once");
    let mapping = format!("compact_after = 3\ncheckpoint_interval = 5\n{COLUMNS}");
    let mut running = Vec::new();
    for writer in 0..WRITERS {
        let mut connector = connector(&folder, &mapping).await.unwrap();
        running.push(tokio::spawn(async move {
            for number in 0..15 {
                write(&mut connector, number * WRITERS + writer).await;
            }
        }));
    }
    for writer in running {
        writer.await.unwrap();
    }
    // Commits of the others may have made every compaction fail so far.
    let mut alone = connector(&folder, &mapping).await.unwrap();
    write(&mut alone, 15 * WRITERS).await;
    let table = read(&folder);
    assert_eq!(numbers(&table), (0..=15 * WRITERS).collect::<Vec<_>>());
    assert!(commits_of(&folder, "OPTIMIZE") > 0 && table.files < 15 * WRITERS, "{} files", table.files);
}

/// A file that is gone from the store makes the compaction fail, and no write.
#[tokio::test(flavor = "multi_thread")]
async fn a_compaction_that_fails_fails_no_write() {
    let folder = folder("joined-failed");
    let mut connector = connector(&folder, &format!("compact_after = 4\n{COLUMNS}")).await.unwrap();
    for number in 0..2 {
        write(&mut connector, number).await;
    }
    let files = fs::read_dir(folder.join("table")).unwrap().map(|entry| entry.unwrap().path());
    let file = files.into_iter().find(|path| path.extension().is_some_and(|end| end == "parquet")).unwrap();
    let away = folder.join("away.parquet");
    fs::rename(&file, &away).unwrap();
    for number in 2..6 {
        let payload = json!({ "n": number, "list": [] });
        connector.process_batch(vec![record(number + 1, &payload)]).await.unwrap();
    }
    assert_eq!(commits_of(&folder, "OPTIMIZE"), 0);
    fs::rename(&away, &file).unwrap();
    let table = Reader::start().read(&folder.join("table").display().to_string(), &BTreeMap::new());
    assert_eq!(numbers(&table), (0..6).collect::<Vec<_>>());
    for number in 6..9 {
        write(&mut connector, number).await;
    }
    assert_eq!((read(&folder).rows.len(), commits_of(&folder, "OPTIMIZE")), (9, 1), "it is tried again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compaction_whose_version_wants_a_checkpoint_gets_one() {
    let folder = folder("joined-checkpoint");
    let mapping = format!("compact_after = 2\ncheckpoint_interval = 5\n{COLUMNS}");
    let mut connector = connector(&folder, &mapping).await.unwrap();
    for number in 0..3 {
        // Null in the column `kind`, and all in one partition.
        write(&mut connector, 4 * number).await;
    }
    let log = folder.join("table/_delta_log");
    let fifth = fs::read_to_string(log.join("00000000000000000004.json")).unwrap();
    assert!(fifth.contains(r#""operation":"OPTIMIZE""#), "{fifth}");
    assert!(log.join("00000000000000000004.checkpoint.parquet").exists());
    write(&mut connector, 12).await;
    assert_eq!(numbers(&read(&folder)), [0, 4, 8, 12]);
}
