//! A connector with `data_dir`: what its spool has, in metrics and by the commands `spool status`, `drain` and `export`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use danube_sink::{SubscriptionType::Exclusive, dev::BrokerOptions};
use danube_sink_tests::{Answer, Broker, Target, TestSink, get, metric, topic, until, within};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::Running;

/// The folder of a test, with the configuration of its connector.
struct Setup {
    folder: PathBuf,
    topic: String,
}

impl Setup {
    fn new(name: &str) -> Self {
        let topic = topic(name);
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(topic.rsplit('/').next().expect("a name"));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder for temporary files");
        Self { folder, topic }
    }

    fn data_dir(&self) -> PathBuf {
        self.folder.join("spool")
    }

    fn root(&self) -> PathBuf {
        self.data_dir().join("scripted")
    }

    /// The command with a configuration of this broker and target, which reads this topic.
    fn of_topic(&self, url: &str, target: &str, topic: &str, arguments: &[&str]) -> Command {
        let path = self.folder.join(format!("{}.toml", fs::read_dir(&self.folder).expect("the folder").count()));
        let data_dir = self.data_dir();
        let text = format!(
            "danube_service_url = \"{url}\"\nconnector_name = \"scripted\"\nmetrics_port = 0\ndata_dir = \"{}\"\n\
             sync = \"os\"\nflush_interval_ms = 20\nretry_backoff_ms = 20\nmax_backoff_ms = 100\n\n[scripted]\n\
             target = \"{target}\"\n\n[[scripted.topic_mappings]]\ntopic = \"{topic}\"\nsubscription = \"test\"\n\
             subscription_type = \"Exclusive\"\n",
            data_dir.display()
        );
        fs::write(&path, text).expect("the folder");
        let mut command = Command::new(env!("CARGO_BIN_EXE_scripted"));
        command.args(arguments).arg("--config").arg(path).kill_on_drop(true);
        command
    }

    fn command(&self, url: &str, target: &str, arguments: &[&str]) -> Command {
        self.of_topic(url, target, &self.topic, arguments)
    }

    /// Exit code, standard output and standard error of a command without a broker.
    async fn without_broker(&self, target: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
        output(&mut self.command(NO_BROKER, target, arguments)).await
    }

    async fn status(&self) -> Value {
        let (code, stdout, stderr) = self.without_broker("good", &["spool", "status", "--format", "json"]).await;
        assert_eq!(code, Some(0), "{stderr}");
        serde_json::from_str(&stdout).expect("one JSON object")
    }

    /// Runs a connector whose target is down until the spool has these messages.
    async fn spooled(&self, messages: &[&[u8]]) -> (Broker, Child) {
        let broker = Broker::embedded(BrokerOptions::default()).await;
        let producer = broker.producer(&self.topic, "shop", None).await;
        let process = self.command(broker.url(), "down", &["run"]).stderr(Stdio::null()).spawn().expect("it starts");
        let embedded = broker.embedded.as_ref().expect("an embedded broker");
        until("the connector attached", || async {
            embedded.subscription(&self.topic, "test").is_some_and(|status| status.consumers == 1)
        })
        .await;
        for message in messages {
            let attributes = [("region".to_owned(), "north".to_owned())].into();
            producer.send(message.to_vec(), Some(attributes)).await.expect("a confirmation");
        }
        until("all spooled", || async { self.status().await["records"] == messages.len() }).await;
        (broker, process)
    }

    /// The records of a connector that was killed.
    async fn left(&self, messages: &[&[u8]]) {
        let (_, mut process) = self.spooled(messages).await;
        process.kill().await.expect("SIGKILL");
    }
}

/// The port 1 of this host has no broker.
const NO_BROKER: &str = "http://127.0.0.1:1";

