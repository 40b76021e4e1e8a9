//! The program with hostile payloads: none of their values is in its logs, pages or dead letters.

#![allow(clippy::expect_used, clippy::unwrap_used, dead_code, reason = "it serves tests alone")]

#[path = "../src/tests/process.rs"]
mod process;

use danube_sink_tests::assert_no_value_leaks;
use process::Process;
use serde_json::json;

/// Payloads that are rejected, each with the secret in it.
fn hostile() -> Vec<String> {
    let ids = [r#"["s3cret"]"#, r#"{"s3cret":"s3cret"}"#, "1.5", "true", "null", r#""""#];
    let vectors = [
        r#""s3cret""#,
        r#"["s3cret",2]"#,
        r#"[1,"a\"s3cret\"b"]"#,
        r#"[1,["s3cret"]]"#,
        r#"{"s3cret":[1,2]}"#,
        r#"{"":[1,2],"s3cret":1}"#,
        r#"{"text":"s3cret","model":"s3cret"}"#,
        r#"{"s3cret":1,"s3cret":2}"#,
        "[1,2,3]",
        "[1,2e99]",
    ];
    let payloads = [r#""s3cret""#, r#"["s3cret"]"#, r#"{"s3cret":1,"s3cret":2}"#, r#"{"tenant":"s3cret"}"#];
    let deep = format!(r#"{{"s":"s3cret","deep":{}1{}}}"#, "[".repeat(200), "]".repeat(200));
    let others = [
        r#"{"s3cret":"s3cret"}"#,
        r#"{"op":"s3cret","id":1,"vector":[1,2]}"#,
        r#"{"op":"delete","s3cret":1}"#,
        r#"{"id":"s3cret","vector":[1,2"#,
        r#"{"id":"s3cret","vector":[1,s3cret]}"#,
        r#"{"id":"\ud83ds3cret","vector":[1,2]}"#,
        "\u{feff}{\"id\":\"s3cret\"}",
        r#"["s3cret"]"#,
        r#""s3cret""#,
        "s3cret",
    ];
    let ids = ids.map(|id| format!(r#"{{"op":"c","id":{id},"vector":[1,2],"payload":{{"s":"s3cret"}}}}"#));
    let vectors = vectors.map(|vector| format!(r#"{{"op":"c","id":"s3cret","vector":{vector}}}"#));
    let payloads = payloads.iter().copied().chain([&*deep]);
    let payloads = payloads.map(|payload| format!(r#"{{"op":"c","id":"s3cret","vector":[1,2],"payload":{payload}}}"#));
    ids.into_iter().chain(vectors).chain(payloads).chain(others.map(str::to_owned)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_value_of_a_hostile_payload_is_in_logs_answers_or_dead_letters() {
    let server = Process::start();
    server.create("docs", &json!({ "vectors": { "size": 2, "distance": "Dot" } }));
    let configuration = |topic: &str, letters: &str| {
        format!(
            "on_mass_refusal = 'go_on'\n[qdrant]\napi.url = '{}'\n[[qdrant.topic_mappings]]\ntopic = '{topic}'\nsubscription = 's'\n\
             collection_name = 'docs'\noperation = '/op'\nfields = ['attribute:tenant']\n\
             on_invalid_record = 'dead_letter'\ndead_letter_topic = '{letters}'\n",
            server.url(),
        )
    };
    let good = r#"{"op":"c","id":"good","vector":[1,2]}"#;
    assert_no_value_leaks(env!("CARGO_BIN_EXE_danube-sink-qdrant"), configuration, &hostile(), good, "s3cret").await;
    assert_eq!(server.points("docs").len(), 1);
}
