//! The program with hostile payloads: none of their values is in its logs, pages or dead letters.

use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    process::{Command, Stdio},
};

use danube_sink::dev::BrokerOptions;
use danube_sink_tests::{Broker, free_port, get, topic, until};

use super::process::{Engine, Process};

/// Payloads that are rejected, each with the secret in it.
const HOSTILE: [&str; 22] = [
    r#"{"n":"s3cret"}"#,
    r#"{"n":1,"n":"s3cret"}"#,
    r#"{"n":1,"s3cret":1}"#,
    r#"{"n":1,"id":"s3cret"}"#,
    r#"{"n":1,"t":"2201-04-15T19:58:20Z s3cret"}"#,
    r#"{"n":1,"t":"s3cret\n\"s3cret\"\r\n{s3cret}"}"#,
    r#"{"n":1,"d":"1.005s3cret"}"#,
    r#"{"n":1,"a":[1,2,"s3cret"]}"#,
    r#"{"n":1,"a":{"s3cret":1}}"#,
    r#"{"n":1,"e":"s3cret"}"#,
    r#"{"n":1,"f":"s3cret"}"#,
    r#"{"n":null,"s":"s3cret"}"#,
    r#"{"n":1,"s":"s3cret"}"#,
    r#"{"n":1,"s":"a\"s3cret\"b"}"#,
    r#"{"n":1,"s":"one\ns3cret\nCode: 241. DB::Exception: s3cret (MEMORY_LIMIT_EXCEEDED)"}"#,
    r#"{"n":1,"s":"x the value of key s): s3cret (while reading the value of key s3cret): (at row 1)"}"#,
    r#"{"n":1,"s":"s3cret"#,
    r#"{"n":NaN,"s":"s3cret"}"#,
    r#"{"n":1,"s":"s3cret\ud83d"}"#,
    r#"["s3cret"]"#,
    r#""s3cret""#,
    "s3cret",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_value_of_a_hostile_payload_is_in_logs_pages_or_dead_letters() {
    for engine in Engine::ALL {
        let server = Process::start_of(engine);
        server.ask(
            "CREATE TABLE t (id String, n UInt64, t DateTime, d Decimal(9, 2), a Array(UInt8), e Enum8('x' = 1), \
             f FixedString(3), s String) ENGINE = MergeTree ORDER BY n",
        );
        // The view parses a string column as numbers.
        server.ask("CREATE MATERIALIZED VIEW v ENGINE = MergeTree ORDER BY n AS SELECT toUInt8(if(s = '', '0', s)) AS n FROM t");
        let broker = Broker::embedded(BrokerOptions { max_unacked_messages: 1_000, ..BrokerOptions::default() }).await;
        let embedded = broker.embedded.as_ref().expect("an embedded broker");
        let (topic, letters) = (topic("hostile"), topic("hostile-letters"));
        let producer = broker.producer(&topic, "p", None).await;
        drop(broker.producer(&letters, "p", None).await);

        let free = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let folder =
            PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("hostile-{}-{engine:?}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let config = format!(
            "danube_service_url = '{}'\nconnector_name = 'clickhouse'\nmetrics_port = {}\nlog_level = 'debug'\n\
             flush_interval_ms = 50\non_mass_refusal = 'go_on'\n\n[clickhouse]\napi.url = '{}'\n\n\
             [[clickhouse.topic_mappings]]\ntopic = '{topic}'\nsubscription = 's'\ntable = 't'\nmetadata = ['id']\n\
             on_invalid_record = 'dead_letter'\ndead_letter_topic = '{letters}'\n",
            broker.url(),
            free.port(),
            server.url()
        );
        fs::write(folder.join("connector.toml"), config).expect("a file");
        let (out, err) = (folder.join("out.log"), folder.join("err.log"));
        let file = |path| Stdio::from(fs::File::create(path).expect("a file"));
        let mut program = Command::new(env!("CARGO_BIN_EXE_danube-sink-clickhouse"));
        let program = program.arg("--config").arg(folder.join("connector.toml")).stdout(file(&out)).stderr(file(&err));
        let mut child = program.spawn().expect("it starts");
        let logs = || {
            format!("{}{}", fs::read_to_string(&out).unwrap_or_default(), fs::read_to_string(&err).unwrap_or_default())
        };
        until("the connector is ready", || async {
            std::net::TcpStream::connect(free).is_ok() && get(free, "/ready").await.0 == 200
        })
        .await;

        for payload in HOSTILE {
            producer.send(payload.as_bytes().to_vec(), None).await.expect("a confirmation");
            producer.send(br#"{"n":7}"#.to_vec(), None).await.expect("a confirmation");
        }
        until("all are settled", || async {
            let status = embedded.subscription(&topic, "s").expect("a subscription");
            status.acked == 2 * HOSTILE.len() as u64
        })
        .await;
        let mut answers = String::new();
        for page in ["/status", "/ready", "/metrics"] {
            answers += &get(free, page).await.1;
        }
        let sent = Command::new("kill").args(["-s", "TERM", &child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success() && child.wait().expect("it ends").success(), "{}", logs());

        let dead_letters: String =
            embedded.messages(&letters).iter().map(|letter| format!("{:?}\n", letter.attributes)).collect();
        assert_eq!(dead_letters.lines().count(), HOSTILE.len(), "{dead_letters}");
        for (what, text) in [("logs", logs()), ("answers", answers), ("dead letters", dead_letters)] {
            assert!(text.len() > 500, "there are {what}: {text}");
            let shown = text.lines().find(|line| line.to_lowercase().contains("s3cret"));
            assert_eq!(shown, None, "{engine:?}: a value in the {what}");
        }
        assert_eq!(server.ask("SELECT uniqExact(id) FROM t WHERE n = 7"), HOSTILE.len().to_string());
        fs::remove_dir_all(folder).expect("the folder");
    }
}
