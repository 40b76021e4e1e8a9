//! Exactly-once delivery: positions that are stored with the rows.

use danube_sink::{ConnectorError, SinkRecord};

use super::{Bench, SinkConnector, TOPIC, configured, report, start};

const MAPPING: &str = "table = 'rows'\ndelivery = 'exactly_once'\ncolumns = { id = '/id' }";

/// Records of one producer.
fn sent(ids: std::ops::Range<u64>) -> Vec<SinkRecord> {
    let record =
        |id| SinkRecord::builder(TOPIC).producer("p", 7, id).offset(id).payload(format!(r#"{{"id":{id}}}"#)).build();
    ids.map(record).collect()
}

async fn count(bench: &Bench) -> Vec<String> {
    bench.rows("SELECT count(*), count(DISTINCT id) AS ids FROM rows").await
}

#[tokio::test]
async fn a_redelivered_record_adds_no_row() {
    let mut bench = Bench::new("CREATE TABLE rows (id int)", MAPPING).await;
    bench.sink.process_batch(sent(1..101)).await.unwrap();
    // The same connector, another one with the first one's records, and both in turn.
    bench.sink.process_batch(sent(90..103)).await.unwrap();
    let mut other = start(&bench.server, MAPPING).await.unwrap();
    other.process_batch(sent(1..150)).await.unwrap();
    bench.sink.process_batch(sent(100..160)).await.unwrap();
    other.process_batch(sent(140..201)).await.unwrap();
    bench.sink.process_batch(sent(1..201)).await.unwrap();
    assert_eq!(count(&bench).await, [r#"{"count":200,"ids":200}"#]);
}

#[tokio::test]
async fn records_of_a_failed_transaction_are_written_later() {
    let mut bench = Bench::new("CREATE TABLE rows (id int CHECK (id <> 50))", MAPPING).await;
    report!(bench.sink.process_batch(sent(1..101)).await, Refused);
    assert_eq!(count(&bench).await, [r#"{"count":0,"ids":0}"#]);
    bench.sink.process_batch(sent(1..50)).await.unwrap();
    bench.sink.process_batch(sent(51..101)).await.unwrap();
    bench.sql.batch_execute("ALTER TABLE rows DROP CONSTRAINT rows_id_check").await.unwrap();
    bench.sink.process_batch(sent(1..101)).await.unwrap();
    assert_eq!(count(&bench).await, [r#"{"count":100,"ids":100}"#]);
}

#[tokio::test]
async fn each_table_that_records_choose_has_its_positions() {
    let mapping = "table = 'rows_{/id}'\ncreate = 'id int'\ndelivery = 'exactly_once'\npositions_table = 'public.\"my.positions\"'\n\
                   max_open_tables = 2\ncolumns = { id = '/id' }";
    let mut bench = Bench::new("SELECT 1", mapping).await;
    for _ in 0..2 {
        bench.sink.process_batch(sent(1..5)).await.unwrap();
    }
    for id in 1..5 {
        assert_eq!(bench.rows(&format!("SELECT id FROM rows_{id}")).await.len(), 1);
    }
    assert_eq!(bench.rows("SELECT DISTINCT target FROM \"my.positions\"").await.len(), 4);
}

#[tokio::test]
async fn the_table_of_positions_is_checked_at_start() {
    let bench = Bench::new("CREATE TABLE rows (id int); CREATE TABLE wrong (target text)", MAPPING).await;
    let wrong = start(&bench.server, &format!("{MAPPING}\npositions_table = 'wrong'")).await.map(drop);
    let text = report!(wrong, Initialization);
    assert!(text.contains("name"), "{text}");
    for mapping in [
        "delivery = 'exactly_once'\nmode = 'upsert'\nkey = ['id']\ntable = 'rows'\ncolumns = { id = '/id' }",
        "tombstones = 'delete'\ntable = 'rows'\ncolumns = { id = '/id' }",
    ] {
        let report = configured(&bench.server, TOPIC, mapping).err().expect("an error").to_string();
        assert!(report.contains("is for `"), "{report}");
    }
}
