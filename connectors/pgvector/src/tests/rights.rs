//! Privileges that are revoked and granted again.

use danube_sink::{ConnectorError, SinkConnector, SinkRecord, testing::from_toml};

use super::{Pgvector, TOPIC, texts, with_docs};

#[tokio::test]
async fn a_revoked_privilege_is_waited_for() {
    let (server, sql) = with_docs("id text PRIMARY KEY, embedding vector(3)").await;
    server.write("pg_hba.conf", "host all all 127.0.0.1/32 trust\n");
    let writer = "SELECT pg_reload_conf(); CREATE ROLE writer LOGIN; GRANT ALL ON docs TO writer";
    sql.batch_execute(writer).await.unwrap();
    let server = server.toml("pgvector").replace("user = 'postgres'", "user = 'writer'");
    let (mut sink, core) = from_toml::<Pgvector>(&format!(
        "{server}[[pgvector.topic_mappings]]\ntopic = '{TOPIC}'\nsubscription = 's'\ntable = 'docs'\ncreate = false\n\
         dimensions = 3\nid = 'key'"
    ))
    .unwrap();
    sink.initialize(core).await.unwrap();
    let keyed = |payload| vec![SinkRecord::builder(TOPIC).key("a").payload(payload).build()];
    let embeddings = [r#"{"embedding":[1,2,3]}"#, r#"{"embedding":[4,5,6]}"#];
    for (right, payload, rows) in
        [("INSERT", embeddings[0], &["[1,2,3]"][..]), ("UPDATE", embeddings[1], &["[4,5,6]"]), ("DELETE", "", &[])]
    {
        sql.batch_execute(&format!("REVOKE {right} ON docs FROM writer")).await.unwrap();
        match sink.process_batch(keyed(payload)).await {
            Err(error @ ConnectorError::Retryable { .. }) => {
                let text = error.report();
                assert!(text.contains("42501") && text.contains("docs") && text.contains("grant"), "{right}: {text}");
            }
            other => panic!("{right}: {other:?}"),
        }
        let health = sink.health_check().await;
        assert!(matches!(health, Err(ConnectorError::Retryable { .. })), "{right}: {health:?}");
        sql.batch_execute(&format!("GRANT {right} ON docs TO writer")).await.unwrap();
        sink.health_check().await.unwrap();
        sink.process_batch(keyed(payload)).await.unwrap();
        assert_eq!(texts(&sql, "SELECT embedding::text FROM docs").await, rows, "{right}");
    }
}
