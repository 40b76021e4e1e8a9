//! The program with payloads that no row can be made of: no value of theirs is in its logs, its answers or its dead letters.

#![allow(clippy::expect_used, reason = "it serves tests alone")]

mod common;

use std::{
    collections::BTreeMap,
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process::{Command, Stdio},
    thread,
};

use common::{Reader, folder};
use danube_sink::dev::BrokerOptions;
use danube_sink_tests::{Broker, get, topic, until};

/// In every value, however it is written.
const SECRET: &str = "s3cret";

const COLUMNS: &str = r#"[
    { name = 'n', type = 'long' }, { name = 'b', type = 'byte' }, { name = 'f', type = 'float' },
    { name = 'yes', type = 'boolean' }, { name = 'money', type = 'decimal(10,2)' }, { name = 'day', type = 'date' },
    { name = 'at', type = 'timestamp' }, { name = 'ms', type = 'timestamp', unit = 'ms' }, { name = 'bytes', type = 'binary' },
    { name = 'list', type = '{"type":"array","elementType":"long","containsNull":false}' },
    { name = 'map', type = '{"type":"map","keyType":"string","valueType":"long","valueContainsNull":false}' },
    { name = 'kind' },
]"#;

/// What the columns cannot have, each as JSON with the secret in it.
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
    let broker = Broker::embedded(BrokerOptions { max_unacked_messages: 1_000, ..BrokerOptions::default() }).await;
    let embedded = broker.embedded.as_ref().expect("an embedded broker");
    let (topic, letters) = (topic("hostile"), topic("hostile-letters"));
    let producer = broker.producer(&topic, "producer", None).await;
    drop(broker.producer(&letters, "creator", None).await);
    let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port();
    let text = format!(
        "danube_service_url = '{}'\nmetrics_port = {port}\nlog_level = 'debug'\n[[delta_lake.topic_mappings]]\n\
         topic = '{topic}'\nsubscription = 's'\ntable = '{table}'\nflush_interval_ms = 200\npartition_by = ['kind']\n\
         metadata = ['offset']\ncolumns = {COLUMNS}\non_invalid_record = 'dead_letter'\ndead_letter_topic = '{letters}'\n",
        broker.url(),
    );
    let file = folder.join("connector.toml");
    fs::write(&file, text).expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_delta-lake"));
    command.arg("--config").arg(&file).stdout(Stdio::piped()).stderr(Stdio::piped());
    let program = command.spawn().expect("it runs");
    let id = program.id().to_string();
    let output = thread::spawn(move || program.wait_with_output());
    until("it has subscribed", async || embedded.subscription(&topic, "s").is_some()).await;

    let hostile = hostile();
    for payload in hostile.iter().chain([&r#"{"n":7,"kind":"good"}"#.to_owned()]) {
        producer.send(payload.clone().into_bytes(), None).await.expect("the broker takes it");
    }
    let settled = async || embedded.subscription(&topic, "s").is_some_and(|s| s.backlog + s.in_flight == 0);
    until("everything is settled", settled).await;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut seen = Vec::new();
    for page in ["/live", "/ready", "/status", "/metrics"] {
        seen.push(get(address, page).await.1);
    }
    assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill").success());
    let output = output.join().expect("a thread").expect("its output");
    assert!(output.status.success(), "{output:?}");
    seen.extend([output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("a text")));

    let letters = embedded.messages(&letters);
    seen.extend(letters.iter().map(|letter| format!("{:?} {:?}", letter.attributes, letter.routing_key)));
    for text in &seen {
        let leak = text.lines().find(|line| line.contains(SECRET));
        assert_eq!(leak, None);
    }
    assert_eq!(letters.len(), hostile.len());
    assert_eq!(Reader::start().numbers(&table, &BTreeMap::new(), "n"), [7]);
}