async fn output(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = within("the end of the process", command.output()).await.expect("it runs");
    (status.code(), String::from_utf8_lossy(&stdout).into_owned(), String::from_utf8_lossy(&stderr).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_and_status_show_what_waits_in_the_spool() {
    let setup = Setup::new("spool_metrics");
    let broker = Broker::embedded(BrokerOptions::default()).await;
    drop(broker.producer(&setup.topic, "creator", None).await);
    let (target, is_down) = (Target::default(), Arc::new(AtomicBool::new(true)));
    let down = Arc::clone(&is_down);
    let sink = TestSink::new(&target, &[&setup.topic], Exclusive)
        .answering(move |_| if down.load(Ordering::Relaxed) { Answer::Retry } else { Answer::Write });
    let set = |config: &mut danube_sink::ConnectorConfig| {
        (config.data_dir, config.max_backoff) = (Some(setup.data_dir()), Duration::from_millis(50));
    };
    let running = Running::start(broker.url(), sink, set).await.ready().await;
    let address = running.handle.metrics_address();
    broker.publish(&setup.topic, None, 0..50, &target).await;
    let status = || async { serde_json::from_str::<Value>(&get(address, "/status").await.1).expect("JSON") };
    let spooled = |records: u64| async move { status().await["mappings"][0]["spool"]["records"] == records };
    until("50 records in /status", || spooled(50)).await;
    assert_eq!(metric(address, "danube_sink_spool_records").await, 50.0);
    assert!(metric(address, "danube_sink_spool_bytes").await > 500.0);
    assert!(metric(address, "danube_sink_spool_oldest_seconds").await > 0.0);
    assert!(
        get(address, "/metrics").await.1.contains("danube_sink_spool_damaged_records_total{connector=\"test\"} 0\n")
    );
    is_down.store(false, Ordering::Relaxed);
    until("an empty spool in /status", || spooled(0)).await;
    assert_eq!(status().await["mappings"][0]["spool"]["oldest_seconds"], 0.0);
    running.stop().await.expect("a clean end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_cannot_be_read_is_shown_and_its_records_wait() {
    let setup = Setup::new("spool_unreadable");
    let broker = Broker::embedded(BrokerOptions::default()).await;
    drop(broker.producer(&setup.topic, "creator", None).await);
    let (target, is_down) = (Target::default(), Arc::new(AtomicBool::new(true)));
    let down = Arc::clone(&is_down);
    let sink = TestSink::new(&target, &[&setup.topic], Exclusive)
        .answering(move |_| if down.load(Ordering::Relaxed) { Answer::Retry } else { Answer::Write });
    let set = |config: &mut danube_sink::ConnectorConfig| {
        (config.data_dir, config.max_backoff) = (Some(setup.data_dir()), Duration::from_millis(50));
        // Segments of some 50 records, of which few are read ahead.
        (config.spool_max_bytes, config.batch_size) = (200_000, 10);
    };
    let running = Running::start(broker.url(), sink, set).await.ready().await;
    let address = running.handle.metrics_address();
    broker.publish(&setup.topic, None, 0..300, &target).await;
    until("all spooled", || async { metric(address, "danube_sink_spool_records").await == 300.0 }).await;

    let (mut folders, mut segments) = (vec![setup.data_dir()], Vec::new());
    while let Some(folder) = folders.pop() {
        let paths: Vec<_> = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("it").path()).collect();
        folders.extend(paths.iter().filter(|path| path.is_dir()).cloned());
        segments.extend(paths.into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "segment")));
    }
    segments.sort();
    let (segment, moved) = (&segments[2], segments[2].with_extension("moved"));
    fs::rename(segment, &moved).expect("renamed");
    is_down.store(false, Ordering::Relaxed);
    let reason = format!("the spool cannot be read: opening {}: ", segment.display());
    until("the file in /ready", || async {
        let (code, text) = get(address, "/ready").await;
        code == 503 && text.contains(&reason)
    })
    .await;
    assert!(get(address, "/status").await.1.contains(&reason));
    fs::rename(&moved, segment).expect("renamed");
    target.holds(300).await;
    until("an answer 200 of /ready", || async { get(address, "/ready").await.0 == 200 }).await;
    let mut numbers = target.numbers();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..300).collect::<Vec<_>>());
    running.stop().await.expect("a clean end");
}

