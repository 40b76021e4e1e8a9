//! Ids of several sources, and columns to filter by.

use danube_sink::{SinkConnector, SinkRecord};

use super::{
    TOPIC, records,
    server::{PostgresServer, Program},
    start, texts,
};

#[tokio::test]
async fn an_id_comes_from_an_attribute_or_the_record() {
    let server = PostgresServer::start(Program::Pgvector);
    let sql = server.client().await;
    let record = |offset| {
        let record = SinkRecord::builder(TOPIC).offset(offset).attribute("doc", "d1");
        record.payload(r#"{"embedding":[1,2,3]}"#).build()
    };
    let mut sink = start(&server, "id = 'attribute:doc'").await.unwrap();
    sink.process_batch(vec![record(1), record(2)]).await.unwrap();
    assert_eq!(texts(&sql, "SELECT id FROM docs").await, ["d1"]);
    let text = sink.process_batch(records(&[r#"{"embedding":[1,2,3]}"#])).await.unwrap_err().report();
    assert!(text.contains("attribute:doc is missing"), "{text}");

    sql.batch_execute("DROP TABLE docs").await.unwrap();
    let mut sink = start(&server, "id = 'id'").await.unwrap();
    for _ in 0..2 {
        sink.process_batch(vec![record(1), record(2)]).await.unwrap();
    }
    let mut uuids = [record(1), record(2)].map(|record| record.id().uuid());
    uuids.sort();
    assert_eq!(texts(&sql, "SELECT id::text FROM docs WHERE pg_typeof(id) = 'uuid'::regtype ORDER BY 1").await, uuids);
}

#[tokio::test]
async fn columns_to_filter_by_have_their_types() {
    let server = PostgresServer::start(Program::Pgvector);
    let sql = server.client().await;
    let mapping = "columns = [{ name = 'tenant', from = '/tenant' }, { name = 'size', type = 'bigint', from = '/meta/size' }, \
                   { name = 'tags', type = 'text[]', from = '/tags' }, { name = 'sent by', from = 'producer' }]";
    let mut sink = start(&server, mapping).await.unwrap();
    let batch = [
        r#"{"id":1,"embedding":[1,2,3],"tenant":"a","meta":{"size":7},"tags":["x","y"]}"#,
        r#"{"id":2,"embedding":[1,2,3],"tenant":"b","meta":{"size":9}}"#,
        r#"{"id":3,"embedding":[1,2,3],"tenant":"b","meta":{"size":"many"}}"#,
    ];
    let text = sink.process_batch(records(&batch)).await.unwrap_err().report();
    assert!(text.contains("1 rejected") && text.contains("size") && !text.contains("many"), "{text}");
    assert_eq!(texts(&sql, "SELECT id FROM docs WHERE tenant = 'a' AND size < 8 AND 'x' = ANY (tags)").await, ["1"]);
    assert_eq!(texts(&sql, "SELECT id FROM docs WHERE tags IS NULL AND \"sent by\" IS NOT NULL").await, ["2"]);
}

#[tokio::test]
async fn a_number_is_a_time_by_the_unit_of_the_mapping_alone() {
    let server = PostgresServer::start(Program::Pgvector);
    let sql = server.client().await;
    let mapping = "columns = [{ name = 'at', type = 'timestamptz', from = '/at' }]";
    let batch = || records(&[r#"{"id":1,"embedding":[1,2,3],"at":1517966773840}"#]);
    let text = start(&server, mapping).await.unwrap().process_batch(batch()).await.unwrap_err().report();
    assert!(text.contains("time_unit") && text.contains("/at"), "{text}");
    let mut sink = start(&server, &format!("{mapping}\ntime_unit = 'ms'")).await.unwrap();
    sink.process_batch(batch()).await.unwrap();
    let at = "SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS') FROM docs";
    assert_eq!(texts(&sql, at).await, ["2018-02-07 01:26:13.840"]);
}

#[tokio::test]
async fn each_tenant_has_a_table_and_an_index() {
    let server = PostgresServer::start(Program::Pgvector);
    let sql = server.client().await;
    let toml = format!(
        "{}[[pgvector.topic_mappings]]\ntopic = '{TOPIC}'\ntable = 'docs_{{/tenant}}'\ndimensions = 3\n\
         max_open_tables = 1\n",
        server.toml("pgvector")
    );
    let (mut sink, core) = danube_sink::testing::from_toml::<super::super::Pgvector>(&toml).unwrap();
    sink.initialize(core).await.unwrap();
    let batch = ["a", "b", "a"].map(|tenant| format!(r#"{{"id":"x","embedding":[1,2,3],"tenant":"{tenant}"}}"#));
    sink.process_batch(records(&batch.each_ref().map(String::as_str))).await.unwrap();
    assert_eq!(texts(&sql, "SELECT a.id || b.id FROM docs_a a, docs_b b").await, ["xx"]);
    let indexed =
        "SELECT DISTINCT tablename::text FROM pg_indexes WHERE indexdef LIKE '%vector_cosine_ops%' ORDER BY 1";
    assert_eq!(texts(&sql, indexed).await, ["docs_a", "docs_b"]);
}
