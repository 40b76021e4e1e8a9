//! The program with hostile payloads: none of their values is in its logs, pages or dead letters.

#![allow(clippy::expect_used, reason = "it serves tests alone")]

mod common;

use common::{Location, Reader, folder};
use danube_sink_tests::assert_no_value_leaks;

/// A part of every value.
const SECRET: &str = "s3cret";

const COLUMNS: &str =
    "[{ name = 'n', type = 'long' }, { name = 'at', type = 'timestamp' }, { name = 'list', type = 'List(Int64)' }]";

/// Payloads that have no file, or that no column takes, each with the secret in it.
fn hostile() -> Vec<String> {
    let texts = [
        r#""s3cret""#,
        r#""a\"s3cret\"b""#,
        r#""first\ns3cret\n""#,
        r#""2018-02-07s3cret""#,
        r#"{"k":"s3cret"}"#,
        r#"["s3cret","\"s3cret"]"#,
    ];
    let columns = ["n", "at", "list"];
    let mut all: Vec<_> = columns
        .iter()
        .flat_map(|column| texts.map(|text| format!(r#"{{"kind":"s3cret","{column}":{text}}}"#)))
        .collect();
    let others = [
        r#"{"n":s3cret}"#,
        r#"{"kind":"s3cret"#,
        "s3cret",
        r#"["s3cret"]"#,
        r#"{"s3cret":1}"#,
        r#"{"n":1,"kind":["s3cret"]}"#,
        r#"{"n":1,"kind":null,"x":"s3cret"}"#,
        r#"{"n":1e400,"kind":"s3cret"}"#,
    ];
    all.extend(others.map(str::to_owned));
    all.push(format!(r#"{{"n":1,"kind":"s3cret{}"}}"#, "x".repeat(300)));
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn no_value_of_a_hostile_payload_is_in_logs_answers_or_dead_letters() {
    let folder = folder("hostile");
    let url = folder.join("lake").display().to_string();
    let configuration = |topic: &str, letters: &str| {
        format!(
            "[[object_store.topic_mappings]]\ntopic = '{topic}'\nsubscription = 's'\nurl = '{url}'\nflush_interval_ms = 200\n\
             path = 'kind={{/kind}}'\nformat = 'parquet'\ncolumns = {COLUMNS}\non_invalid_record = 'dead_letter'\n\
             dead_letter_topic = '{letters}'\n"
        )
    };
    let good = r#"{"n":7,"kind":"../../good"}"#;
    assert_no_value_leaks(env!("CARGO_BIN_EXE_danube-sink-object-store"), configuration, &hostile(), good, SECRET)
        .await;
    let files = Reader::start().files(&Location::folder(&folder.join("lake")));
    assert_eq!(files.len(), 1);
    assert!(files[0].name.starts_with("kind=%2E.%2F..%2Fgood/") && files[0].rows[0]["n"] == 7, "{files:?}");
}