#[tokio::test(flavor = "multi_thread")]
async fn status_shows_generations_logs_and_processes() {
    let setup = Setup::new("spool_status");
    assert_eq!(setup.status().await["records"], 0);
    let (broker, mut process) = setup.spooled(&[b"{}", b"{}", b"{}"]).await;
    let log = |status: &Value, generation: usize| status["generations"][generation]["logs"][0].clone();
    let status = setup.status().await;
    assert_eq!(status["generations"][0]["in_use"], true, "{status}");
    let found = log(&status, 0);
    let shown = ["topic", "subscription", "records", "configured"].map(|key| found[key].clone());
    assert_eq!(shown, [json!(setup.topic), json!("test"), json!(3), json!(true)]);
    assert!(found["bytes"].as_u64() > Some(50) && found["oldest_seconds"].as_f64() > Some(0.0), "{found}");
    process.kill().await.expect("SIGKILL");

    let (code, text, _) = setup.without_broker("good", &["spool", "status"]).await;
    assert_eq!(code, Some(0));
    assert!(text.starts_with(&format!("3 records in the spool {}\n", setup.root().display())), "{text}");
    assert!(text.contains("generation 1, of a process that has ended\n"), "{text}");
    assert!(text.contains(&format!("  {}  subscription test: 3 records, ", setup.topic)), "{text}");
    let (_, text, _) = output(&mut setup.of_topic(broker.url(), "good", "/default/other", &["spool", "status"])).await;
    assert!(text.contains("its mapping is not configured"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn drain_delivers_the_spool_without_a_broker_and_ends() {
    let setup = Setup::new("spool_drain");
    setup.left(&[b"{}".as_slice(); 20]).await;
    let (code, stdout, stderr) = setup.without_broker("good", &["spool", "drain"]).await;
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(stdout, format!("the spool {} is empty\n", setup.root().display()));
    assert_eq!(setup.status().await["records"], 0);
    // Once more, nothing is started.
    let (code, _, stderr) = setup.without_broker("refuses", &["spool", "drain"]).await;
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_that_ends_early_says_what_is_left() {
    let setup = Setup::new("spool_left");
    setup.left(&[b"{}".as_slice(); 20]).await;
    let left = format!("error: 20 records are left in the spool {}:\n  {}  ", setup.root().display(), setup.topic);
    let (code, _, stderr) = setup.without_broker("down", &["spool", "drain", "--timeout", "1"]).await;
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains(&left), "{stderr}");

    let mut draining = setup.command(NO_BROKER, "down", &["spool", "drain"]);
    let draining = draining.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("it starts");
    let in_use = || async {
        let status = setup.status().await;
        status["generations"].as_array().is_some_and(|all| all.iter().all(|generation| generation["in_use"] == true))
    };
    until("the drain", in_use).await;
    let id = draining.id().expect("it runs").to_string();
    assert!(std::process::Command::new("kill").args(["-s", "TERM", &id]).status().expect("kill runs").success());
    let ended = within("its end", draining.wait_with_output()).await.expect("an exit code");
    let stderr = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains(&left), "{stderr}");

    // Records of another mapping stay, too.
    let mut other = setup.of_topic(NO_BROKER, "good", "/default/other", &["spool", "drain"]);
    let (code, _, stderr) = output(&mut other).await;
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains(&left) && stderr.contains("its mapping is not configured"), "{stderr}");
    let (code, _, stderr) = setup.without_broker("good", &["spool", "drain"]).await;
    assert_eq!(code, Some(0), "{stderr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn drain_is_refused_while_the_connector_runs() {
    let setup = Setup::new("spool_in_use");
    let (_, mut process) = setup.spooled(&[b"{}"]).await;
    let (code, _, stderr) = setup.without_broker("good", &["spool", "drain"]).await;
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.starts_with("error: generation 1 of the spool ") && stderr.contains("Stop it first"), "{stderr}");
    assert!(process.try_wait().expect("a process").is_none());
    process.kill().await.expect("SIGKILL");
}

#[tokio::test(flavor = "multi_thread")]
async fn export_writes_json_lines_and_settles_nothing() {
    let setup = Setup::new("spool_export");
    setup
        .left(&[b"{\n\"n\": 18446744073709551616,\r\n\"n\": 1.10}", b"plain text", &[0xff, 0x00], b"{\"a\":\"x\ny\"}"])
        .await;
    let (code, stdout, stderr) = setup.without_broker("good", &["spool", "export"]).await;
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(lines.len(), 4, "{stdout}");
    assert!(lines[0].contains("\"payload\":{ \"n\": 18446744073709551616,  \"n\": 1.10}"), "{stdout}");
    let lines: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((&lines[1]["payload_text"], &lines[1]["payload"]), (&"plain text".into(), &Value::Null));
    assert_eq!((&lines[2]["payload_base64"], &lines[2]["offset"]), (&"/wA=".into(), &2.into()));
    assert_eq!((&lines[3]["payload_text"], &lines[3]["payload"]), (&"{\"a\":\"x\ny\"}".into(), &Value::Null));
    for line in &lines {
        let expected = [setup.topic.as_str(), "test", "shop", "north"].map(Value::from);
        assert_eq!(
            [&line["topic"], &line["subscription"], &line["producer"], &line["attributes"]["region"]],
            expected.each_ref()
        );
        assert!(line["publish_time"].as_u64() > Some(1_600_000_000_000_000) && line["sequence"].is_u64(), "{line}");
        assert!(["key", "schema_id", "schema_version"].iter().all(|key| line.get(key) == Some(&Value::Null)), "{line}");
    }

    let file = setup.folder.join("export.jsonl");
    let name = file.to_str().expect("a path");
    // The mapping of the records is not configured here.
    let mut other = setup.of_topic(NO_BROKER, "good", "/default/other", &["spool", "export", name]);
    let (code, shown, stderr) = output(&mut other).await;
    assert_eq!((code, shown), (Some(0), format!("4 records written to {name}\n")), "{stderr}");
    assert_eq!(fs::read_to_string(&file).expect("the file"), stdout);
    assert_private(&file);
    let (code, _, stderr) = setup.without_broker("good", &["spool", "export", name]).await;
    assert_eq!(code, Some(1));
    assert!(stderr.starts_with(&format!("error: the export cannot be written to {name}: ")), "{stderr}");
    assert_eq!(setup.status().await["records"], 4);
}

#[cfg(unix)]
fn assert_private(file: &Path) {
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(fs::metadata(file).expect("the file").permissions().mode() & 0o777, 0o600);
}

#[cfg(not(unix))]
fn assert_private(_: &Path) {}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_exported_is_counted_and_an_error() {
    let setup = Setup::new("spool_damaged");
    setup.left(&[b"first", b"second", b"third"]).await;
    let log = fs::read_dir(setup.root().join("00000001")).expect("a generation").map(|entry| entry.expect("it").path());
    let log = log.into_iter().find(|path| path.is_dir()).expect("a log");
    let segment = log.join("00000000000000000000.segment");
    let mut contents = fs::read(&segment).expect("a segment");
    let at = contents.windows(5).position(|window| window == b"first").expect("the payload");
    contents[at] = b'F';
    fs::write(&segment, contents).expect("written");
    let (code, stdout, _) = setup.without_broker("good", &["spool", "export"]).await;
    assert_eq!(code, Some(0));
    assert!(stdout.contains("\"damaged\":true,\"payload_text\":\"First\""), "{stdout}");

    fs::write(&segment, b"DNBSPOL\x09").expect("written");
    let (code, _, stderr) = setup.without_broker("good", &["spool", "export"]).await;
    assert_eq!(code, Some(1));
    assert!(stderr.contains("cannot be read: ") && stderr.contains("version 9"), "{stderr}");
    let (code, text, _) = setup.without_broker("good", &["spool", "status"]).await;
    assert_eq!(code, Some(0));
    assert!(text.contains("  cannot be read: "), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generation_and_a_copy_that_cannot_be_read_are_named_beside_the_other_records() {
    let setup = Setup::new("spool_unreadable_generation");
    setup.left(&[b"{}".as_slice(); 3]).await;
    // A file in the place of a folder, and a folder in the place of a file.
    fs::write(setup.root().join("00000007"), "").expect("written");
    fs::create_dir_all(setup.root().join("damaged/copy.segment")).expect("a folder");
    let (code, stdout, stderr) = setup.without_broker("good", &["spool", "export"]).await;
    assert_eq!((code, stdout.lines().count()), (Some(1), 3), "{stderr}");
    assert!(
        stderr.starts_with("error: some records cannot be read and are not exported\n  cannot be read: "),
        "{stderr}"
    );
    assert!(["00000007", "copy.segment"].iter().all(|name| stderr.contains(name)), "{stderr}");
    let status = setup.status().await;
    assert_eq!((&status["records"], &status["generations"][1]["in_use"]), (&3.into(), &Value::Null), "{status}");
    // A process may have it.
    let (code, _, stderr) = setup.without_broker("good", &["spool", "drain"]).await;
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.starts_with("error: generation 7 of the spool ") && stderr.contains("may be in use"), "{stderr}");
    assert_eq!(setup.status().await["records"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_need_data_dir() {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("no-data-dir-{}.toml", std::process::id()));
    let text = format!("danube_service_url = \"{NO_BROKER}\"\n\n[[scripted.topic_mappings]]\ntopic = \"/default/a\"\n");
    fs::write(&path, text).expect("a folder for temporary files");
    for command in ["status", "drain", "export"] {
        let mut command_line = Command::new(env!("CARGO_BIN_EXE_scripted"));
        let (code, _, stderr) = output(command_line.args(["spool", command, "--config"]).arg(&path)).await;
        assert_eq!(code, Some(78), "{stderr}");
        assert!(stderr.contains("data_dir is not set; set it"), "{stderr}");
    }
}
