//! The program with payloads that no row can be made of: no value of theirs is in its logs, its answers or its dead letters.

#![allow(clippy::expect_used, reason = "it serves tests alone")]

#[path = "../../postgres/tests/support/server.rs"]
mod server;

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process::{Command, Stdio},
    thread,
};

use danube_sink::dev::BrokerOptions;
use danube_sink_tests::{Broker, get, topic, until};
use server::{PostgresServer, Program};

/// In every value, however it is written.
const SECRET: &str = "s3cret";

/// What is no row, each with the secret in it.
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
    let broker = Broker::embedded(BrokerOptions { max_unacked_messages: 1_000, ..BrokerOptions::default() }).await;
    let embedded = broker.embedded.as_ref().expect("an embedded broker");
    let (topic, letters) = (topic("hostile"), topic("hostile-letters"));
    let producer = broker.producer(&topic, "producer", None).await;
    drop(broker.producer(&letters, "creator", None).await);
    let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port();
    let text = format!(
        "danube_service_url = '{}'\nmetrics_port = {port}\nlog_level = 'debug'\non_mass_refusal = 'go_on'\n{}\
         [[pgvector.topic_mappings]]\ntopic = '{topic}'\nsubscription = 's'\ntable = 'docs'\ndimensions = 3\ntext = '/text'\n\
         payload = '/more'\non_invalid_record = 'dead_letter'\ndead_letter_topic = '{letters}'\n",
        broker.url(),
        server.toml("pgvector"),
    );
    let file = std::env::temp_dir().join(format!("danube-sink-hostile-{port}.toml"));
    fs::write(&file, text).expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_pgvector"));
    command.arg("--config").arg(&file).stdout(Stdio::piped()).stderr(Stdio::piped());
    let program = command.spawn().expect("it runs");
    let id = program.id().to_string();
    let output = thread::spawn(move || program.wait_with_output());
    until("it has subscribed", async || embedded.subscription(&topic, "s").is_some()).await;

    let hostile = hostile();
    for payload in hostile.iter().chain([&r#"{"id":"good","embedding":[1,2,3]}"#.to_owned()]) {
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
    fs::remove_file(file).expect("the file");

    let letters = embedded.messages(&letters);
    seen.extend(letters.iter().map(|letter| format!("{:?} {:?}", letter.attributes, letter.routing_key)));
    for text in &seen {
        let leak = text.lines().find(|line| line.contains(SECRET));
        assert_eq!(leak, None);
    }
    assert_eq!(letters.len(), hostile.len());
    let rows = sql.query("SELECT id FROM docs", &[]).await.expect("the table");
    assert_eq!(rows.iter().map(|row| row.get::<_, &str>(0)).collect::<Vec<_>>(), ["good"]);
}
