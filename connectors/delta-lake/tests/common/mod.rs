//! Shared by the tests: an independent reader, an S3 server, and folders.

#![allow(dead_code, reason = "each test uses a part")]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "it serves tests alone")]

mod one_writer_wins;

use std::{
    collections::BTreeMap,
    env, fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Mutex,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

const BUCKET: &str = "lake";
pub(crate) const ACCESS_KEY: &str = "reader-and-writer";
pub(crate) const SECRET_KEY: &str = "only-for-tests";
const PATIENCE: Duration = Duration::from_secs(30);
const INSTALL: &str = "run `connectors/delta-lake/install-servers` first";

fn target() -> PathBuf {
    let of_workspace = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    let folder = env::var_os("CARGO_TARGET_DIR").map_or_else(of_workspace, PathBuf::from);
    folder.canonicalize().expect("the target folder")
}

/// An empty folder.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = target().join(format!("tmp/delta-lake/{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder for temporary files");
    folder
}

/// The content of a table, from the independent reader.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) rows: Vec<Value>,
    pub(crate) columns: Value,
    pub(crate) version: u64,
    pub(crate) files: u64,
}

/// Delta's package from PyPI, in a process of its own.
pub(crate) struct Reader {
    process: Child,
    pipes: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
}

impl Reader {
    pub(crate) fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/common/reader.py");
        let mut command = Command::new(target().join("delta-lake/python/bin/python"));
        let command = command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect(INSTALL);
        let pipes = (process.stdin.take().expect("a pipe"), process.stdout.take().expect("a pipe"));
        Self { process, pipes: Mutex::new((pipes.0, BufReader::new(pipes.1))) }
    }

    pub(crate) fn read(&self, table: &str, options: &BTreeMap<String, String>) -> Read {
        let mut pipes = self.pipes.lock().expect("no panic");
        writeln!(pipes.0, "{}", json!({ "table": table, "options": options })).expect("the reader reads");
        let mut line = String::new();
        pipes.1.read_line(&mut line).expect("the reader answers");
        let answer: Value = serde_json::from_str(&line).expect(INSTALL);
        assert!(answer.get("error").is_none(), "{table}: {answer}");
        Read {
            rows: answer["rows"].as_array().expect("rows").clone(),
            columns: answer["columns"].clone(),
            version: answer["version"].as_u64().expect("a number"),
            files: answer["files"].as_u64().expect("a number"),
        }
    }

    /// The integers of a column.
    pub(crate) fn numbers(&self, table: &str, options: &BTreeMap<String, String>, column: &str) -> Vec<u64> {
        let number = |row: &Value| row[column].as_u64().expect("a number");
        self.read(table, options).rows.iter().map(number).collect()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An S3 server that keeps its objects in a folder, and can be killed and started again.
pub(crate) struct S3 {
    folder: PathBuf,
    port: u16,
    /// The port that clients use.
    front: u16,
    keys: bool,
    process: Mutex<Option<Child>>,
}

impl S3 {
    /// Starts a server that checks keys, or none.
    pub(crate) async fn start(name: &str, keys: bool) -> Self {
        let folder = folder(name);
        fs::create_dir(folder.join(BUCKET)).expect("a bucket");
        let free = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let front = one_writer_wins::front_of(port).expect("a free port");
        let server = Self { folder, port, front, keys, process: Mutex::default() };
        server.start_again().await;
        server
    }

    pub(crate) fn kill(&self) {
        let mut process = self.process.lock().expect("no panic").take().expect("it runs");
        process.kill().expect("it can be killed");
        process.wait().expect("it ends");
    }

    pub(crate) async fn start_again(&self) {
        let mut command = Command::new(target().join("delta-lake/bin/s3s-fs"));
        command.args(["--host", "127.0.0.1", "--port", &self.port.to_string()]).stdout(Stdio::null());
        if self.keys {
            command.args(["--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY]);
        }
        let process = command.arg(&self.folder).spawn().expect(INSTALL);
        *self.process.lock().expect("no panic") = Some(process);
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(started.elapsed() < PATIENCE, "the S3 server does not listen");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) fn table(&self, name: &str) -> String {
        format!("s3://{BUCKET}/{name}")
    }

    /// The folder with the objects of a table.
    pub(crate) fn objects(&self, name: &str) -> PathBuf {
        self.folder.join(BUCKET).join(name)
    }

    /// The storage options for connector and reader.
    pub(crate) fn options(&self) -> BTreeMap<String, String> {
        let endpoint = format!("http://127.0.0.1:{}", self.front);
        let mut options = BTreeMap::from([
            ("aws_endpoint".to_owned(), endpoint),
            ("aws_region".to_owned(), "us-east-1".to_owned()),
            ("aws_allow_http".to_owned(), "true".to_owned()),
        ]);
        if !self.keys {
            options.insert("aws_skip_signature".to_owned(), "true".to_owned());
        }
        options
    }

    /// The storage options with the keys, for the reader.
    pub(crate) fn options_with_keys(&self) -> BTreeMap<String, String> {
        let mut options = self.options();
        options.insert("aws_access_key_id".to_owned(), ACCESS_KEY.to_owned());
        options.insert("aws_secret_access_key".to_owned(), SECRET_KEY.to_owned());
        options
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        if let Ok(Some(mut process)) = self.process.lock().map(|mut process| process.take()) {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Options as TOML.
pub(crate) fn toml(options: &BTreeMap<String, String>) -> String {
    options.iter().map(|(name, value)| format!("{name} = '{value}'\n")).collect()
}
