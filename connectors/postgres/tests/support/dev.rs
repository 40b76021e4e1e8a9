//! Runs a connector's `dev` command against a server.

use std::{fs, process::Command};

use super::server::PostgresServer;

/// Runs a program's `dev` command with the configuration of its package and this server; returns its exit code and output.
pub(crate) fn dev(program: &str, package: &str, server: &PostgresServer) -> (Option<i32>, String) {
    let file = std::env::temp_dir().join(format!("danube-sink-dev-{}.toml", server.port));
    let shipped = fs::read_to_string(format!("{package}/connector.toml")).expect("the file");
    let here = format!("host = \"127.0.0.1\"\nport = {}", server.port);
    fs::write(&file, shipped.replace("host = \"localhost\"", &here)).expect("a folder");
    let output = Command::new(program).arg("dev").arg("--config").arg(&file).output().expect("it runs");
    fs::remove_file(file).expect("the file");
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("a text")).concat();
    (output.status.code(), text)
}
