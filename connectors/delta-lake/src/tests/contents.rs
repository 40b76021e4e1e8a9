//! Tables that each record chooses.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::symlink,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use danube_sink::{
    prelude::*,
    testing::{HttpReply, HttpServer, from_toml},
};
use danube_sink_tests::stores::toml;
use serde_json::json;

use super::{
    TOPIC,
    common::{Reader, folder, open_s3},
    record,
};
use crate::DeltaLake;

fn text(root: &str, template: &str, options: &BTreeMap<String, String>, more: &str) -> String {
    format!(
        "[delta_lake.storage_options]\n{}\n[[delta_lake.topic_mappings]]\ntopic = '{TOPIC}'\nsubscription = 's'\n\
         table = '{root}/{template}'\n{more}\n",
        toml(options)
    )
}

async fn started(text: &str) -> DeltaLake {
    let (mut connector, config) = from_toml::<DeltaLake>(text).expect("a configuration");
    connector.initialize(config).await.unwrap();
    connector
}

const COLUMNS: &str = "columns = [{ name = 'n', type = 'long' }]";

fn of(tenant: &str, n: u64) -> SinkRecord {
    record(n, &json!({ "n": n, "tenant": tenant }))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_record_is_written_to_its_table_once_whatever_its_values() {
    let (disk, server) = (folder("by-content"), open_s3("by-content-s3").await);
    let tenants = ["a", "b c", "..", "x/y", "ü%20", "_delta_log"];
    for (root, options, objects) in [
        (disk.join("lake").display().to_string(), BTreeMap::new(), disk.join("lake")),
        (server.url("lake"), server.options(), server.objects("lake")),
    ] {
        let more = format!("max_open_tables = 2\n{COLUMNS}");
        let text = text(&root, "{topic}/{publish_time:%Y-%m}/tenant={/tenant}", &options, &more);
        let mut connector = started(&text).await;
        let records: Vec<_> = (0..24).map(|n| of(tenants[n as usize % tenants.len()], n)).collect();
        connector.process_batch(records[..15].to_vec()).await.unwrap();
        connector.process_batch(records[10..].to_vec()).await.unwrap();
        started(&text).await.process_batch(records).await.unwrap();
        let folder = objects.join("default/t/2018-02");
        let mut found: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        found.sort();
        let expected =
            ["tenant=!2E.", "tenant=!5Fdelta_log", "tenant=!C3!BC!2520", "tenant=a", "tenant=b!20c", "tenant=x!2Fy"];
        assert_eq!(found, expected, "{root}");
        let reader = Reader::start();
        let mut numbers = Vec::new();
        for name in found {
            let table = folder.join(name);
            numbers.extend(reader.numbers(&table.display().to_string(), &BTreeMap::new(), "n"));
        }
        numbers.sort_unstable();
        assert_eq!(numbers, (0..24).collect::<Vec<_>>(), "{root}");
    }
}

/// The records of one partition, in their order, of which the next one is always for another table.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_makes_one_commit_in_each_of_its_tables() {
    let lake = folder("by-content-commits").join("lake");
    let text = text(&lake.display().to_string(), "{/tenant}", &BTreeMap::new(), COLUMNS);
    let mut connector = started(&text).await;
    let tenants = ["a", "b", "c"];
    let all: Vec<_> = (0..30).map(|n| of(tenants[n as usize % 3], n)).collect();
    // The table of some of the earlier records cannot be written.
    symlink(lake.join("not/mounted"), lake.join("b")).unwrap();
    let error = connector.process_batch(all.clone()).await.unwrap_err();
    let ConnectorError::Partial(failure) = error else { panic!("{error:?}") };
    fs::remove_file(lake.join("b")).unwrap();
    // If that failed early, the last table was not begun.
    let is_retried = |record: &&SinkRecord| failure.retried().any(|(id, _)| id == record.id());
    let retried: Vec<_> = all.iter().filter(is_retried).cloned().collect();
    let of_tenant = |tenant: &str| retried.iter().filter(|record| record.payload()["tenant"] == tenant).count();
    assert_eq!((failure.rejected().count(), of_tenant("a"), of_tenant("b")), (0, 0, 10), "{retried:?}");
    connector.process_batch(retried).await.unwrap();
    // As after a crash before the acknowledgements, with batches that are cut differently.
    let mut connector = started(&text).await;
    for batch in all.chunks(7) {
        connector.process_batch(batch.to_vec()).await.unwrap();
    }
    for (rest, tenant) in tenants.iter().enumerate() {
        let table = Reader::start().read(&lake.join(tenant).display().to_string(), &BTreeMap::new());
        let numbers: Vec<_> = table.rows.iter().filter_map(|row| row["n"].as_u64()).collect();
        assert_eq!(numbers, (0..30).filter(|n| n % 3 == rest as u64).collect::<Vec<_>>(), "{tenant}");
        assert_eq!(table.version, 1, "{tenant}: it is created, and has one commit");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_without_a_table_is_rejected_and_its_value_is_in_no_error() {
    let folder = folder("no-table");
    let text = text(&folder.join("lake").display().to_string(), "{/tenant}", &BTreeMap::new(), COLUMNS);
    let mut connector = started(&text).await;
    let records = vec![of("a", 1), record(2, &json!({ "n": 2 })), of(&"s3cret".repeat(50), 3), of("", 4)];
    let error = connector.process_batch(records).await.unwrap_err();
    assert!(error.report().contains("3 rejected") && !error.report().contains("s3cret"), "{}", error.report());
    // A file is where the folder of a table should be.
    fs::write(folder.join("lake/s3cret"), "").unwrap();
    let error = connector.process_batch(vec![of("s3cret", 5)]).await.unwrap_err();
    assert!(!error.report().contains("s3cret"), "{}", error.report());
    fs::create_dir_all(folder.join("lake/s3cret2/_delta_log")).unwrap();
    fs::write(folder.join("lake/s3cret2/_delta_log/00000000000000000000.json"), "{").unwrap();
    let error = connector.process_batch(vec![of("s3cret2", 5)]).await.unwrap_err();
    assert!(!error.report().contains("s3cret") && error.report().contains("1 rejected"), "{}", error.report());
}

/// One tenant's table must not hold up the others.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_removed_is_created_anew_and_a_damaged_one_rejects_its_records() {
    let (disk, server) = (folder("by-content-gone"), open_s3("by-content-gone-s3").await);
    for (root, options, objects) in [
        (disk.join("lake").display().to_string(), BTreeMap::new(), disk.join("lake")),
        (server.url("lake"), server.options(), server.objects("lake")),
    ] {
        for columns in [COLUMNS, ""] {
            let mut connector = started(&text(&root, "{/tenant}", &options, columns)).await;
            connector.process_batch(["a", "b", "c"].map(|tenant| of(tenant, 1)).into()).await.unwrap();
            fs::remove_dir_all(objects.join("b")).unwrap();
            for entry in fs::read_dir(objects.join("c/_delta_log")).unwrap() {
                fs::write(entry.unwrap().path(), "{").unwrap();
            }
            let error = connector.process_batch(["a", "b", "c"].map(|tenant| of(tenant, 2)).into()).await.unwrap_err();
            assert!(error.report().contains("0 records to retry, 1 rejected"), "{root}: {}", error.report());
            let rows = |tenant| Reader::start().numbers(&format!("{root}/{tenant}"), &options, "n");
            assert_eq!((rows("a").len(), rows("b")), (2, vec![2]), "{root}");
            for tenant in ["a", "b", "c"] {
                fs::remove_dir_all(objects.join(tenant)).unwrap();
            }
        }
    }
}

/// The store refuses the folder of one table; or all of them.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_rights_rejects_its_records_if_the_store_has_others() {
    const EMPTY: &str = "<ListBucketResult><Name>lake</Name><KeyCount>0</KeyCount></ListBucketResult>";
    for (refused, columns, expected) in [
        ("prefix=a%2F", COLUMNS, "1 rejected"),
        ("prefix=a%2F", "", "1 rejected"),
        ("prefix=", COLUMNS, "1 records to retry"),
        ("prefix=", "", "1 records to retry"),
    ] {
        let is_started = Arc::new(AtomicBool::new(false));
        let running = Arc::clone(&is_started);
        let server = HttpServer::start(move |request| match running.load(Relaxed) && request.uri.contains(refused) {
            true => HttpReply::status(403, "<Error><Code>AccessDenied</Code></Error>"),
            false => HttpReply::status(200, EMPTY),
        })
        .unwrap();
        let options = [
            ("aws_endpoint", server.url()),
            ("aws_region", "eu-central-1".to_owned()),
            ("aws_skip_signature", "true".to_owned()),
            ("aws_allow_http", "true".to_owned()),
        ];
        let options = options.map(|(name, value)| (name.to_owned(), value)).into();
        let mut connector = started(&text("s3://lake", "{/tenant}", &options, columns)).await;
        is_started.store(true, Relaxed);
        let error = connector.process_batch(vec![of("a", 1)]).await.unwrap_err();
        assert!(error.report().contains(expected), "{}", error.report());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_tables_that_is_gone_is_waited_for() {
    let folder = folder("gone-root");
    let (lake, away) = (folder.join("lake"), folder.join("away"));
    let text = text(&lake.display().to_string(), "{/tenant}", &BTreeMap::new(), COLUMNS);
    let mut connector = started(&text).await;
    connector.process_batch(vec![of("a", 1)]).await.unwrap();
    fs::rename(&lake, &away).unwrap();
    for error in [
        connector.process_batch(vec![of("a", 2)]).await.unwrap_err(),
        connector.process_batch(vec![of("b", 3)]).await.unwrap_err(),
        connector.health_check().await.unwrap_err(),
    ] {
        assert!(matches!(error, ConnectorError::Retryable { .. } | ConnectorError::Partial { .. }), "{error:?}");
    }
    assert!(!lake.join("b").exists());
    let _ = fs::remove_dir_all(&lake);
    fs::rename(&away, &lake).unwrap();
    connector.process_batch(vec![of("a", 2), of("b", 3)]).await.unwrap();
    connector.health_check().await.unwrap();
}

#[test]
fn a_location_begins_with_what_is_constant() {
    for table in ["{/tenant}", "{topic}/x", "s3://{/tenant}/x", "s3://lake-{/tenant}/x", "s3://{/tenant}"] {
        let text = format!("[[delta_lake.topic_mappings]]\ntopic = '{TOPIC}'\ntable = '{table}'\n");
        let Err(report) = from_toml::<DeltaLake>(&text) else { panic!("{table}") };
        assert!(report.to_string().contains("its beginning is not constant"), "{report}");
    }
}

#[test]
fn a_location_that_cannot_be_meant_is_reported_without_what_may_be_secret() {
    for (table, options, message) in [
        ("", "", "the string is empty"),
        ("~/lake", "", "`~` is not expanded"),
        ("/data/a%20b", "", "must not have `%`"),
        ("file:///data/a%20b/{/tenant}", "", "must not have `%`"),
        ("s3://KID:s3cret@lake/x", "", "must not have a user"),
        ("az://lake/x?sig=s3cret", "", "must not have a user"),
        ("s3://lake/x", "aws_endpoint = 'http://user:s3cret@minio:9000'", "must not have a user"),
    ] {
        let text = format!(
            "[delta_lake.storage_options]\n{options}\n[[delta_lake.topic_mappings]]\ntopic = '{TOPIC}'\ntable = '{table}'\n"
        );
        let Err(report) = from_toml::<DeltaLake>(&text) else { panic!("{table} {options}") };
        let report = report.to_string();
        assert!(report.contains(message) && !report.contains("s3cret"), "{report}");
    }
}

/// A table that is read from its log again has the small files of before, as one that is opened after a restart.
#[tokio::test(flavor = "multi_thread")]
async fn small_files_of_tables_that_are_seldom_open_are_joined() {
    let lake = folder("by-content-joined").join("lake");
    let root = lake.display().to_string();
    let text =
        text(&root, "{/tenant}", &BTreeMap::new(), &format!("max_open_tables = 1\ncompact_after = 3\n{COLUMNS}"));
    let mut connector = started(&text).await;
    for n in 0..12 {
        connector.process_batch(vec![of(["a", "b"][n as usize % 2], n)]).await.unwrap();
    }
    for tenant in ["a", "b"] {
        let table = Reader::start().read(&lake.join(tenant).display().to_string(), &BTreeMap::new());
        assert_eq!(table.rows.len(), 6);
        assert!(table.files < 4, "{} files of {tenant}", table.files);
    }
}

/// One tenant's new field, mistake or table must not hold up the others, nor end the connector.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_takes_no_row_rejects_its_records_and_the_others_are_written() {
    let lake = folder("by-content-lacks").join("lake");
    let by_tenant = |more: &str| text(&lake.display().to_string(), "{attribute:tenant}", &BTreeMap::new(), more);
    let of = |tenant: &str, n: u64, payload: serde_json::Value| {
        let record = SinkRecord::builder(TOPIC).subscription("s").offset(n).producer("sensor", 7, n);
        record.attribute("tenant", tenant).payload(payload.to_string()).build()
    };
    started(&by_tenant("columns = [{ name = 'n' }]"))
        .await
        .process_batch(vec![of("other", 1, json!({ "n": "s3cret" }))])
        .await
        .unwrap();
    let mut connector = started(&by_tenant("")).await;
    connector.process_batch(vec![of("a", 2, json!({ "n": 2 })), of("b", 3, json!({ "n": 3 }))]).await.unwrap();
    let new = |n| of("a", n, json!({ "n": n, "s3cret": 1 }));
    let error = connector.process_batch(vec![new(4), new(5), of("b", 6, json!({ "n": 6 }))]).await.unwrap_err();
    assert!(error.report().contains("0 records to retry, 2 rejected"), "{}", error.report());
    let mut connector = started(&by_tenant("columns = [{ name = 'n', type = 'long' }]")).await;
    let records = vec![of("other", 7, json!({ "n": 7 })), of("b", 8, json!({ "n": 8 }))];
    let error = connector.process_batch(records).await.unwrap_err();
    assert!(error.report().contains("0 records to retry, 1 rejected"), "{}", error.report());
    assert!(error.report().contains("column `n` of the table") && !error.report().contains("s3cret"), "{error:?}");
    let mut numbers = Reader::start().numbers(&lake.join("b").display().to_string(), &BTreeMap::new(), "n");
    numbers.sort_unstable();
    assert_eq!(numbers, [3, 6, 8]);
}
