//! The program's `dev` command.

#![allow(clippy::expect_used, clippy::unwrap_used, dead_code, reason = "it serves tests alone")]

#[path = "../src/tests/process.rs"]
mod process;

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use process::Process;

/// Runs the shipped configuration with the address of another server.
fn opensearch(url: &str, command: &str) -> Output {
    let package = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(package.join("connector.toml")).expect("the shipped configuration");
    assert!(text.contains("http://localhost:9200"));
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{command}-{}.toml", std::process::id()));
    fs::write(&file, text.replace("http://localhost:9200", url)).expect("a file");
    let mut program = Command::new(env!("CARGO_BIN_EXE_danube-sink-opensearch"));
    let output = program.current_dir(package).args([command, "--config"]).arg(&file).output().expect("it starts");
    fs::remove_file(file).expect("the file");
    output
}

#[test]
fn dev_delivers_every_event_once_also_when_it_runs_again_and_reports_a_missing_server() {
    let server = Process::start();
    for _ in 0..2 {
        let output = opensearch(&server.url(), "dev");
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(text.contains("300 of 300 records delivered and acknowledged"), "{text}");
        assert!(text.contains("Try: curl"), "{text}");
        assert_eq!(server.documents("earthquakes").len(), 300);
    }
    let found = server.ask("GET", "/earthquakes/_search?q=place:CA&sort=magnitude:desc&size=1", "");
    assert!(found["hits"]["total"]["value"].as_u64() > Some(50), "{found}");

    server.down("TERM");
    let output = opensearch(&server.url(), "dev");
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    for part in [&server.url()[..], "refused", "`url`", "connectors/opensearch/install-servers"] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
}
