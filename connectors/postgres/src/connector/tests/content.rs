//! Tables that records choose.

use danube_sink::{ConnectorError, SinkConnector, SinkRecord};

use super::{Bench, TOPIC, of_version, records, rejected, report, start};

const BY_TENANT: &str = "table = 'events_{/tenant}'\ncreate = 'id int, tenant text'\nmax_open_tables = 2\n\
                         columns = { id = '/id', tenant = '/tenant' }";
const TABLES: &str = "SELECT tablename::text AS t FROM pg_tables WHERE schemaname = 'public' ORDER BY 1";

#[tokio::test]
async fn each_record_is_in_the_table_that_it_chooses() {
    let mut bench = Bench::new("CREATE TABLE \"events_old\" (id int, tenant text)", BY_TENANT).await;
    bench.sink.health_check().await.unwrap();
    let batch = ["a", "b", "old", "a", "C d", "é", "b"];
    let payloads: Vec<_> =
        (0..).zip(batch).map(|(id, tenant)| format!(r#"{{"id":{id},"tenant":"{tenant}"}}"#)).collect();
    let payloads: Vec<_> = payloads.iter().map(String::as_str).collect();
    // More tables than are remembered.
    for _ in 0..2 {
        bench.write(&payloads).await.unwrap();
    }
    for (table, count) in [("events_a", 4), ("events_b", 4), ("events_old", 2), ("events_C d", 2), ("events_é", 2)] {
        let rows = bench.rows(&format!("SELECT id FROM \"{table}\" WHERE 'events_' || tenant = '{table}'")).await;
        assert_eq!(rows.len(), count, "{table}");
    }
    assert_eq!(bench.rows(TABLES).await.len(), 5);
}

#[tokio::test]
async fn each_table_of_a_batch_is_one_transaction() {
    let mut bench = Bench::new("SELECT 1", BY_TENANT).await;
    let payload = |id: usize| format!(r#"{{"id":{id},"tenant":"{}"}}"#, ["a", "b"][id % 2]);
    let payloads: Vec<_> = (0..100).map(payload).collect();
    bench.write(&payloads.iter().map(String::as_str).collect::<Vec<_>>()).await.unwrap();
    let both = ["a", "b"].map(|tenant| format!("SELECT xmin::text AS x, id FROM events_{tenant}")).join(" UNION ALL ");
    let found =
        bench.rows(&format!("SELECT count(DISTINCT x) AS transactions, count(*) AS rows FROM ({both}) r")).await;
    assert_eq!(found, [r#"{"transactions":2,"rows":100}"#]);
}

#[tokio::test]
async fn a_table_that_cannot_exist_rejects_the_record_and_the_others_are_written() {
    let mut bench = Bench::new("SELECT 1", BY_TENANT).await;
    let long = format!(r#"{{"id":3,"tenant":"s3cret{}"}}"#, "x".repeat(60));
    let batch = [
        r#"{"id":0,"tenant":"a"}"#,
        r#"{"id":1}"#,
        r#"{"id":2,"tenant":"public.s3cret"}"#,
        &long,
        r#"{"id":4,"tenant":"s3cret\""}"#,
        r#"{"id":5,"tenant":{"s3cret":1}}"#,
        r#"{"id":6,"tenant":"s3cret\u0000"}"#,
        r#"{"id":7,"tenant":"b"}"#,
    ];
    let rejected = rejected(bench.write(&batch).await);
    assert_eq!(rejected.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    for (_, reason) in &rejected {
        assert!(reason.contains("events_{/tenant}") && !reason.contains("s3cret"), "{reason}");
    }
    assert_eq!(bench.rows(TABLES).await, [r#"{"t":"events_a"}"#, r#"{"t":"events_b"}"#]);
}

#[tokio::test]
async fn without_create_a_missing_table_rejects_its_records() {
    let mapping = "table = '{/schema}.{/tenant}'\ncolumns = { id = '/id' }";
    let mut bench = Bench::new("CREATE SCHEMA s; CREATE TABLE s.a (id int)", mapping).await;
    let batch = [
        r#"{"id":0,"schema":"s","tenant":"a"}"#,
        r#"{"id":1,"schema":"s","tenant":"s3cret"}"#,
        r#"{"id":2,"schema":"s3cret","tenant":"a"}"#,
        r#"{"id":3,"schema":"s","tenant":"a"}"#,
    ];
    let refused = rejected(bench.write(&batch).await);
    assert_eq!(refused.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), [1, 2]);
    assert!(refused.iter().all(|(_, why)| why.contains("does not exist") && !why.contains("s3cret")), "{refused:?}");
    assert_eq!(bench.rows("SELECT id FROM s.a ORDER BY id").await, [r#"{"id":0}"#, r#"{"id":3}"#]);
    // A schema is not created.
    let mut sink = start(&bench.server, &format!("{mapping}\ncreate = 'id int'")).await.unwrap();
    assert_eq!(rejected(sink.process_batch(records(&batch)).await).len(), 1);
    assert_eq!(bench.rows("SELECT id FROM s.s3cret").await, [r#"{"id":1}"#]);
}

#[tokio::test]
async fn a_table_of_the_day_is_created_and_created_again() {
    let mapping = "table = 'day_{publish_time:%Y_%m_%d}'\ncreate = 'id int'\ncolumns = { id = '/id' }";
    let mut bench = Bench::new("SELECT 1", mapping).await;
    let record = |day: u64| {
        SinkRecord::builder(TOPIC).publish_time(day * 86_400_000_000).offset(day).payload(r#"{"id":1}"#).build()
    };
    let batch = vec![record(17_897), record(17_898)];
    bench.sink.process_batch(batch.clone()).await.unwrap();
    assert_eq!(bench.rows(TABLES).await.len(), 2);
    bench.sql.batch_execute("DROP TABLE day_2019_01_01").await.unwrap();
    let tries = async { while bench.sink.process_batch(batch.clone()).await.is_err() {} };
    danube_sink_tests::within("the records are written", tries).await;
    assert_eq!(bench.rows(TABLES).await.len(), 2);
}

#[tokio::test]
async fn what_is_wrong_with_a_table_is_said_without_its_name() {
    let mapping = "table = 'events_{/tenant}'\ncolumns = { id = '/id', name = '/name' }";
    let tables = "CREATE TABLE events_s3cret (id int CHECK (id < 10), name text); CREATE TABLE events_s3cret2 (id int)";
    let mut bench = Bench::new(tables, mapping).await;
    let text = report!(bench.write(&[r#"{"tenant":"s3cret","id":11}"#]).await, Partial);
    assert!(text.contains("23514") && text.contains("events_{/tenant}") && !text.contains("s3cret"), "{text}");
    let text = report!(bench.write(&[r#"{"tenant":"s3cret2","id":1}"#]).await, Partial);
    assert!(text.contains("no column name") && !text.contains("s3cret"), "{text}");
    bench.sql.batch_execute("ALTER TABLE events_s3cret2 ADD name text").await.unwrap();
    bench.write(&[r#"{"tenant":"s3cret2","id":1}"#]).await.unwrap();
}

/// One tenant's new field, or mistake, must not hold up the others.
#[tokio::test]
async fn a_table_that_lacks_a_column_rejects_its_records_and_the_others_are_written() {
    let tables = "CREATE TABLE events_a (id int, tenant text); CREATE TABLE events_b (id int, tenant text)";
    let mut bench = Bench::new(tables, "table = 'events_{/tenant}'").await;
    let batch =
        [r#"{"id":0,"tenant":"a","s3cret":1}"#, r#"{"id":1,"tenant":"a","s3cret":1}"#, r#"{"id":2,"tenant":"b"}"#];
    for _ in 0..2 {
        let rejected = rejected(bench.write(&batch).await);
        assert_eq!(rejected.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), [0, 1]);
        assert!(rejected.iter().all(|(_, reason)| !reason.contains("s3cret")), "{rejected:?}");
    }
    assert_eq!(bench.rows("SELECT id FROM events_b").await.len(), 2);
    assert_eq!(bench.rows("SELECT id FROM events_a").await.len(), 0);
}

/// It is one tenant's mistake, as above.
#[tokio::test]
async fn a_table_that_cannot_be_written_rejects_its_records_and_the_others_are_written() {
    let mapping = "table = 'events_{/tenant}'\ncolumns = { id = '/id', tenant = '/tenant' }";
    let view = "SELECT 1 AS id, ''::text AS tenant UNION SELECT 2, ''";
    for (breaks, state) in [
        (format!("DROP TABLE events_s3cret; CREATE VIEW events_s3cret AS {view}"), "55000"),
        (format!("DROP TABLE events_s3cret; CREATE MATERIALIZED VIEW events_s3cret AS {view}"), "42809"),
    ] {
        let tables = "CREATE TABLE events_s3cret (id int, tenant text); CREATE TABLE events_b (id int, tenant text)";
        let mut bench = Bench::new(tables, mapping).await;
        let batch = [r#"{"id":0,"tenant":"s3cret"}"#, r#"{"id":1,"tenant":"b"}"#, r#"{"id":2,"tenant":"s3cret"}"#];
        bench.write(&batch).await.unwrap();
        bench.sql.batch_execute(&breaks).await.unwrap();
        for _ in 0..2 {
            let rejected = rejected(bench.write(&batch).await);
            assert_eq!(rejected.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), [0, 2], "{breaks}");
            let is_said = |why: &str| why.contains(state) && !why.contains("s3cret");
            assert!(rejected.iter().all(|(_, why)| is_said(why)), "{breaks}: {rejected:?}");
        }
        assert_eq!(bench.rows("SELECT id FROM events_b").await.len(), 3, "{breaks}");
    }
}

/// The schema of its first record has not all fields of the mapping.
#[tokio::test]
async fn a_table_that_cannot_be_made_from_a_schema_rejects_its_records_and_the_others_are_written() {
    for mapping in ["columns = { id = '/id', total = '/total' }", "mode = 'upsert'\nkey = ['id']"] {
        let mapping = format!("table = 'orders_{{/tenant}}'\ncreate_table = true\n{mapping}");
        let mut bench = Bench::new("SELECT 1", &mapping).await;
        let definition = |own: &str| {
            format!(r#"{{"type":"object","properties":{{"tenant":{{"type":"string"}},{own}:{{"type":"integer"}}}}}}"#)
        };
        let of = |offset: u64, own: &str, tenant: &str| {
            let payload = format!(r#"{{{own}:1,"tenant":"{tenant}"}}"#);
            of_version(TOPIC, offset, 1, &definition(own), &payload)
        };
        let whole = definition(r#""id":{"type":"integer"},"total""#);
        let valid = of_version(TOPIC, 1, 2, &whole, r#"{"id":1,"total":2,"tenant":"b"}"#);
        let batch = vec![of(0, r#""other""#, "s3cret"), valid, of(2, r#""other""#, "s3cret")];
        let rejected = rejected(bench.sink.process_batch(batch).await);
        assert_eq!(rejected.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), [0, 2], "{mapping}");
        assert!(rejected.iter().all(|(_, why)| why.contains("schema") && !why.contains("s3cret")), "{rejected:?}");
        assert_eq!(bench.rows(TABLES).await, [r#"{"t":"orders_b"}"#], "{mapping}");
    }
}
