//! The program with payloads that no row can be made of: no value of theirs is in its logs, its answers or the reasons of dead
//! letters.

#![allow(clippy::expect_used, reason = "it serves tests alone")]

#[path = "support/server.rs"]
mod server;

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    process::{Command, Stdio},
};

use danube_sink::dev::BrokerOptions;
use danube_sink_tests::{Broker, get, topic, until};
use server::{PostgresServer, Program, free_port};

/// In every value, however it is written.
const SECRET: &str = "s3cret";

const TABLES: &str = "
    CREATE TYPE mood AS ENUM ('sad');
    CREATE TABLE others (name text PRIMARY KEY);
    CREATE TABLE rows (id int, u uuid, n numeric(5, 2), t timestamptz, d date, i interval, j json, b bytea, e mood, a int[], s text[],
        v varchar(9), c text CHECK (length(c) < 5), f text REFERENCES others, q text UNIQUE, ip inet, bits varbit, x text, r int4range);
    INSERT INTO rows (q) VALUES ('s3cret unique');
    CREATE FUNCTION raise() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.x IS NOT NULL THEN RAISE 'no % here', NEW.x USING DETAIL = NEW.x, HINT = NEW.x, COLUMN = NEW.x, ERRCODE = 'U0001'; END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER raise BEFORE INSERT ON rows FOR EACH ROW EXECUTE FUNCTION raise()";

/// What the columns cannot have, each as JSON with the secret in it.
fn hostile() -> Vec<String> {
    let texts = [
        r#""s3cret""#,
        r#""a\"s3cret\"b""#,
        r#""{s3cret}""#,
        r#""first\ns3cret\n""#,
        r#""'s3cret'; --""#,
        r#""«s3cret» %s {}""#,
    ];
    let columns = ["id", "u", "n", "t", "d", "i", "b", "e", "a", "ip", "bits", "r"];
    let mut all: Vec<_> =
        columns.iter().flat_map(|column| texts.map(|text| format!(r#"{{"{column}":{text}}}"#))).collect();
    all.extend(columns.map(|column| format!(r#"{{"{column}":{{"k":"s3cret"}}}}"#)));
    all.extend(columns.map(|column| format!(r#"{{"{column}":["s3cret","\"s3cret"]}}"#)));
    let others = [
        r#"{"v":"s3cret is too long"}"#,
        r#"{"v":"s3cret\u0000"}"#,
        r#"{"s":["s3cret\u0000"]}"#,
        r#"{"c":"s3cret check"}"#,
        r#"{"f":"s3cret reference"}"#,
        r#"{"q":"s3cret unique","id":1}"#,
        r#"{"x":"s3cret of a trigger"}"#,
        r#"{"x":"s3cret \"of\" a\ntrigger"}"#,
        r#"{"n":s3cret}"#,
        r#"{"n":"s3cret"#,
        "s3cret",
        r#"["s3cret"]"#,
        r#""s3cret""#,
        "\u{feff}{\"v\":\"s3cret\"}",
        r#"{"v":"\ud83ds3cret"}"#,
    ];
    all.extend(others.map(str::to_owned));
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn no_value_of_a_hostile_payload_is_in_logs_answers_or_dead_letters() {
    let server = PostgresServer::start(Program::Postgresql);
    let sql = server.client().await;
    sql.batch_execute(TABLES).await.expect("tables");
    let broker = Broker::embedded(BrokerOptions { max_unacked_messages: 1_000, ..BrokerOptions::default() }).await;
    let embedded = broker.embedded.as_ref().expect("an embedded broker");
    let (topic, letters, port) = (topic("hostile"), topic("hostile-letters"), free_port());
    let producer = broker.producer(&topic, "producer", None).await;
    drop(broker.producer(&letters, "creator", None).await);
    let names = "id u n t d i j b e a s v c f q ip bits x r";
    let columns: Vec<_> = names.split(' ').map(|name| format!("{name} = '/{name}'")).collect();
    let text = format!(
        "danube_service_url = '{}'\nmetrics_port = {port}\nlog_level = 'debug'\non_mass_refusal = 'go_on'\n{}\
         [[postgres.topic_mappings]]\ntopic = '{topic}'\nsubscription = 's'\ntable = 'rows'\ncolumns = {{ {} }}\n\
         on_invalid_record = 'dead_letter'\ndead_letter_topic = '{letters}'\n",
        broker.url(),
        server.toml("postgres"),
        columns.join(", ")
    );
    let file = std::env::temp_dir().join(format!("danube-sink-hostile-{port}.toml"));
    fs::write(&file, text).expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_postgres"));
    command.arg("--config").arg(&file).stdout(Stdio::piped()).stderr(Stdio::piped());
    let program = command.spawn().expect("it runs");
    let id = program.id().to_string();
    let output = std::thread::spawn(move || program.wait_with_output());
    until("it has subscribed", async || embedded.subscription(&topic, "s").is_some()).await;

    let hostile = hostile();
    for payload in hostile.iter().chain([&r#"{"v":"good"}"#.to_owned()]) {
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
    let rows = sql.query("SELECT v FROM rows WHERE q IS NULL", &[]).await.expect("the table");
    assert_eq!(rows.iter().map(|row| row.get::<_, &str>(0)).collect::<Vec<_>>(), ["good"]);
}
