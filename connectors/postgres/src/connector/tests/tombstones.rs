//! Tombstones of a table that is written by key.

use danube_sink::SinkRecord;

use super::{Bench, ConnectorError, SinkConnector, TOPIC, records, report};

fn tombstone(key: &str) -> SinkRecord {
    SinkRecord::builder(TOPIC).key(key).payload("").build()
}

const TABLE: &str =
    "CREATE TABLE rows (id int PRIMARY KEY, name text); INSERT INTO rows VALUES (1, 'a'), (2, 'b'), (3, 'c')";
const IDS: &str = "SELECT id FROM rows ORDER BY id";

#[tokio::test]
async fn a_tombstone_deletes_the_row_of_its_key() {
    let mapping = "table = 'rows'\nmode = 'upsert'\ntombstones = 'delete'\nkey = ['id']\ncolumns = { id = '/id', name = '/name' }";
    let mut bench = Bench::new(TABLE, mapping).await;
    let mut batch = vec![tombstone(r#"{"id":1}"#)];
    batch.extend(records(&[r#"{"id":4,"name":"d"}"#, r#"{"id":2,"name":"new"}"#]));
    batch.push(tombstone(r#"{"payload":{"id":4}}"#));
    for _ in 0..2 {
        bench.sink.process_batch(batch.clone()).await.unwrap();
        assert_eq!(
            bench.rows("SELECT * FROM rows ORDER BY id").await,
            [r#"{"id":2,"name":"new"}"#, r#"{"id":3,"name":"c"}"#]
        );
    }
    for unknown in ["3", "tenant", r#"{"other":3}"#] {
        let text = report!(bench.sink.process_batch(vec![tombstone(unknown)]).await, Partial);
        assert!(text.contains("tombstone") && text.contains("/id") && !text.contains("tenant"), "{text}");
    }
    assert_eq!(bench.rows(IDS).await.len(), 2);
}

#[tokio::test]
async fn the_routing_key_is_the_key_where_the_mapping_says_so() {
    let mapping = "table = 'rows'\nmode = 'upsert'\ntombstones = 'delete'\nkey = ['id']\ncolumns = { id = 'key', name = '/name' }";
    let mut bench = Bench::new(TABLE, mapping).await;
    bench.sink.process_batch(vec![tombstone("2")]).await.unwrap();
    assert_eq!(bench.rows(IDS).await, [r#"{"id":1}"#, r#"{"id":3}"#]);
}

#[tokio::test]
async fn without_the_setting_a_tombstone_is_rejected() {
    let mapping = "table = 'rows'\nmode = 'upsert'\nkey = ['id']\ncolumns = { id = '/id', name = '/name' }";
    let mut bench = Bench::new(TABLE, mapping).await;
    report!(bench.sink.process_batch(vec![tombstone(r#"{"id":1}"#)]).await, Partial);
    assert_eq!(bench.rows(IDS).await.len(), 3);
}

/// Where the whole payload is a value, any text is one, but not an empty payload.
#[tokio::test]
async fn a_tombstone_is_no_row_where_a_column_takes_the_whole_payload() {
    let mapping = "table = 'rows'\nmode = 'upsert'\nkey = ['id']\ncolumns = { id = 'key', name = '' }";
    let mut bench = Bench::new(TABLE, mapping).await;
    let text = SinkRecord::builder(TOPIC).key("2").payload("new").build();
    let written = bench.sink.process_batch(vec![tombstone("1"), text]).await;
    assert!(report!(written, Partial).contains("1 rejected"));
    let names = bench.rows("SELECT name FROM rows ORDER BY id").await;
    assert_eq!(names, [r#"{"name":"a"}"#, r#"{"name":"new"}"#, r#"{"name":"c"}"#]);
}
