//! The program with hostile payloads: none of their values is in its logs, pages or dead letters.

use danube_sink_tests::assert_no_value_leaks;

use super::server::{PostgresServer, Program};

/// A part of every value.
const SECRET: &str = "s3cret";

/// Payloads that are rejected, each with the secret in it.
fn hostile() -> Vec<String> {
    let ids = [r#"["s3cret"]"#, r#"{"s3cret":"s3cret"}"#, r#""s3cret\u0000""#];
    let embeddings = [
        r#""s3cret""#,
        r#"["s3cret",2,3]"#,
        r#"[1,"a\"s3cret\"b",3]"#,
        r#"[1,2,["s3cret"]]"#,
        r#"[1,2,{"s3cret":1}]"#,
        r#"{"s3cret":1}"#,
        r#"["s3cret"]"#,
    ];
    let others = [
        r#"{"id":"s3cret"}"#,
        r#"{"id":"s3cret","embedding":[1,2,1e99]}"#,
        r#"{"id":"1","embedding":[1,2,3],"text":"s3cret\u0000"}"#,
        r#"{"id":"1","embedding":[1,2,3],"more":{"k":["s3cret\u0000"]}}"#,
        r#"{"id":"1","embedding":[1,2,3],"more":{"s3cret\u0000":1}}"#,
        r#"{"id":"1","embedding":[1,2,3],"text":"s3cret is too long for the check"}"#,
        r#"{"id":"1","embedding":[1,2,s3cret]}"#,
        r#"{"id":"s3cret","embedding":[1,2"#,
        "s3cret",
        "\u{feff}{\"id\":\"s3cret\"}",
        r#"{"id":"\ud83ds3cret","embedding":[1,2,3]}"#,
    ];
    let ids = ids.map(|id| format!(r#"{{"id":{id},"embedding":[1,2,3]}}"#));
    let embeddings = embeddings.map(|embedding| format!(r#"{{"id":"s3cret","embedding":{embedding}}}"#));
    ids.into_iter().chain(embeddings).chain(others.map(str::to_owned)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_value_of_a_hostile_payload_is_in_logs_answers_or_dead_letters() {
    let server = PostgresServer::start(Program::Pgvector);
    let sql = server.client().await;
    let table = "CREATE EXTENSION vector; CREATE TABLE docs (id text PRIMARY KEY, embedding vector(3) NOT NULL, \
                 text text CHECK (length(text) < 20), payload jsonb)";
    sql.batch_execute(table).await.expect("a table");
    let configuration = |topic: &str, letters: &str| {
        format!(
            "on_mass_refusal = 'go_on'\n{}[[pgvector.topic_mappings]]\ntopic = '{topic}'\nsubscription = 's'\ntable = 'docs'\n\
             dimensions = 3\ntext = '/text'\npayload = '/more'\non_invalid_record = 'dead_letter'\n\
             dead_letter_topic = '{letters}'\n",
            server.toml("pgvector"),
        )
    };
    let good = r#"{"id":"good","embedding":[1,2,3]}"#;
    assert_no_value_leaks(env!("CARGO_BIN_EXE_danube-sink-pgvector"), configuration, &hostile(), good, SECRET).await;
    let rows = sql.query("SELECT id FROM docs", &[]).await.expect("the table");
    assert_eq!(rows.iter().map(|row| row.get::<_, &str>(0)).collect::<Vec<_>>(), ["good"]);
}
