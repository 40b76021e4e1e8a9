//! This program again in a process of its own, and the JSON lines that both exchange.

use std::{
    fs,
    io::{BufRead, BufReader, Write, stdin, stdout},
    process::{Child as Process, ChildStdin, ChildStdout, Command, Stdio},
};

use serde::{Serialize, de::DeserializeOwned};

use crate::roles::Role;

/// A process that plays a role. It is killed when this is dropped.
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

    /// The next line that it prints.
    pub(crate) fn hears<T: DeserializeOwned>(&mut self) -> T {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("its output");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("`{line}` of a child process: {error}"))
    }

    /// Writes a line to it.
    pub(crate) fn tells(&mut self, message: &impl Serialize) {
        let mut line = serde_json::to_vec(message).expect("JSON");
        line.push(b'\n');
        self.input.as_mut().expect("it is piped").write_all(&line).expect("it runs");
    }

    /// A line of what Linux tells of its memory, such as `VmRSS`, in MiB.
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

/// In the child: prints a line to the parent.
pub(crate) fn tell(message: &impl Serialize) {
    let mut line = serde_json::to_vec(message).expect("JSON");
    line.push(b'\n');
    let mut output = stdout().lock();
    output.write_all(&line).and_then(|()| output.flush()).expect("the parent reads");
}

/// In the child: the next line of the parent. The process ends when the parent has gone.
pub(crate) fn hear<T: DeserializeOwned>() -> T {
    let mut line = String::new();
    if stdin().lock().read_line(&mut line).unwrap_or_default() == 0 {
        std::process::exit(0);
    }
    serde_json::from_str(&line).expect("what the parent says is JSON")
}

/// The CPU time of this process so far, in seconds.
///
/// Linux counts each thread in nanoseconds; threads that ended are missing, so it is asked while the runtime lives. `None`
/// where the system has no such count.
pub(crate) fn cpu_seconds() -> Option<f64> {
    let mut nanoseconds = 0;
    for task in fs::read_dir("/proc/self/task").ok()? {
        // It may end meanwhile.
        let Ok(statistics) = fs::read_to_string(task.ok()?.path().join("schedstat")) else { continue };
        nanoseconds += statistics.split(' ').next()?.parse::<u64>().ok()?;
    }
    (nanoseconds > 0).then_some(nanoseconds as f64 / 1e9)
}
