//! A table that other writers change while the connector runs: the connector continues, or reports what to do.

use std::{fs, path::Path, time::Duration};

use danube_sink::prelude::*;
use serde_json::json;

use super::super::DeltaLake;
use super::{common::folder, connector, read, record};

const COLUMN: &str = "columns = [{ name = 'n', type = 'long' }]";

async fn write(connector: &mut DeltaLake, number: u64) -> ConnectorResult<()> {
    connector.process_batch(vec![record(number, &json!({ "n": number }))]).await
}

/// Retries a write as the runtime does, and returns the first answer that is not retryable.
async fn retried(connector: &mut DeltaLake, number: u64) -> ConnectorResult<()> {
    for _ in 0..3 {
        match write(connector, number).await {
            Err(ConnectorError::Retryable { .. }) => {}
            other => return other,
        }
    }
    panic!("it is retried for ever")
}

fn numbers(folder: &Path) -> Vec<u64> {
    let mut numbers: Vec<_> = read(folder).rows.iter().filter_map(|row| row["n"].as_u64()).collect();
    numbers.sort_unstable();
    numbers
}

/// Commits a change of columns, as another writer.
fn commit_schema(folder: &Path, version: u64, columns: &[(&str, &str, bool)]) {
    let log = folder.join("table/_delta_log");
    let first = fs::read_to_string(log.join("00000000000000000000.json")).unwrap();
    let lines = first.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let mut metadata = lines.into_iter().find(|line| line.get("metaData").is_some()).unwrap();
    let fields = columns
        .iter()
        .map(|(name, kind, nullable)| json!({ "name": name, "type": kind, "nullable": nullable, "metadata": {} }));
    let schema = json!({ "type": "struct", "fields": fields.collect::<Vec<_>>() });
    metadata["metaData"]["schemaString"] = schema.to_string().into();
    fs::write(log.join(format!("{version:020}.json")), metadata.to_string()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_are_added_are_null() {
    let folder = folder("added");
    let mut connector = connector(&folder, COLUMN).await.unwrap();
    write(&mut connector, 1).await.unwrap();
    commit_schema(&folder, 2, &[("n", "long", true), ("more", "string", true)]);
    retried(&mut connector, 2).await.unwrap();
    write(&mut connector, 3).await.unwrap();
    assert_eq!(numbers(&folder), [1, 2, 3]);
    assert_eq!(read(&folder).columns["more"], "string");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_others_add_is_filled_at_once() {
    let folder = folder("added-for-a-field");
    let mut connector = connector(&folder, "").await.unwrap();
    let both = |number: u64| record(number, &json!({ "n": number, "more": "a" }));
    write(&mut connector, 1).await.unwrap();
    let error = connector.process_batch(vec![record(2, &json!({ "n": 2 })), both(3)]).await.unwrap_err();
    assert!(error.report().contains("0 records to retry, 1 rejected"), "{error:?}");
    commit_schema(&folder, 3, &[("n", "long", true), ("more", "string", true)]);
    connector.process_batch(vec![both(4)]).await.unwrap();
    assert_eq!(numbers(&folder), [1, 2, 4]);
    assert_eq!(read(&folder).rows.iter().filter(|row| row["more"] == "a").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_whose_records_all_have_a_new_field_waits_for_its_column() {
    let folder = folder("awaited");
    let mut connector = connector(&folder, "").await.unwrap();
    write(&mut connector, 1).await.unwrap();
    let batch = |numbers: [u64; 2]| {
        let all = numbers.map(|number| record(number, &json!({ "n": number, "s3cret": "a" })));
        all.to_vec()
    };
    for _ in 0..2 {
        let error = connector.process_batch(batch([2, 3])).await.unwrap_err();
        assert!(matches!(error, ConnectorError::Retryable { .. }), "{error:?}");
        assert!(
            error.report().contains("every record of the batch") && !error.report().contains("s3cret"),
            "{error:?}"
        );
        // The runtime may try one record of it.
        let error = connector.process_batch(batch([2, 3])[..1].to_vec()).await.unwrap_err();
        assert!(matches!(error, ConnectorError::Retryable { .. }), "{error:?}");
    }
    commit_schema(&folder, 2, &[("n", "long", true), ("s3cret", "string", true)]);
    connector.process_batch(batch([2, 3])).await.unwrap();
    assert_eq!(numbers(&folder), [1, 2, 3]);
    // A table never has a column of this name.
    let error = connector.process_batch(vec![record(4, &json!({ "a b": 1 })), record(5, &json!({ "a b": 1 }))]).await;
    assert!(error.unwrap_err().report().contains("2 rejected"));
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_no_longer_match_end_the_connector() {
    for (columns, reason) in [
        (&[("m", "long", true)][..], "column `n` of the table is missing; the mapping expects `long`"),
        (&[("n", "string", true)], "column `n` of the table is `string`; the mapping expects `long`"),
        (&[("N", "long", true)], "column `n` is `N` in the table: use that name"),
        (&[("n", "long", true), ("m", "long", false)], "column `m` of the table must have a value"),
    ] {
        let folder = folder("unmatched-later");
        let mut connector = connector(&folder, COLUMN).await.unwrap();
        write(&mut connector, 1).await.unwrap();
        commit_schema(&folder, 2, columns);
        let error = retried(&mut connector, 2).await.unwrap_err();
        assert!(matches!(error, ConnectorError::Fatal { .. }), "{error:?}");
        assert!(error.report().contains(reason), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_without_columns_follows_a_change_of_type() {
    let folder = folder("retyped");
    let mut connector = connector(&folder, "").await.unwrap();
    write(&mut connector, 1).await.unwrap();
    commit_schema(&folder, 2, &[("n", "string", true), ("m", "long", true)]);
    retried(&mut connector, 2).await.unwrap();
    let log = fs::read_to_string(folder.join("table/_delta_log/00000000000000000003.json")).unwrap();
    assert!(log.contains(r#"\"minValues\":{\"n\":\"2\"}"#), "{log}");
}

/// The new table has as many commits as the old one, so that the log looks continuous.
#[tokio::test(flavor = "multi_thread")]
async fn a_recreated_table_is_read_again() {
    for (name, columns, matches) in [
        ("remade", "columns = [{ name = 'n', type = 'long' }, { name = 'm', type = 'long' }]", true),
        ("remade-other", "columns = [{ name = 'n', type = 'string' }]", false),
    ] {
        let folder = folder(name);
        let mut connector_of_old = connector(&folder, COLUMN).await.unwrap();
        write(&mut connector_of_old, 1).await.unwrap();
        fs::remove_dir_all(folder.join("table")).unwrap();
        let mut other = connector(&folder, columns).await.unwrap();
        for number in 10..13 {
            write(&mut other, number).await.unwrap();
        }
        match retried(&mut connector_of_old, 2).await {
            Ok(()) => {
                assert!(matches);
                assert_eq!(numbers(&folder), [2, 10, 11, 12]);
            }
            Err(error) => {
                assert!(!matches && error.report().contains("the mapping expects `long`"), "{error:?}");
                assert_eq!(read(&folder).rows.len(), 3, "nothing is added to a table of other columns");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_whose_old_commits_are_cleaned_up_continues() {
    let folder = folder("cleaned-by-others");
    let mut connector = connector(&folder, &format!("checkpoint_interval = 2\n{COLUMN}")).await.unwrap();
    for number in 1..=5 {
        write(&mut connector, number).await.unwrap();
    }
    let log = folder.join("table/_delta_log");
    for version in 0..=4 {
        fs::remove_file(log.join(format!("{version:020}.json"))).unwrap();
    }
    retried(&mut connector, 6).await.unwrap();
    assert_eq!(numbers(&folder), [1, 2, 3, 4, 5, 6]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_cannot_be_read_is_waited_for_without_its_lines() {
    let folder = folder("broken-log");
    let mut connector = connector(&folder, COLUMN).await.unwrap();
    write(&mut connector, 1).await.unwrap();
    let next = folder.join("table/_delta_log/00000000000000000002.json");
    fs::write(&next, r#"{"add":{"path":"s3cret.parquet","stats":"{\"minValues\":{\"n\":\"s3cret"#).unwrap();
    for _ in 0..3 {
        let error = write(&mut connector, 2).await.unwrap_err();
        assert!(matches!(error, ConnectorError::Retryable { .. }), "{error:?}");
        assert!(!error.report().contains("s3cret"), "{error:?}");
    }
    fs::remove_file(next).unwrap();
    retried(&mut connector, 2).await.unwrap();
    assert_eq!(numbers(&folder), [1, 2]);
}

/// Several tasks of one subscription change the same numbers in the log, so that their commits collide all the time.
#[tokio::test(flavor = "multi_thread")]
async fn instances_that_write_at_once_all_end() {
    const INSTANCES: u64 = 3;
    const EACH: u64 = 20;
    let folder = folder("at-once");
    let mut running = Vec::new();
    for instance in 0..INSTANCES {
        let mut connector = connector(&folder, &format!("checkpoint_interval = 5\n{COLUMN}")).await.unwrap();
        running.push(tokio::spawn(async move {
            for number in 0..EACH {
                let number = number * INSTANCES + instance;
                while let Err(error) = write(&mut connector, number).await {
                    assert!(matches!(error, ConnectorError::Retryable { .. }), "{error:?}");
                    tokio::task::yield_now().await;
                }
            }
        }));
    }
    for instance in running {
        tokio::time::timeout(Duration::from_secs(300), instance).await.expect("it does not hang").unwrap();
    }
    assert_eq!(numbers(&folder), (0..INSTANCES * EACH).collect::<Vec<_>>());
}
