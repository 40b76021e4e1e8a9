//! Columns to filter by from the registered schema.

use danube_sink::{ConnectorError, SinkConnector, dev::BrokerOptions};
use danube_sink_tests::{Broker, Running, topic, until};

use super::{
    configured, records,
    server::{PostgresServer, Program},
    start, texts, with_docs,
};

const FIRST: &str = r#"{"type":"object","properties":{"id":{"type":"string"},"text":{"type":"string"},"tenant":{"type":"string"},
    "embedding":{"type":"array","items":{"type":"number"}},"year":{"type":"integer"},"tags":{"type":"array","items":{"type":"string"}}}}"#;
const SECOND: &str = r#"{"type":"object","properties":{"id":{"type":"string"},"text":{"type":"string"},"tenant":{"type":"string"},
    "embedding":{"type":"array","items":{"type":"number"}},"year":{"type":"integer"},"tags":{"type":"array","items":{"type":"string"}},
    "at":{"type":"string","format":"date-time"}}}"#;
const COLUMNS: &str = "SELECT attname || ' ' || format_type(atttypid, atttypmod) FROM pg_attribute \
                       WHERE attrelid = 'docs'::regclass AND attnum > 0 ORDER BY 1";

#[tokio::test(flavor = "multi_thread")]
async fn fields_of_the_registered_schema_are_columns_to_filter_by() {
    let server = PostgresServer::start(Program::Pgvector);
    let sql = server.client().await;
    let broker = Broker::embedded(BrokerOptions::default()).await;
    let topic = topic("filters");
    let first = broker.producer_of_schema(&topic, "first", "docs", FIRST).await;
    let mapping = "columns_from_schema = true\non_new_field = 'add'\ntext = '/text'\nmetadata = ['offset']\n\
                   expected_schema_subject = 'docs'";
    let (sink, core) = configured(&server, &topic, mapping).unwrap();
    let running = Running::start(sink, core, &broker).await;
    let expected =
        ["embedding vector(3)", "id text", "offset bigint", "tags text[]", "tenant text", "text text", "year bigint"];
    assert_eq!(texts(&sql, COLUMNS).await, expected);
    let indexes = "SELECT indexdef FROM pg_indexes WHERE tablename = 'docs' AND indexname <> 'docs_pkey'";
    assert!(texts(&sql, indexes).await[0].contains("hnsw"));
    let payload = r#"{"id":"a","embedding":[1,2,3],"text":"t","tenant":"x","year":2026,"tags":["a","b"]}"#;
    first.send(payload.into(), None).await.unwrap();

    let second = broker.producer_of_schema(&topic, "second", "docs", SECOND).await;
    let payload = r#"{"id":"b","embedding":[1,2,4],"tenant":"y","at":"2018-02-07T01:26:13Z"}"#;
    second.send(payload.into(), None).await.unwrap();
    until("two rows", || async { texts(&sql, "SELECT id FROM docs").await.len() == 2 }).await;
    running.stop().await;
    let nearest =
        "SELECT id || text FROM docs WHERE tenant = 'x' AND 'b' = ANY (tags) ORDER BY embedding <=> '[1,2,4]'";
    assert_eq!(texts(&sql, nearest).await, ["at"]);
    let added = "SELECT id FROM docs WHERE at = '2018-02-07 01:26:13Z' AND year IS NULL";
    assert_eq!(texts(&sql, added).await, ["b"]);
}

#[tokio::test]
async fn a_field_without_a_column_rejects_its_record_or_is_left_out() {
    let (server, sql) = with_docs("id text PRIMARY KEY, embedding vector(3), tenant text, \"offset\" int").await;
    let mapping = "columns_from_schema = true\nindex = 'none'\nmetadata = ['offset']";
    let mut sink = start(&server, mapping).await.unwrap();
    let good = r#"{"id":"a","embedding":[1,2,3],"tenant":"x"}"#;
    for (bad, part) in [
        (r#"{"id":"b","embedding":[1,2,3],"s3cret":"s3cret"}"#, "no column for field 3"),
        (r#"{"id":"b","embedding":[1,2,3],"offset":7}"#, "the column has another value"),
        (r#"{"id":"b","embedding":[1,2],"tenant":"x"}"#, "2 dimensions"),
    ] {
        match sink.process_batch(records(&[good, bad])).await {
            Err(error @ ConnectorError::Partial(_)) => {
                let text = error.report();
                assert!(text.contains(part) && !text.contains("s3cret"), "{text}");
            }
            other => panic!("{other:?}"),
        }
    }
    let mut sink = start(&server, &format!("{mapping}\non_new_field = 'ignore'")).await.unwrap();
    sink.process_batch(records(&[r#"{"id":"b","embedding":[1,2,3],"other":"x"}"#])).await.unwrap();
    assert_eq!(texts(&sql, "SELECT id || coalesce(tenant, '-') FROM docs ORDER BY id").await, ["ax", "b-"]);
}

#[test]
fn keys_that_need_each_other_are_checked() {
    let server = "[pgvector.server]\nurl = 'postgres://me@localhost/db'\n";
    let diagnostics = |mapping: &str| {
        let text = format!(
            "{server}[[pgvector.topic_mappings]]\ntopic = '/default/t'\ntable = 't'\ndimensions = 3\n{mapping}"
        );
        danube_sink::testing::from_toml::<super::Pgvector>(&text)
            .err()
            .map_or_else(String::new, |error| error.to_string())
    };
    assert!(diagnostics("on_new_field = 'add'").contains("is for `columns_from_schema`"));
    assert!(diagnostics("columns_from_schema = true\noperation = '/op'").contains("conflicts with `operation`"));
    assert_eq!(diagnostics("columns_from_schema = true\non_new_field = 'add'"), "");
}
