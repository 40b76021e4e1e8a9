//! Tables made from the registered schema, and what new fields do to them.

use std::{collections::BTreeMap, path::PathBuf};

use danube_sink::{
    ConnectorConfig,
    dev::BrokerOptions,
    prelude::*,
    schema::{DecodeOptions, Decoder, SchemaType},
    testing::from_toml,
};
use danube_sink_tests::{Broker, Running, topic, until};
use serde_json::json;

use super::{
    TOPIC,
    common::{Read, Reader, folder},
    connector, read,
};
use crate::DeltaLake;

const FIRST: &str = r#"{"type":"object","required":["id","paid"],"properties":{
    "id":{"type":"integer"}, "paid":{"type":"boolean"}, "total":{"type":"number"},
    "at":{"type":"string","format":"date-time"}, "tags":{"type":"array","items":{"type":"string"}}}}"#;
/// With a field more.
const SECOND: &str = r#"{"type":"object","required":["id","paid"],"properties":{
    "id":{"type":"integer"}, "paid":{"type":"boolean"}, "total":{"type":"number"},
    "note":{"type":"object","properties":{"text":{"type":"string"}}},
    "at":{"type":"string","format":"date-time"}, "tags":{"type":"array","items":{"type":"string"}}}}"#;

struct Setup {
    broker: Broker,
    folder: PathBuf,
    topic: String,
    reader: Reader,
}

impl Setup {
    async fn new(name: &str) -> Self {
        let broker = Broker::embedded(BrokerOptions::default()).await;
        Self { broker, folder: folder(name), topic: topic(name), reader: Reader::start() }
    }

    fn connector(&self, mapping: &str) -> (DeltaLake, ConnectorConfig) {
        let (connector, mut core) = from_toml::<DeltaLake>(&format!(
            "flush_interval_ms = 20\nretry_backoff_ms = 20\n[[delta_lake.topic_mappings]]\ntopic = '{}'\nsubscription = 's'\n\
             table = '{}'\nexpected_schema_subject = 'orders'\nmetadata = {{ offset = '_offset' }}\n{mapping}\n",
            self.topic,
            self.folder.join("table").display()
        ))
        .expect("a configuration");
        core.danube_service_url = self.broker.url().to_owned();
        (connector, core)
    }

    fn read(&self) -> Read {
        let mut read = self.reader.read(&self.folder.join("table").display().to_string(), &BTreeMap::new());
        read.rows.sort_by_key(|row| row["_offset"].as_u64());
        read
    }

