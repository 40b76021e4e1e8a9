//! Single batches, written without a runtime and read back by an independent reader.

#[path = "../../tests/common/mod.rs"]
pub(crate) mod common;

mod changes;
mod compactions;
mod contents;
mod failures;
mod features;
mod logs;
mod names;
mod readme;
mod schemas;
mod stores;
mod values;

use std::{collections::BTreeMap, fs, path::Path};

use common::{Reader, folder, open_s3};
use danube_sink::{prelude::*, testing::from_toml};
use danube_sink_tests::stores::{Server, toml};
use serde_json::{Value, json};

use super::DeltaLake;

const TOPIC: &str = "/default/t";

/// A connector of one topic whose table is in the folder.
async fn connector(folder: &Path, mapping: &str) -> ConnectorResult<DeltaLake> {
    let text = format!(
        "[[delta_lake.topic_mappings]]\ntopic = '{TOPIC}'\nsubscription = 's'\ntable = '{}'\n{mapping}\n",
        folder.join("table").display()
    );
    let (mut connector, config) = from_toml::<DeltaLake>(&text).expect("a configuration");
    connector.initialize(config).await?;
    Ok(connector)
}

/// A connector of one topic whose table is in an S3 store.
async fn on_s3(server: &Server, mapping: &str) -> DeltaLake {
    let text = format!(
        "[delta_lake.storage_options]\n{}\n[[delta_lake.topic_mappings]]\ntopic = '{TOPIC}'\nsubscription = 's'\n\
         table = '{}'\n{mapping}\n",
        toml(&server.options()),
        server.url("table")
    );
    let (mut connector, config) = from_toml::<DeltaLake>(&text).expect("a configuration");
    connector.initialize(config).await.expect("a table");
    connector
}

/// Retries a batch as the runtime does, until it is written.
async fn write_retrying(connector: &mut DeltaLake, records: Vec<SinkRecord>) {
    while let Err(error) = connector.process_batch(records.clone()).await {
        assert!(matches!(error, ConnectorError::Retryable { .. }), "{error:?}");
        tokio::task::yield_now().await;
    }
}

fn record(offset: u64, payload: &Value) -> SinkRecord {
    let record = SinkRecord::builder(TOPIC).subscription("s").offset(offset).producer("sensor", 7, offset);
    record.publish_time(1_517_966_773_840).key("k").payload(payload.to_string()).build()
}

fn read(folder: &Path) -> common::Read {
    Reader::start().read(&folder.join("table").display().to_string(), &BTreeMap::new())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_is_written_after_the_interval_and_keeps_the_written_offsets() {
    let folder = folder("checkpoints");
    let mapping = "checkpoint_interval = 4\ncolumns = [{ name = 'n', type = 'long' }]";
    let one = |number: u64| vec![record(number + 1, &json!({ "n": number }))];
    {
        let mut connector = connector(&folder, mapping).await.unwrap();
        for number in 0..10 {
            connector.process_batch(one(number)).await.unwrap();
        }
    }
    let log = folder.join("table/_delta_log");
    assert!(log.join("_last_checkpoint").exists() && log.join("00000000000000000007.checkpoint.parquet").exists());
    for version in 0..7 {
        fs::remove_file(log.join(format!("{version:020}.json"))).expect("a commit before the checkpoint");
    }
    let mut connector = connector(&folder, mapping).await.unwrap();
    for number in (0..12).rev() {
        connector.process_batch(one(number)).await.unwrap();
    }
    let table = read(&folder);
    let mut numbers: Vec<_> = table.rows.iter().filter_map(|row| row["n"].as_u64()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..12).collect::<Vec<_>>());
    assert_eq!(table.version, 12, "records that are written already make no commit");
}

