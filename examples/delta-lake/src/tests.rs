//! Single batches, handed over by hand and read back by an independent reader.

#[path = "../tests/common/mod.rs"]
pub(crate) mod common;

use std::{collections::BTreeMap, fs, path::Path};

use common::{Reader, S3, folder, toml};
use danube_sink::{prelude::*, testing::from_toml};
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

fn record(offset: u64, payload: &Value) -> SinkRecord {
    let record = SinkRecord::builder(TOPIC).subscription("s").offset(offset).producer("sensor", 7, offset);
    record.publish_time(1_517_966_773_840).key("k").payload(payload.to_string()).build()
}

fn read(folder: &Path) -> common::Read {
    Reader::start().read(&folder.join("table").display().to_string(), &BTreeMap::new())
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_every_type_arrive_as_they_were_sent() {
    let folder = folder("types");
    let nested = r#"{"type":"struct","fields":[{"name":"x","type":"double","nullable":true,"metadata":{}},{"name":"tags","type":{"type":"array","elementType":"string","containsNull":true},"nullable":true,"metadata":{}}]}"#;
    let mapping = format!(
        "partition_by = ['kind']\nmetadata = ['topic', 'partition', 'offset', 'publish_time', 'producer', 'key', 'id']\n\
         columns = [ {{ name = 'kind' }}, {{ name = 'text' }}, {{ name = 'json', from = '/text/deep' }},\
         {{ name = 'long', type = 'long' }}, {{ name = 'short', type = 'short' }}, {{ name = 'double', type = 'double' }},\
         {{ name = 'yes', type = 'boolean' }}, {{ name = 'money', type = 'decimal(20,4)' }}, {{ name = 'day', type = 'date' }},\
         {{ name = 'at', type = 'timestamp' }}, {{ name = 'bytes', type = 'binary' }}, {{ name = 'nested', type = '{nested}' }} ]"
    );
    let mut connector = connector(&folder, &mapping).await.unwrap();
    let full = json!({
        "kind": "a b/c", "text": {"deep": [1, {"two": null}]}, "long": i64::MIN, "short": 7.0, "double": 0.1, "yes": true,
        "money": "1234567890123456.7891", "day": "2018-02-07", "at": "2018-02-07T02:26:13.840001+01:00",
        "bytes": "/wCq", "nested": {"x": 1, "tags": ["a", null]}, "unknown": 1
    });
    let empty = json!({ "kind": null, "long": i64::MAX });
    connector.process_batch(vec![record(5, &full), record(6, &empty)]).await.unwrap();
    let mut table = read(&folder);
    table.rows.sort_by_key(|row| row["offset"].as_u64());
    let expected = json!({
        "kind": "a b/c", "text": r#"{"deep":[1,{"two":null}]}"#, "json": r#"[1,{"two":null}]"#, "long": i64::MIN, "short": 7,
        "double": 0.1, "yes": true, "money": "1234567890123456.7891", "day": "2018-02-07",
        "at": "2018-02-07 01:26:13.840001+00:00", "bytes": "ff00aa", "nested": {"x": 1.0, "tags": ["a", null]},
        "topic": TOPIC, "partition": null, "offset": 5, "publish_time": "2018-02-07 01:26:13.840000+00:00",
        "producer": "sensor", "key": "k", "id": record(5, &full).id().to_string(),
    });
    assert_eq!(table.rows[0], expected);
    let row = table.rows[1].as_object().unwrap();
    assert_eq!(row["long"], i64::MAX);
    let nulls = row.values().filter(|value| value.is_null()).count();
    assert_eq!(nulls, 12, "what is not there is null: {row:?}");
    assert_eq!(table.columns["money"], "decimal128(20, 4)");
    assert!(folder.join("table/kind=a%20b%2Fc").is_dir(), "files are kept apart by partition");
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_arrive_with_every_digit_that_was_written() {
    let folder = folder("digits");
    let mapping = "columns = [{ name = 'money', type = 'decimal(38,18)' }, { name = 'text', from = '/money' }, \
                   { name = 'long', type = 'long' }, { name = 'tenant', from = 'attribute:tenant' }]";
    let mut connector = connector(&folder, mapping).await.unwrap();
    let payload = r#"{"money": 12345678901234567890.123456789012345678, "long": 7.0}"#;
    let record = SinkRecord::builder(TOPIC).subscription("s").offset(1).producer("sensor", 7, 1);
    connector.process_batch(vec![record.attribute("tenant", "a").payload(payload).build()]).await.unwrap();
    let money = "12345678901234567890.123456789012345678";
    assert_eq!(read(&folder).rows, [json!({ "money": money, "text": money, "long": 7, "tenant": "a" })]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_type_takes_is_what_the_readme_says() {
    let folder = folder("takes");
    let list = r#"{"type":"array","elementType":"long","containsNull":true}"#;
    let taken = [
        ("string", "7.50", json!("7.50")),
        ("string", r#""a \"b\"\n""#, json!("a \"b\"\n")),
        ("long", "9007199254740993.0", json!(9_007_199_254_740_993_i64)),
        ("long", "1.5e3", json!(1500)),
        ("integer", r#""-12""#, json!(-12)),
        ("double", "1e300", json!(1e300)),
        ("double", r#""2.5""#, json!(2.5)),
        ("boolean", "false", json!(false)),
        ("decimal(10,2)", "1.2E+3", json!("1200.00")),
        ("decimal(10,2)", "-125e-3", json!("-0.13")),
        ("decimal(10,2)", "-0.125", json!("-0.13")),
        ("decimal(10,2)", r#""7""#, json!("7.00")),
        ("date", r#""2018-02-07""#, json!("2018-02-07")),
        ("timestamp", "1517966773840001", json!("2018-02-07 01:26:13.840001+00:00")),
        ("timestamp", r#""2018-02-07T01:26:13Z""#, json!("2018-02-07 01:26:13+00:00")),
        (list, "[1, null, 7]", json!([1, null, 7])),
    ];
    let refused = [
        ("byte", "128"),
        ("long", "1.0000000000000000001"),
        ("long", "true"),
        ("double", r#""much""#),
        ("boolean", "1"),
        ("boolean", r#""true""#),
        ("decimal(10,2)", "123456789.1"),
        ("decimal(10,2)", "{}"),
        ("date", r#""today""#),
        ("timestamp", "1.5"),
        ("binary", "[1]"),
        (list, r#"["one"]"#),
        (list, r#""[1]""#),
        (list, "1"),
    ];
    let types = taken.iter().map(|(kind, ..)| *kind).chain(refused.iter().map(|(kind, _)| *kind));
    let columns: Vec<_> =
        types.enumerate().map(|(number, kind)| format!("{{ name = 'c{number}', type = '{kind}' }}")).collect();
    let mut connector = connector(&folder, &format!("columns = [{}]", columns.join(", "))).await.unwrap();
    let payload = |fields: Vec<String>| format!("{{{}}}", fields.join(", ")).into_bytes();
    let fields = taken.iter().enumerate().map(|(number, (_, json, _))| format!("\"c{number}\": {json}"));
    let good = payload(fields.collect());
    let bad =
        refused.iter().zip(taken.len()..).map(|((_, json), number)| payload(vec![format!("\"c{number}\":{json}")]));
    let record = |(offset, payload)| SinkRecord::builder(TOPIC).offset(offset).payload(payload).build();
    let records: Vec<_> = (1..).zip([good].into_iter().chain(bad)).map(record).collect();
    let failure = connector.process_batch(records).await.unwrap_err().report();
    assert!(failure.contains(&format!("{} rejected", refused.len())), "{failure}");
    let rows = read(&folder).rows;
    assert_eq!(rows.len(), 1);
    for (number, (kind, json, value)) in taken.iter().enumerate() {
        assert_eq!(rows[0][format!("c{number}")], *value, "{json} as {kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_do_not_fit_are_rejected_for_themselves() {
    let folder = folder("misfits");
    let mapping = "columns = [{ name = 'n', type = 'long', required = true }, { name = 'small', type = 'byte' }, \
                   { name = 'at', type = 'timestamp' }, { name = 'b', type = 'binary' }]";
    let mut connector = connector(&folder, mapping).await.unwrap();
    let payloads = [
        json!({"n": 0}),
        json!({"n": "s3cret"}),
        json!({"n": 1.5}),
        json!({"n": 1e300}),
        json!({"n": 18_446_744_073_709_551_615_u64}),
        json!({"n": 4, "small": 300}),
        json!({"n": 5, "at": "yesterday"}),
        json!({"n": 6, "b": "no base64!"}),
        json!({"n": null, "small": 1}),
        json!({"other": 1}),
        json!("text"),
        json!({"n": {"n": 1}}),
        json!({"n": "12"}),
    ];
    let records: Vec<_> = payloads.iter().zip(1..).map(|(payload, offset)| record(offset, payload)).collect();
    let failure = connector.process_batch(records).await.unwrap_err().report();
    assert!(failure.contains("11 rejected") && failure.contains("column `n` does not take it as Int64"), "{failure}");
    assert!(!failure.contains("s3cret"), "{failure}");
    let mut numbers: Vec<_> = read(&folder).rows.iter().map(|row| row["n"].as_u64()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [Some(0), Some(12)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_columns_the_first_batch_has_them() {
    let folder = folder("inferred");
    let mut connector = connector(&folder, "metadata = ['offset']").await.unwrap();
    let strange = [record(1, &json!("text")), record(2, &json!([1]))];
    assert!(connector.process_batch(strange.into()).await.unwrap_err().report().contains("not a JSON object"));
    let first = [
        record(3, &json!({"a": 1, "b": "x", "c": {"d": [1]}, "e": 1, "f": null})),
        record(4, &json!({"a": 2, "e": 1.5, "g": true})),
    ];
    connector.process_batch(first.into()).await.unwrap();
    connector.process_batch(vec![record(5, &json!({"a": 3, "c": 7, "new": 1}))]).await.unwrap();
    let table = read(&folder);
    let types = json!({"a": "int64", "b": "string", "c": "string", "e": "double", "f": "string", "g": "bool", "offset": "int64"});
    assert_eq!(table.columns, types);
    let mut rows = table.rows;
    rows.sort_by_key(|row| row["offset"].as_u64());
    assert_eq!(rows[0], json!({"a": 1, "b": "x", "c": "{\"d\":[1]}", "e": 1.0, "f": null, "g": null, "offset": 3}));
    assert_eq!(rows[2], json!({"a": 3, "b": null, "c": "7", "e": null, "f": null, "g": null, "offset": 5}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_is_written_after_so_many_commits_and_remembers_what_was_written() {
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
    assert_eq!(table.version, 12, "what is there already makes no commit");
}

/// A commit beside a log that is gone would be read by nobody.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_gone_is_not_begun_again() {
    let (disk, server) = (folder("gone"), S3::start("gone-s3", false).await);
    let places = [
        (disk.join("table").display().to_string(), disk.join("table"), BTreeMap::new()),
        (server.table("table"), server.objects("table"), server.options()),
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
            assert!(error.report().contains("is not there any more"), "{table}: {error:?}");
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
async fn a_table_that_the_mapping_does_not_fit_is_told_at_start() {
    let folder = folder("unfit");
    connector(&folder, "columns = [{ name = 'n', type = 'long' }]").await.unwrap();
    for (mapping, told) in [
        ("columns = [{ name = 'n', type = 'string' }]", "column `n` of the table"),
        ("columns = [{ name = 'm' }]", "column `m` of the table"),
        ("metadata = ['key']", "column `key` of the table"),
    ] {
        let Err(error) = connector(&folder, mapping).await else { panic!("{mapping} is taken") };
        assert!(matches!(error, ConnectorError::Configuration { .. }) && error.report().contains(told), "{error:?}");
        let has = if told.contains("`n`") { "is `long`; the" } else { "is not there; the" };
        assert!(error.report().contains(&format!("{has} mapping wants `string`")), "{error:?}");
    }
}

#[test]
fn secrets_and_types_that_are_none_are_told_with_their_line() {
    let text = "[delta_lake.storage_options]\nAWS_SECRET_ACCESS_KEY = 's3cret'\n\n[[delta_lake.topic_mappings]]\n\
                topic = '/default/t'\ntable = 't'\ncolumns = [{ name = 'n', type = 'int' }]\n";
    let Err(report) = from_toml::<DeltaLake>(text) else { panic!("it is taken") };
    let report = report.to_string();
    assert!(
        report.contains("conformance.toml:2") && report.contains("is a secret") && !report.contains("s3cret"),
        "{report}"
    );
    assert!(report.contains("conformance.toml:7") && report.contains("not a DeltaType: Delta has"), "{report}");
    for kind in ["variant", "interval year to month"] {
        let Err(report) = from_toml::<DeltaLake>(&text.replace("'int'", &format!("'{kind}'"))) else {
            panic!("{kind}")
        };
        assert!(report.to_string().contains("not a DeltaType"), "{kind}: {report}");
    }
}

#[test]
fn the_readme_has_every_setting() {
    let template = danube_sink::config::template::<DeltaLake>();
    let readme = include_str!("../README.md");
    assert!(readme.contains(&format!("```toml\n{template}```\n")), "paste into README.md:\n{template}");
}