    async fn rows(&self, expected: usize) {
        until(&format!("{expected} rows"), || async { self.read().rows.len() == expected }).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_made_from_the_registered_schema_and_gets_a_column_for_a_new_field() {
    for partitions in ["", "partition_by = ['paid']"] {
        let setup = Setup::new("registered").await;
        let first = setup.broker.producer_of_schema(&setup.topic, "first", "orders", FIRST).await;
        let (connector, core) =
            setup.connector(&format!("columns_from_schema = true\non_new_field = 'add'\n{partitions}"));
        let running = Running::start(connector, core, &setup.broker).await;
        let columns = setup.read().columns;
        let expected = json!({
            "id": "int64", "paid": "bool", "total": "double", "at": "timestamp[us, tz=UTC]", "tags": "list<element: string not null>",
            "_offset": "int64",
        });
        assert_eq!(columns, expected);
        let send = |payload: &'static str| first.send(payload.into(), None);
        send(r#"{"id":1,"paid":true,"total":2.5,"at":"2018-02-07T01:26:13.84Z","tags":["a"]}"#).await.expect("sent");
        send(r#"{"id":2,"paid":false}"#).await.expect("sent");
        setup.rows(2).await;

        let second = setup.broker.producer_of_schema(&setup.topic, "second", "orders", SECOND).await;
        second.send(r#"{"id":3,"paid":true,"note":{"text":"new"}}"#.into(), None).await.expect("sent");
        setup.rows(3).await;
        running.stop().await;
        let read = setup.read();
        assert_eq!(read.columns["note"], "struct<text: string>");
        let notes: Vec<_> = read.rows.iter().map(|row| row["note"]["text"].as_str()).collect();
        assert_eq!(notes, [None, None, Some("new")]);
        assert_eq!((&read.rows[0]["tags"], &read.rows[1]["total"]), (&json!(["a"]), &json!(null)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_needs_a_subject_that_is_registered_and_columns_that_it_can_have() {
    let setup = Setup::new("unregistered").await;
    let (mut unregistered, core) = setup.connector("columns_from_schema = true");
    let error = unregistered.initialize(core).await.expect_err("no such subject");
    assert!(matches!(error, ConnectorError::Retryable { .. }) && error.report().contains("schema orders"), "{error:?}");
    let definition = r#"{"type":"object","properties":{"_OFFSET":{"type":"integer"}}}"#;
    drop(setup.broker.producer_of_schema(&setup.topic, "p", "orders", definition).await);
    let (mut connector, core) = setup.connector("columns_from_schema = true");
    let error = connector.initialize(core).await.expect_err("metadata has the name");
    assert!(matches!(error, ConnectorError::Configuration { .. }), "{error:?}");
    assert!(error.report().contains("two columns have the name"), "{error:?}");
    for mapping in
        ["columns = [{ name = 'id' }]\ncolumns_from_schema = true", "columns = [{ name = 'id' }]\non_new_field = 'add'"]
    {
        let text = format!("[[delta_lake.topic_mappings]]\ntopic = '{TOPIC}'\ntable = 't'\n{mapping}\n");
        let Err(report) = from_toml::<DeltaLake>(&text) else { panic!("{mapping}") };
        assert!(report.to_string().contains("conflicts with `columns`"), "{report}");
    }
}

/// A record of a registered schema with these properties.
fn record(offset: u64, version: u32, properties: &str, payload: &str) -> SinkRecord {
    let info = danube_sink::SchemaInfo {
        subject: "orders".to_owned(),
        version,
        schema_type: SchemaType::JsonSchema,
        definition: format!(r#"{{"type":"object","properties":{{{properties}}}}}"#),
        fingerprint: String::new(),
    };
    let record = SinkRecord::builder(TOPIC).subscription("s").offset(offset).producer("sensor", 7, offset);
    record.payload(payload.to_owned()).decoder(Decoder::new(info, &DecodeOptions::default())).build()
}

const N: &str = r#""n":{"type":"integer"}"#;
const N_AND_MORE: &str = r#""n":{"type":"integer"},"more":{"type":"string"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_new_field_is_added_ignored_or_rejects_its_record() {
    for (policy, rows, columns) in [
        ("add", json!([{ "n": 1, "more": null }, { "n": 2, "more": "x" }, { "n": 3, "more": null }]), 2),
        ("ignore", json!([{ "n": 1 }, { "n": 2 }, { "n": 3 }, { "n": 4 }]), 1),
        ("reject", json!([{ "n": 1 }, { "n": 3 }]), 1),
    ] {
        let folder = folder(&format!("new-field-{policy}"));
        let mut connector = connector(&folder, &format!("on_new_field = '{policy}'")).await.unwrap();
        connector.process_batch(vec![record(1, 1, N, r#"{"n":1}"#)]).await.unwrap();
        let written = connector
            .process_batch(vec![
                record(2, 2, N_AND_MORE, r#"{"n":2,"more":"x"}"#),
                record(3, 2, N_AND_MORE, r#"{"n":3,"more":null}"#),
                record(4, 2, N_AND_MORE, r#"{"n":4,"s3cret":"x"}"#),
            ])
            .await;
        match (policy, written) {
            ("ignore", written) => written.unwrap(),
            (_, written) => {
                let report = written.unwrap_err().report();
                assert!(report.contains("has a field that the table has no column for"), "{report}");
                assert!(!report.contains("s3cret"), "{report}");
            }
        }
        let mut table = read(&folder);
        table.rows.sort_by_key(|row| row["n"].as_u64());
        assert_eq!((json!(table.rows), table.columns.as_object().unwrap().len()), (rows, columns), "{policy}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_of_every_record_that_no_schema_has_is_waited_for() {
    let folder = folder("new-field-in-no-schema");
    let mut connector = connector(&folder, "on_new_field = 'add'").await.unwrap();
    connector.process_batch(vec![record(1, 1, N, r#"{"n":1}"#)]).await.unwrap();
    let batch = [2, 3].map(|offset| record(offset, 1, N, r#"{"n":2,"more":"x"}"#)).to_vec();
    let error = connector.process_batch(batch).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Retryable { .. }), "{error:?}");
    assert!(error.report().contains("every record of the batch"), "{error:?}");
    // The next version of the schema has it.
    let batch = [2, 3].map(|offset| record(offset, 2, N_AND_MORE, r#"{"n":2,"more":"x"}"#)).to_vec();
    connector.process_batch(batch).await.unwrap();
    assert_eq!(read(&folder).rows.len(), 3);
}

/// Spark could not read the table, or the library refuses the column: the batch would wait for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_column_with_nested_names_that_no_table_can_have_is_not_added() {
    for (number, nested) in [
        r#""a b":{"type":"string"}"#,
        r#""a":{"type":"string"},"A":{"type":"string"}"#,
        r#""a":{"type":"array","items":{"type":"object","properties":{"b,c":{"type":"string"}}}}"#,
    ]
    .into_iter()
    .enumerate()
    {
        let folder = folder(&format!("nested-names-{number}"));
        let mut connector = connector(&folder, "on_new_field = 'add'").await.unwrap();
        connector.process_batch(vec![record(1, 1, N, r#"{"n":1}"#)]).await.unwrap();
        let properties = format!(r#"{N_AND_MORE},"s":{{"type":"object","properties":{{{nested}}}}}"#);
        let records =
            vec![record(2, 2, &properties, r#"{"n":2,"more":"x"}"#), record(3, 2, &properties, r#"{"n":3,"s":{}}"#)];
        let report = connector.process_batch(records).await.unwrap_err().report();
        assert!(report.contains("0 records to retry, 1 rejected"), "{nested}: {report}");
        let table = read(&folder);
        let columns: Vec<_> = table.columns.as_object().unwrap().keys().cloned().collect();
        assert_eq!((table.rows.len(), columns), (2, vec!["more".to_owned(), "n".to_owned()]), "{nested}");
    }
}

/// Two connectors see the new field at once: one adds the column, the other finds it.
#[tokio::test(flavor = "multi_thread")]
async fn a_column_is_added_once_beside_other_writers() {
    let folder = folder("added-at-once");
    let mapping = "on_new_field = 'add'";
    let mut first = connector(&folder, mapping).await.unwrap();
    first.process_batch(vec![record(1, 1, N, r#"{"n":1}"#)]).await.unwrap();
    let mut running = Vec::new();
    for writer in 0..3_u64 {
        let mut connector = connector(&folder, mapping).await.unwrap();
        running.push(tokio::spawn(async move {
            for number in 0..10 {
                let offset = 2 + writer + 3 * number;
                let properties = if number < 3 {
                    N.to_owned()
                } else {
                    format!(r#"{N_AND_MORE},"at{writer}":{{"type":"integer"}}"#)
                };
                let payload =
                    if number < 3 { format!(r#"{{"n":{offset}}}"#) } else { format!(r#"{{"n":{offset},"more":"x"}}"#) };
                let version = if number < 3 { 1 } else { 2 };
                while let Err(error) =
                    connector.process_batch(vec![record(offset, version, &properties, &payload)]).await
                {
                    assert!(matches!(error, ConnectorError::Retryable { .. }), "{error:?}");
                    tokio::task::yield_now().await;
                }
            }
        }));
    }
    for writer in running {
        writer.await.unwrap();
    }
    let table = read(&folder);
    let mut numbers: Vec<_> = table.rows.iter().filter_map(|row| row["n"].as_u64()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..32).collect::<Vec<_>>());
    let columns: Vec<_> = table.columns.as_object().unwrap().keys().cloned().collect();
    assert_eq!(columns, ["at0", "at1", "at2", "more", "n"]);
    assert_eq!(table.rows.iter().filter(|row| row["more"] == "x").count(), 21);
}
