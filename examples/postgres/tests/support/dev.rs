//! A connector's `dev` against a server, as its users run it.

#![allow(clippy::expect_used, dead_code, reason = "it serves tests, and each needs something else")]

use std::{
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use super::server::PostgresServer;

/// Runs a program's `dev` with the configuration of its package, for this server; its exit code and what it says.
pub(crate) fn dev(program: &str, package: &str, server: &PostgresServer) -> (Option<i32>, String) {
    let (file, mut command) = command(program, package, server);
    let output = command.output().expect("it runs");
    fs::remove_file(file).expect("the file");
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("a text")).concat();
    (output.status.code(), text)
}

/// Begins the same, with its log to read from.
pub(crate) fn begin(program: &str, package: &str, server: &PostgresServer) -> Child {
    let (_, mut command) = command(program, package, server);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs")
}

/// The first line of either output that holds the text; both are read to their end in the background.
pub(crate) fn line_with(child: &mut Child, text: &str) -> String {
    let (out, err) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
    let (found, lines) = std::sync::mpsc::channel();
    let second = found.clone();
    std::thread::spawn(move || {
        BufReader::new(out).lines().map_while(Result::ok).for_each(|line| drop(found.send(line)))
    });
    std::thread::spawn(move || {
        BufReader::new(err).lines().map_while(Result::ok).for_each(|line| drop(second.send(line)))
    });
    lines.iter().find(|line| line.contains(text)).expect("a line with it")
}

/// The file that it is configured by, and the command.
fn command(program: &str, package: &str, server: &PostgresServer) -> (PathBuf, Command) {
    let file = std::env::temp_dir().join(format!("danube-sink-dev-{}.toml", server.port));
    let shipped = fs::read_to_string(format!("{package}/connector.toml")).expect("the file");
    let here = format!("host = \"127.0.0.1\"\nport = {}", server.port);
    fs::write(&file, shipped.replace("host = \"localhost\"", &here)).expect("a folder");
    let mut command = Command::new(program);
    command.arg("dev").arg("--config").arg(&file);
    (file, command)
}
