//! The program with hostile payloads: none of their values is in its logs, pages or dead letters.

use std::collections::BTreeMap;

use danube_sink_tests::assert_no_value_leaks;

use super::common::{Reader, folder};

/// A part of every value.
const SECRET: &str = "s3cret";

const COLUMNS: &str = r#"[
    { name = 'n', type = 'long' }, { name = 'b', type = 'byte' }, { name = 'f', type = 'float' },
    { name = 'yes', type = 'boolean' }, { name = 'money', type = 'decimal(10,2)' }, { name = 'day', type = 'date' },
    { name = 'at', type = 'timestamp' }, { name = 'ms', type = 'timestamp', unit = 'ms' }, { name = 'bytes', type = 'binary' },
    { name = 'list', type = '{"type":"array","elementType":"long","containsNull":false}' },
    { name = 'map', type = '{"type":"map","keyType":"string","valueType":"long","valueContainsNull":false}' },
    { name = 'kind' },
]"#;

/// Payloads that the columns do not take, each with the secret in it.
fn hostile() -> Vec<String> {
    let texts = [
        r#""s3cret""#,
        r#""a\"s3cret\"b""#,
        r#""{s3cret}""#,
        r#""first\ns3cret\n""#,
        r#""2018-02-07s3cret""#,
        r#"{"k":"s3cret"}"#,
        r#"{"s3cret":null}"#,
        r#"["s3cret","\"s3cret"]"#,
        r#"[[["s3cret"]]]"#,
    ];
    let columns = ["n", "b", "f", "yes", "money", "day", "at", "ms", "bytes", "list", "map"];
    let mut all: Vec<_> =
        columns.iter().flat_map(|column| texts.map(|text| format!(r#"{{"{column}":{text}}}"#))).collect();
    let others = [
        r#"{"n":s3cret}"#,
        r#"{"kind":"s3cret"#,
        "s3cret",
        "\"s3cret\"",
        r#"["s3cret"]"#,
        r#"{"s3cret":1}"#,
        "\u{feff}{\"n\":\"s3cret\"}",
        r#"{"kind":"\ud83ds3cret"}"#,
        r#"{"n":1e400,"kind":"s3cret"}"#,
    ];
    all.extend(others.map(str::to_owned));
    all.push(format!(r#"{{"n":1,"kind":"s3cret{}"}}"#, "x".repeat(300)));
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn no_value_of_a_hostile_payload_is_in_logs_answers_or_dead_letters() {
    let folder = folder("hostile");
    let table = folder.join("table").display().to_string();
    let configuration = |topic: &str, letters: &str| {
        format!(
            "[[delta_lake.topic_mappings]]\ntopic = '{topic}'\nsubscription = 's'\ntable = '{table}'\nflush_interval_ms = 200\n\
             partition_by = ['kind']\nmetadata = ['offset']\ncolumns = {COLUMNS}\non_invalid_record = 'dead_letter'\n\
             dead_letter_topic = '{letters}'\n"
        )
    };
    let good = r#"{"n":7,"kind":"good"}"#;
    assert_no_value_leaks(env!("CARGO_BIN_EXE_danube-sink-delta-lake"), configuration, &hostile(), good, SECRET).await;
    assert_eq!(Reader::start().numbers(&table, &BTreeMap::new(), "n"), [7]);
}
