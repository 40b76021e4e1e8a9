//! The program's commands: `dev`, `check` and a wrong configuration.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout, reason = "it serves tests alone")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use danube_client::DanubeClient;
use rusqlite::Connection;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    time::{sleep, timeout},
};

const PATIENCE: Duration = Duration::from_secs(60);

/// An empty folder to run in.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder for temporary files");
    folder
}

fn quickstart(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quickstart"));
    command.current_dir(folder).args(arguments).env_remove("CONNECTOR_CONFIG_PATH").output().expect("it starts")
}

fn count(folder: &Path, query: &str) -> i64 {
    let connection = Connection::open(folder.join("earthquakes.db")).expect("the database");
    connection.query_row(query, (), |row| row.get(0)).expect("a number")
}

#[test]
fn dev_delivers_every_event_once_also_when_it_runs_again() {
    let folder = folder("twice");
    for _ in 0..2 {
        let output = quickstart(&folder, &["dev"]);
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(text.contains("1707 of 1707 records delivered and acknowledged"), "{text}");
        assert!(
            text.contains("configuration: connector.toml (sample)\n") && text.contains("SELECT magnitude"),
            "{text}"
        );
        assert_eq!(count(&folder, "SELECT count(*) FROM earthquakes"), 1707);
    }
    let typed = "typeof(magnitude) IN ('real', 'null') AND typeof(place) IN ('text', 'null') AND typeof(time) = 'text' \
                 AND typeof(longitude) = 'real' AND typeof(latitude) = 'real' AND typeof(depth_km) = 'real'";
    assert_eq!(count(&folder, &format!("SELECT count(*) FROM earthquakes WHERE {typed}")), 1707);
    assert_eq!(
        count(&folder, "SELECT count(*) FROM earthquakes WHERE time < '2018-02-08' AND time > '2018-01-30'"),
        1707
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn dev_stays_up_for_other_clients_if_asked_to() {
    let folder = folder("stays");
    let mut child = tokio::process::Command::new(env!("CARGO_BIN_EXE_quickstart"))
        .current_dir(&folder)
        .args(["dev", "--keep-running"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut address = async |label: &str| {
        loop {
            let line = lines.next_line().await.expect("a pipe").expect("a line with the address");
            if let Some((_, rest)) = line.split_once(label) {
                return rest.split(';').next().expect("an address").to_owned();
            }
        }
    };
    let metrics = timeout(PATIENCE, address("metrics and health at http://")).await.expect("it starts");
    tokio::net::TcpStream::connect(metrics).await.expect("the metrics endpoint");
    let url = timeout(PATIENCE, address("staying up at ")).await.expect("it stays up");

    let client = DanubeClient::builder().service_url(&url).build().await.expect("a client");
    let producer = client.new_producer().with_topic("/default/earthquakes").with_name("outside");
    let mut producer = producer.with_reliable_dispatch().build().expect("a producer");
    producer.create().await.expect("the topic");
    let event =
        r#"{"id":"outside","properties":{"mag":9.9,"place":"here","time":0},"geometry":{"coordinates":[0,0,0]}}"#;
    producer.send(event.as_bytes().to_vec(), None).await.expect("a confirmation");
    let arrived = async {
        while count(&folder, "SELECT count(*) FROM earthquakes WHERE id = 'outside'") == 0 {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, arrived).await.expect("the record of the outside client arrives");

    let id = child.id().expect("it runs").to_string();
    assert!(Command::new("kill").args(["-s", "INT", &id]).status().expect("kill runs").success());
    let status = timeout(PATIENCE, child.wait()).await.expect("it ends").expect("an exit code");
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_wrong_configuration_ends_with_78_and_reports_every_error() {
    let folder = folder("wrong");
    let file = folder.join("wrong.toml");
    let path = file.to_str().expect("a path");
    let run = |text: &str| {
        fs::write(&file, text).expect("a file");
        let output = quickstart(&folder, &["--config", path]);
        assert_eq!(output.status.code(), Some(78), "{output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };

    let report = run(
        "danube_service_url = \"http://localhost:6650\"\nbatch_size = \"many\"\n\n[quickstart]\ndatabse = \"x.db\"\n\n\
                      [[quickstart.topic_mappings]]\ntopic = \"earthquakes\"\n",
    );
    for part in [
        "wrong.toml:2:14",
        "wrong.toml:5:1",
        "did you mean `database`",
        "wrong.toml:8:9",
        "missing key `table`",
        "4 errors",
    ] {
        assert!(report.contains(part), "no {part:?} in\n{report}");
    }

    let report = run("danube_service_url = [\n");
    assert!(report.contains("wrong.toml:1:") && report.contains("help"), "{report}");

    fs::remove_file(&file).expect("the file");
    let output = quickstart(&folder, &["check", "--config", path]);
    let report = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78));
    assert!(report.contains(path) && report.contains("CONNECTOR_CONFIG_PATH"), "{report}");
}

#[test]
fn check_says_that_the_shipped_configuration_is_valid() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/connector.toml");
    let output = quickstart(&folder("check"), &["check", "--offline", "--config", file]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(text.contains("is valid") && text.contains("/default/earthquakes"), "{text}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_log_that_cannot_be_written_stops_nothing() {
    let folder = folder("full");
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("a full disk");
    let mut command = Command::new(env!("CARGO_BIN_EXE_quickstart"));
    let command = command.current_dir(&folder).arg("dev").env("RUST_LOG", "debug").stderr(full);
    assert_eq!(command.output().expect("it starts").status.code(), Some(0));
    assert_eq!(count(&folder, "SELECT count(*) FROM earthquakes"), 1707);
}