/// No reader would find a commit in a log that is missing its beginning.
#[tokio::test(flavor = "multi_thread")]
async fn a_removed_table_is_not_created_again() {
    let (disk, server) = (folder("gone"), open_s3("gone-s3").await);
    let places = [
        (disk.join("table").display().to_string(), disk.join("table"), BTreeMap::new()),
        (server.url("table"), server.objects("table"), server.options()),
    ];
    for (table, folder, options) in places {
        let text = format!(
            "[delta_lake.storage_options]\n{}\n[[delta_lake.topic_mappings]]\ntopic = '{TOPIC}'\nsubscription = 's'\n\
             table = '{table}'\ncolumns = [{{ name = 'n', type = 'long' }}]\n",
            toml(&options)
        );
        let (mut connector, config) = from_toml::<DeltaLake>(&text).expect("a configuration");
        connector.initialize(config).await.unwrap();
        connector.process_batch(vec![record(1, &json!({ "n": 1 }))]).await.unwrap();
        let away = folder.with_extension("away");
        fs::rename(&folder, &away).unwrap();
        for error in [
            connector.process_batch(vec![record(2, &json!({ "n": 2 }))]).await.expect_err("no table"),
            connector.health_check().await.expect_err("no table"),
        ] {
            assert!(matches!(error, ConnectorError::Retryable { .. }), "{table}: {error:?}");
            assert!(error.report().contains("no longer exists"), "{table}: {error:?}");
        }
        assert!(!folder.exists(), "{table}");
        fs::rename(&away, &folder).unwrap();
        connector.process_batch(vec![record(2, &json!({ "n": 2 }))]).await.unwrap();
        let mut numbers = Reader::start().numbers(&table, &options, "n");
        numbers.sort_unstable();
        assert_eq!(numbers, [1, 2], "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_does_not_match_the_mapping_is_reported_at_start() {
    let folder = folder("unmatched");
    connector(&folder, "columns = [{ name = 'n', type = 'long' }]").await.unwrap();
    for (mapping, message) in [
        ("columns = [{ name = 'n', type = 'string' }]", "column `n` of the table"),
        ("columns = [{ name = 'm' }]", "column `m` of the table"),
        ("metadata = ['key']", "column `key` of the table"),
    ] {
        let Err(error) = connector(&folder, mapping).await else { panic!("{mapping} is taken") };
        assert!(matches!(error, ConnectorError::Configuration { .. }) && error.report().contains(message), "{error:?}");
        let found = if message.contains("`n`") { "is `long`; the" } else { "is missing; the" };
        assert!(error.report().contains(&format!("{found} mapping expects `string`")), "{error:?}");
    }
}

#[test]
fn secrets_and_invalid_types_are_reported_with_their_line() {
    let text = "[delta_lake.storage_options]\nAWS_SECRET_ACCESS_KEY = 's3cret'\n\n[[delta_lake.topic_mappings]]\n\
                topic = '/default/t'\ntable = 't'\ncolumns = [{ name = 'n', type = 'int' }]\n";
    let Err(report) = from_toml::<DeltaLake>(text) else { panic!("it is taken") };
    let report = report.to_string();
    assert!(
        report.contains("connector.toml:2") && report.contains("is a secret") && !report.contains("s3cret"),
        "{report}"
    );
    assert!(report.contains("connector.toml:7") && report.contains("not a DeltaType: Delta has"), "{report}");
    for kind in ["variant", "interval year to month"] {
        let Err(report) = from_toml::<DeltaLake>(&text.replace("'int'", &format!("'{kind}'"))) else {
            panic!("{kind}")
        };
        assert!(report.to_string().contains("not a DeltaType"), "{kind}: {report}");
    }
}

#[test]
fn a_request_may_take_as_long_as_a_write() {
    for (option, expected) in [("", Some("120000ms")), ("timeout = '5s'", Some("5s")), ("aws_timeout = '5s'", None)] {
        let text = format!(
            "write_timeout_ms = 120000\n[delta_lake.storage_options]\n{option}\n[[delta_lake.topic_mappings]]\ntopic = '{TOPIC}'\n\
             table = 's3://lake/table'\n"
        );
        let (connector, config) = from_toml::<DeltaLake>(&text).expect("a configuration");
        let options = connector.options(config.write_timeout);
        assert_eq!(options.get("timeout").map(String::as_str), expected, "{option}");
        assert!(crate::options::check(&options).is_ok(), "{option}");
    }
}
