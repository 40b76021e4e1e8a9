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
fn dev(url: &str) -> Output {
    let package = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(package.join("connector.toml")).expect("the shipped configuration");
    assert!(text.contains("http://localhost:6333"));
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("dev-{}.toml", std::process::id()));
    fs::write(&file, text.replace("http://localhost:6333", url)).expect("a file");
    let mut program = Command::new(env!("CARGO_BIN_EXE_danube-sink-qdrant"));
    let output = program.current_dir(package).args(["dev", "--config"]).arg(&file).output().expect("it starts");
    fs::remove_file(file).expect("the file");
    output
}

#[test]
fn dev_delivers_every_place_once_also_when_it_runs_again_and_reports_a_missing_server() {
    let server = Process::start();
    for _ in 0..2 {
        let output = dev(&server.url());
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(text.contains("200 of 200 records delivered and acknowledged"), "{text}");
        assert!(text.contains("Try: curl"), "{text}");
        let points = server.points("places");
        assert_eq!(points.len(), 200);
        let is_whole = |point: &serde_json::Value| {
            point["payload"]["name"].is_string()
                && point["payload"]["time"].is_string()
                && point["vector"][31].is_number()
        };
        assert!(points.iter().all(is_whole), "{:?}", points[0]);
    }
    assert_eq!(server.info("places").expect("a collection")["payload_schema"]["mag"]["data_type"], "float");

    server.down("TERM");
    let output = dev(&server.url());
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    for part in [&server.url()[..], "refused", "`url`", "connectors/qdrant/install-servers"] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
}
