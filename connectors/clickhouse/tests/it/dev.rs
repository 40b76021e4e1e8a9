//! The program's `dev` command.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use super::process::Process;

/// Runs the shipped configuration with the address of another server.
fn clickhouse(url: &str, command: &str) -> Output {
    let package = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(package.join("connector.toml")).expect("the shipped configuration");
    assert!(text.contains("http://localhost:8123"));
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{command}-{}.toml", std::process::id()));
    fs::write(&file, text.replace("http://localhost:8123", url)).expect("a file");
    let mut program = Command::new(env!("CARGO_BIN_EXE_danube-sink-clickhouse"));
    let output = program.current_dir(package).args([command, "--config"]).arg(&file).output().expect("it starts");
    fs::remove_file(file).expect("the file");
    output
}

#[test]
fn dev_delivers_every_event_once_also_when_it_runs_again_and_reports_a_missing_server() {
    let server = Process::start();
    for _ in 0..2 {
        let output = clickhouse(&server.url(), "dev");
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(text.contains("300 of 300 records delivered and acknowledged"), "{text}");
        assert!(text.contains("Try: clickhouse-client"), "{text}");
        assert_eq!(server.ask("SELECT count() FROM earthquakes FINAL"), "300");
    }
    let sums = "SELECT uniqExact(place) > 100, max(magnitude), min(time_ms) FROM earthquakes FINAL FORMAT TSV";
    assert_eq!(server.ask(sums), "1\t6.4\t1517850971820");

    server.down("TERM");
    let output = clickhouse(&server.url(), "dev");
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    for part in [&server.url()[..], "refused", "`url`", "connectors/clickhouse/install-servers"] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
}
