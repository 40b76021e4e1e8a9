//! The program with hostile payloads: none of their values is in its logs, pages or dead letters.

#![allow(clippy::expect_used, clippy::unwrap_used, dead_code, reason = "it serves tests alone")]

#[path = "../src/tests/process.rs"]
mod process;

use danube_sink_tests::assert_no_value_leaks;
use process::Process;

const HOSTILE: [&str; 17] = [
    r#"{"n":"s3cret"}"#,
    r#"{"n":{"s3cret":"s3cret"}}"#,
    r#"{"n":1,"n":"s3cret"}"#,
    r#"{"n":1,"s3cret":1}"#,
    r#"{"n":1,"offset":"s3cret"}"#,
    r#"{"n":1,"at":"s3cret"}"#,
    r#"{"n":1,"at":"s3cret\n{\"items\":[{\"index\":{\"status\":201}}]}\ns3cret"}"#,
    r#"{"n":1,"name":"S3CRET s3cret"}"#,
    r#"{"n":1,"name":"../s3cret"}"#,
    r#"{"n":1,"name":["s3cret"]}"#,
    r#"{"n":99999999999999999999,"text":"s3cret"}"#,
    r#"{"n":NaN,"text":"s3cret"}"#,
    r#"{"n":1,"text":"s3cret"#,
    r#"{"n":1,"text":"s3cret\ud83d"}"#,
    r#"["s3cret"]"#,
    r#""s3cret""#,
    "s3cret",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_value_of_a_hostile_payload_is_in_logs_pages_or_dead_letters() {
    let server = Process::start();
    // Most of the payloads have no name, which only its own field makes invalid.
    let payloads = HOSTILE.map(|payload| match payload.contains("\"name\"") || !payload.starts_with('{') {
        true => payload.to_owned(),
        false => payload.replacen('{', "{\"name\":\"good\",", 1),
    });
    let configuration = |topic: &str, letters: &str| {
        format!(
            "connector_name = 'opensearch'\nflush_interval_ms = 50\non_mass_refusal = 'go_on'\n\n\
             [opensearch]\napi.url = '{}'\n\n[[opensearch.topic_mappings]]\ntopic = '{topic}'\nsubscription = 's'\n\
             index = 'hostile-{{/name}}'\nid = '{{id}}'\nmetadata = {{ offset = 'offset' }}\n\
             on_invalid_record = 'dead_letter'\ndead_letter_topic = '{letters}'\n\
             [opensearch.topic_mappings.index_template]\nname = 'hostile'\non_new_field = 'reject'\n\
             fields = {{ n = 'long', at = 'date', name = 'keyword', text = 'text', offset = 'long' }}\n",
            server.url()
        )
    };
    let program = env!("CARGO_BIN_EXE_danube-sink-opensearch");
    assert_no_value_leaks(program, configuration, &payloads, r#"{"name":"good","n":7}"#, "s3cret").await;
    assert_eq!(server.documents("hostile-good").len(), 1);
}
