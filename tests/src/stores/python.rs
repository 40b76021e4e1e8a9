//! A reader in Python, which shares no code with the connectors.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Mutex,
};

use serde_json::Value;

use super::{INSTALL, tools};

/// A Python script in a process of its own, which answers each line of JSON with a line of JSON.
#[derive(Debug)]
pub struct Python {
    process: Child,
    pipes: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
}

impl Python {
    /// Starts a script with the packages that `install-servers` has installed.
    pub fn start(script: &Path) -> Self {
        let mut command = Command::new(tools().join("python/bin/python"));
        let command = command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect(INSTALL);
        let pipes = (process.stdin.take().expect("a pipe"), process.stdout.take().expect("a pipe"));
        Self { process, pipes: Mutex::new((pipes.0, BufReader::new(pipes.1))) }
    }

    /// The script's answer.
    pub fn ask(&self, question: &Value) -> Value {
        let mut pipes = self.pipes.lock().expect("no panic");
        writeln!(pipes.0, "{question}").expect("the reader reads");
        let mut line = String::new();
        pipes.1.read_line(&mut line).expect("the reader answers");
        let answer: Value = serde_json::from_str(&line).expect(INSTALL);
        assert!(answer.get("error").is_none(), "{question}: {answer}");
        answer
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs a script, which must succeed.
pub fn python(script: &str) {
    let ended = std::process::Command::new(tools().join("python/bin/python")).args(["-c", script]).status();
    assert!(ended.expect(INSTALL).success(), "{script}");
}
