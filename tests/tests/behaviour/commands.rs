//! The commands of a connector as processes: what they print, where, and their exit codes.

use std::{
    fs,
    path::PathBuf,
    process::{Output, Stdio},
};

use danube_sink_tests::within;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::Command,
};

/// The port 1 of this host has no broker.
const NO_BROKER: &str = "danube_service_url = \"http://127.0.0.1:1\"\nmetrics_port = 0\n";
const HINT: &str = "the records are nowhere";
const MAPPING: &str = "\n[[scripted.topic_mappings]]\ntopic = \"/default/commands\"\n";

fn file(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}.toml", std::process::id()));
    fs::write(&path, text).expect("a folder for temporary files");
    path
}

fn scripted(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scripted"));
    command.args(arguments).env_remove("RUST_LOG").env_remove("CONNECTOR_CONFIG_PATH").kill_on_drop(true);
    command
}

/// Exit code, standard output, standard error.
async fn output(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = within("the end of the process", command.output()).await.expect("it runs");
    (status.code(), String::from_utf8_lossy(&stdout).into_owned(), String::from_utf8_lossy(&stderr).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_rust_log_counts_as_not_set() {
    let path = file("empty-rust-log", &format!("{NO_BROKER}{MAPPING}"));
    let mut command = scripted(&["--config"]);
    let mut child = command.arg(path).env("RUST_LOG", "").stderr(Stdio::piped()).spawn().expect("the connector starts");
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    let line = within("a log line", lines.next_line()).await.expect("a pipe").expect("a log line");
    assert!(line.contains("INFO"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn dev_counts_what_the_target_does_not_have() {
    let mapping = format!("{MAPPING}where = \"payload.n > 1\"\non_invalid_record = \"skip\"\n");
    let path = file("dev-counts", &format!("{NO_BROKER}{mapping}"));
    let dev = async |lines: &str| {
        let data = path.with_extension("jsonl");
        fs::write(&data, lines).expect("a folder for temporary files");
        let data = format!("/default/commands={}", data.display());
        let (code, stdout, stderr) = output(scripted(&["dev", "--data", &data, "--config"]).arg(&path)).await;
        assert_eq!(code, Some(0), "{stderr}");
        stdout
    };
    let all = dev("{\"n\":2}\n{\"n\":3}\n").await;
    assert!(all.contains("2 of 2 records delivered and acknowledged in ") && all.contains(HINT), "{all}");
    let some = dev("{\"n\":2}\n{\"n\":1}\n{}\n").await;
    assert!(some.contains("3 of 3 records acknowledged in "), "{some}");
    assert!(some.contains(": 1 delivered, 1 skipped as invalid, 1 not kept by `where`\n"), "{some}");
    assert!(some.contains(HINT), "{some}");
    let none = dev("{}\n").await;
    assert!(none.contains(": 0 delivered, 1 skipped as invalid\n") && !none.contains(HINT), "{none}");
}

#[tokio::test(flavor = "multi_thread")]
async fn dev_publishes_the_records_of_every_mapped_topic() {
    let mappings = ["a", "b", "c"].map(|name| format!("\n[[scripted.topic_mappings]]\ntopic = \"/default/{name}\"\n"));
    let path = file("dev-topics", &format!("{NO_BROKER}{}", mappings.concat()));
    let folder = path.with_extension("folder");
    fs::create_dir_all(folder.join("dev/default")).expect("a folder for temporary files");
    for (name, lines) in
        [("dev/default/a.jsonl", "{}\n{}\n{}\n"), ("dev/default/b.jsonl", "{}\n"), ("mine", "{}\n{}\n")]
    {
        fs::write(folder.join(name), lines).expect("a file");
    }
    let mut command = scripted(&["dev", "--data", "/default/a=mine", "--config"]);
    let (code, stdout, stderr) = output(command.arg(&path).current_dir(&folder)).await;
    assert_eq!(code, Some(0), "{stderr}");
    for line in [
        "note: no records for /default/c: there is no dev/default/c.jsonl\n",
        "3 of 3 records delivered",
        "  /default/a: 2 acknowledged\n",
        "  /default/b: 1 acknowledged\n",
    ] {
        assert!(stdout.contains(line), "no {line}{stdout}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dev_fills_the_batches_of_a_mapping_that_expects_a_large_window() {
    // A batch that does not fill would wait for some hours.
    let hours =
        "flush_interval_ms = 86400000\nack_timeout_ms = 86400000\nmax_unacked_messages = 1000\nbatch_size = 1000\n";
    for (name, root, window) in [("dev-window", hours, 1_000), ("dev-no-window", "", 200)] {
        let path = file(name, &format!("{root}{NO_BROKER}{MAPPING}"));
        let data = path.with_extension("jsonl");
        fs::write(&data, "{}\n".repeat(1_000)).expect("a folder for temporary files");
        let data = format!("/default/commands={}", data.display());
        let (code, stdout, stderr) = output(scripted(&["dev", "--data", &data, "--config"]).arg(&path)).await;
        assert_eq!(code, Some(0), "{stderr}");
        assert!(stdout.contains("1000 of 1000 records delivered and acknowledged"), "{stdout}");
        let line = format!("its window (max_unacked_messages) is {window}; a broker's default is 10\n");
        assert!(stdout.contains(&line), "{stdout}");
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn dev_that_is_interrupted_says_how_far_it_came_and_fails() {
    let path = file(
        "dev-interrupted",
        &format!("shutdown_timeout_ms = 1000\n{NO_BROKER}[scripted]\ntarget = \"down\"\n{MAPPING}"),
    );
    let data = path.with_extension("jsonl");
    fs::write(&data, "{}\n{}\n").expect("a folder for temporary files");
    let data = format!("/default/commands={}", data.display());
    let mut command = scripted(&["dev", "--data", &data, "--config"]);
    let mut child = command.arg(&path).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut next = async || within("a line", lines.next_line()).await.expect("a pipe").expect("another line");
    while next().await != "0 of 2 acknowledged" {}
    let id = child.id().expect("the process runs").to_string();
    assert!(std::process::Command::new("kill").args(["-s", "INT", &id]).status().expect("kill runs").success());
    let line = loop {
        let line = next().await;
        if line != "0 of 2 acknowledged" {
            break line;
        }
    };
    assert!(line.starts_with("interrupted: 0 of 2 records delivered and acknowledged in "), "{line}");
    assert_eq!(within("the end of the process", child.wait()).await.expect("an exit code").code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn dev_leaves_the_spool_of_the_file_alone() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("dev-spool-{}", std::process::id()));
    let path = file("dev-spool", &format!("data_dir = \"{}\"\n{NO_BROKER}{MAPPING}", folder.display()));
    let data = path.with_extension("jsonl");
    fs::write(&data, "{}\n").expect("a folder for temporary files");
    let data = format!("/default/commands={}", data.display());
    let (code, stdout, stderr) = output(scripted(&["dev", "--data", &data, "--config"]).arg(&path)).await;
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains("1 of 1 records delivered and acknowledged"), "{stdout}");
    assert!(stdout.contains("note: data_dir does not apply"), "{stdout}");
    assert!(!folder.exists());
}

/// `run` says what `check` does.
#[tokio::test(flavor = "multi_thread")]
async fn run_logs_the_warnings_of_the_configuration() {
    let path = file("run-warnings", &format!("ack_timeout_ms = 1000\n{NO_BROKER}{MAPPING}"));
    let mut child = scripted(&["--config"]).arg(path).stderr(Stdio::piped()).spawn().expect("the connector starts");
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    let warned = async {
        while let Some(line) = lines.next_line().await.expect("a pipe") {
            if line.contains("WARN") && line.contains("is not below `ack_timeout_ms` = 1000") {
                return;
            }
        }
        panic!("no warning");
    };
    within("the warning", warned).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_rust_log_is_named() {
    let path = file("wrong-rust-log", &format!("{NO_BROKER}{MAPPING}"));
    let (code, _, stderr) = output(scripted(&["--config"]).arg(&path).env("RUST_LOG", "loud=very")).await;
    assert_eq!(code, Some(78), "{stderr}");
    assert!(stderr.contains("RUST_LOG") && !stderr.contains("log_level"), "{stderr}");

    let mut command = scripted(&["check", "--format", "json", "--config"]);
    let (code, stdout, stderr) = output(command.arg(&path).env("RUST_LOG", "loud=very")).await;
    assert_eq!((code, stderr.as_str()), (Some(78), ""));
    let json: Value = serde_json::from_str(&stdout).expect("one JSON object");
    assert!(json["errors"][0]["message"].as_str().is_some_and(|text| text.contains("RUST_LOG")), "{json}");
    assert_eq!(json["file"], path.display().to_string());

    let mut command = scripted(&["check", "--no-environment", "--config"]);
    let (code, stdout, stderr) = output(command.arg(&path).env("RUST_LOG", "loud=very")).await;
    assert_eq!(code, Some(0), "{stdout}{stderr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_outside_the_file_names_the_file_in_json() {
    let path = file("no-spool", &format!("{NO_BROKER}{MAPPING}"));
    let (code, stdout, _) = output(scripted(&["spool", "status", "--format", "json", "--config"]).arg(&path)).await;
    let json: Value = serde_json::from_str(&stdout).expect("one JSON object");
    assert!(json["errors"][0]["message"].as_str().is_some_and(|text| text.contains("data_dir")), "{json}");
    assert_eq!((code, &json["file"]), (Some(78), &path.display().to_string().into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_and_its_secrets_are_read_once_for_all_tasks() {
    let text = format!("tasks = 3\n{NO_BROKER}{MAPPING}");
    let piped = async |mut command: Command, input: &str| {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the connector starts");
        child.stdin.take().expect("a pipe").write_all(input.as_bytes()).await.expect("a reader");
        let ended = within("the end of the process", child.wait_with_output()).await.expect("an exit code");
        assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
    };
    piped(scripted(&["check", "--offline", "--config", "/dev/stdin"]), &text).await;

    let path = file("three-tasks", &text);
    let mut command = scripted(&["check", "--offline", "--config"]);
    command.arg(path).env("SCRIPTED_PASSWORD_FILE", "/dev/stdin");
    piped(command, "hunter2").await;
}

const COMMANDS_THAT_PRINT: [&[&str]; 10] = [
    &["--help"],
    &["template"],
    &["template", "--minimal"],
    &["schema"],
    &["config"],
    &["config", "--format", "json"],
    &["check", "--offline"],
    &["check", "--offline", "--format", "json"],
    &["spool", "status"],
    &["spool", "status", "--format", "json"],
];

/// A spool that was never opened.
const SPOOL: &str = "data_dir = \"/nowhere\"\n";

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn output_that_cannot_be_written_is_an_error() {
    let path = file("full", &format!("{NO_BROKER}{SPOOL}{MAPPING}"));
    for arguments in COMMANDS_THAT_PRINT {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("a device that is always full");
        let mut command = scripted(arguments);
        let child = command.arg("--config").arg(&path).stdout(full).stderr(Stdio::piped()).spawn().expect("it starts");
        let ended = within("the end of the process", child.wait_with_output()).await.expect("an exit code");
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(1), "{arguments:?}: {stderr}");
        assert_eq!(stderr.matches("cannot write to standard output").count(), 1, "{arguments:?}: {stderr}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_pipe_is_no_error() {
    let path = file("closed", &format!("{NO_BROKER}{SPOOL}{MAPPING}"));
    for arguments in COMMANDS_THAT_PRINT {
        let mut command = scripted(arguments);
        let mut child = command.arg("--config").arg(&path).stdout(Stdio::piped()).spawn().expect("it starts");
        drop(child.stdout.take());
        let status = within("the end of the process", child.wait()).await.expect("an exit code");
        assert_eq!(status.code(), Some(0), "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fatal_error_is_reported_once() {
    let refuses = file("refuses", &format!("{NO_BROKER}[scripted]\ntarget = \"refuses\"\n{MAPPING}"));
    let json = file("refuses-json", &format!("log_format = \"json\"\n{}", fs::read_to_string(&refuses).expect("it")));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("an address").port();
    let no_broker = NO_BROKER.replace("metrics_port = 0", &format!("metrics_port = {port}"));
    let port = file("taken-port", &format!("metrics_address = \"127.0.0.1\"\n{no_broker}{MAPPING}"));
    for (path, level, code, error) in [
        (&refuses, "", 1, "the target requires a password"),
        (&refuses, "off", 1, "the target requires a password"),
        (&json, "", 1, "the target requires a password"),
        (&port, "", 78, "metrics_port"),
    ] {
        let (exit, _, stderr) = output(scripted(&["--config"]).arg(path).env("RUST_LOG", level)).await;
        assert_eq!(exit, Some(code), "{stderr}");
        assert_eq!(stderr.lines().filter(|line| line.contains(error)).count(), 1, "{level}: {stderr}");
        if path == &json {
            assert!(stderr.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{stderr}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_logged_by_its_place_and_its_message_on_request_alone() {
    let text = format!("log_format = \"json\"\n{NO_BROKER}[scripted]\ntarget = \"panics\"\n{MAPPING}");
    let path = file("panics", &text);
    for (backtrace, shows) in [("0", false), ("1", true)] {
        let mut command = scripted(&["--config"]);
        let (code, _, stderr) = output(command.arg(&path).env("RUST_BACKTRACE", backtrace)).await;
        assert_eq!(code, Some(1), "{stderr}");
        assert!(stderr.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{stderr}");
        assert!(stderr.contains("scripted.rs:") && stderr.contains("panicked in initialize"), "{stderr}");
        assert_eq!(stderr.contains("hunter2"), shows, "{stderr}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_syntax_error_is_reported_once_by_every_command() {
    let path = file("syntax", "danube_service_url = \"http://localhost:6650\n");
    for command in [&["run"][..], &["check"], &["config"], &["dev"]] {
        let (code, stdout, stderr) = output(scripted(command).arg("--config").arg(&path)).await;
        assert_eq!((code, stdout.as_str()), (Some(78), ""), "{stderr}");
        assert_eq!(stderr.matches("error: ").count(), 1, "{stderr}");
        assert!(stderr.contains("1 error in "), "{stderr}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn config_prints_each_value_with_its_origin_and_no_secret() {
    let path = file("effective", &format!("{NO_BROKER}batch_size = 7\n{MAPPING}"));
    let set = [("SCRIPTED_PASSWORD", "hunter2"), ("CONNECTOR_NAME", "blue")];
    // The option names the file, the command prints it.
    let (code, stdout, stderr) = output(scripted(&["config", "--config"]).arg(&path).envs(set)).await;
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    let shown = path.display();
    for line in [
        &format!("batch_size = 7  # {shown}:3"),
        "connector_name = \"blue\"  # variable CONNECTOR_NAME",
        "max_retries = 5  # default",
        "\n[scripted]\n",
        "target = \"good\"  # default",
        "password = ***  # variable SCRIPTED_PASSWORD",
        "\n[[scripted.topic_mappings]]\n",
        "batch_size = 7  # from the root",
    ] {
        assert!(stdout.contains(line), "`{line}` is not in\n{stdout}");
    }
    let (code, json, _) =
        output(scripted(&["--config"]).arg(&path).args(["config", "--format", "json"]).envs(set)).await;
    assert_eq!(code, Some(0), "{json}");
    assert!(!stdout.contains("hunter2") && !json.contains("hunter2"), "{json}");
    let json: Value = serde_json::from_str(&json).expect("one JSON object");
    assert_eq!(json["file"], shown.to_string());
    let keys = json["keys"].as_array().expect("an array");
    let find = |table: &str, key: &str| keys.iter().find(|row| row["table"] == table && row["key"] == key).cloned();
    let expected = serde_json::json!({
        "table": "", "index": 0, "key": "batch_size", "value": 7, "origin": format!("{shown}:3"),
    });
    assert_eq!(find("", "batch_size"), Some(expected));
    let password = find("[scripted]", "password").expect("the secret");
    assert_eq!((&password["value"], &password["origin"]), (&"***".into(), &"variable SCRIPTED_PASSWORD".into()));
    assert_eq!(find("[[scripted.topic_mappings]]", "topic").expect("the topic")["value"], "/default/commands");
}

#[tokio::test(flavor = "multi_thread")]
async fn config_reports_an_invalid_configuration() {
    let path = file("ineffective", &format!("{NO_BROKER}batch_size = 0\n{MAPPING}"));
    let (code, stdout, stderr) = output(scripted(&["config", "--config"]).arg(&path)).await;
    assert_eq!((code, stdout.as_str()), (Some(78), ""));
    assert!(stderr.contains(":3:14: `batch_size`") && stderr.contains("1 error in "), "{stderr}");
    let (code, stdout, stderr) = output(scripted(&["config", "--format", "json", "--config"]).arg(&path)).await;
    assert_eq!((code, stderr.as_str()), (Some(78), ""));
    let json: Value = serde_json::from_str(&stdout).expect("one JSON object");
    assert_eq!((&json["errors"][0]["line"], &json["errors"][0]["column"]), (&3.into(), &14.into()), "{json}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_minimal_template_is_a_valid_file_of_the_required_keys() {
    let (code, minimal, stderr) = output(&mut scripted(&["template", "--minimal"])).await;
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let keys: Vec<_> = minimal.lines().filter_map(|line| line.split_once(" = ")).map(|(key, _)| key).collect();
    assert_eq!(keys, ["danube_service_url", "topic"], "{minimal}");
    let path = file("minimal", &minimal);
    let (code, stdout, stderr) = output(scripted(&["check", "--offline", "--config"]).arg(path)).await;
    assert_eq!(code, Some(0), "{stdout}{stderr}");
}
