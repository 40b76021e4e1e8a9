//! Child processes of the benchmark: this program again, which exchanges JSON lines with its parent.

use std::{
    fs,
    io::{BufRead, BufReader, Write, stdin, stdout},
    process::{Child as Process, ChildStdin, ChildStdout, Command, Stdio},
};

use serde::{Serialize, de::DeserializeOwned};

use crate::roles::Role;

/// A child process that runs a [`Role`]. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Child {
    process: Process,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Child {
    pub(crate) fn start(role: &Role) -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut command = Command::new(program);
        command.args(["--child", &serde_json::to_string(role).expect("JSON")]);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a process");
        let input = process.stdin.take();
        let output = BufReader::new(process.stdout.take().expect("it is piped"));
        Self { process, input, output }
    }

    /// Receives a message from the child: the next line of its output.
    pub(crate) fn receive<T: DeserializeOwned>(&mut self) -> T {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("its output");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("`{line}` of a child process: {error}"))
    }

    /// Sends a message to the child, as a line of its input.
    pub(crate) fn send(&mut self, message: &impl Serialize) {
        let mut line = serde_json::to_vec(message).expect("JSON");
        line.push(b'\n');
        self.input.as_mut().expect("it is piped").write_all(&line).expect("it runs");
    }

    /// Memory of the child in MiB: a line of `/proc/PID/status`, such as `VmRSS`. `None` without `/proc`.
    pub(crate) fn memory(&self, line: &str) -> Option<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let line = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'))?;
        let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse().ok()?;
        Some(kilobytes / 1024.0)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Sends a message from the child to its parent.
pub(crate) fn send_to_parent(message: &impl Serialize) {
    let mut line = serde_json::to_vec(message).expect("JSON");
    line.push(b'\n');
    let mut output = stdout().lock();
    output.write_all(&line).and_then(|()| output.flush()).expect("the parent reads");
}

/// Receives a message from the parent, in the child. The child exits when the parent has exited.
pub(crate) fn receive_from_parent<T: DeserializeOwned>() -> T {
    let mut line = String::new();
    if stdin().lock().read_line(&mut line).unwrap_or_default() == 0 {
        std::process::exit(0);
    }
    serde_json::from_str(&line).expect("the parent sends JSON")
}

/// CPU time of this process so far, in seconds. `None` where the system does not count it.
///
/// Linux counts nanoseconds for each thread. Threads that ended are missing, so call this while the runtime lives.
pub(crate) fn cpu_seconds() -> Option<f64> {
    let mut nanoseconds = 0;
    for task in fs::read_dir("/proc/self/task").ok()? {
        // The thread may end meanwhile.
        let Ok(statistics) = fs::read_to_string(task.ok()?.path().join("schedstat")) else { continue };
        nanoseconds += statistics.split(' ').next()?.parse::<u64>().ok()?;
    }
    (nanoseconds > 0).then_some(nanoseconds as f64 / 1e9)
}
