//! Shared by the tests: an independent reader, servers, and folders.

#![allow(dead_code, reason = "each test uses a part")]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "it serves tests alone")]

mod servers;

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Mutex,
};

use serde_json::{Value, json};

#[allow(unused_imports, reason = "each test uses a part")]
pub(crate) use self::servers::{Kind, Server};

const INSTALL: &str = "run `connectors/object-store/install-servers` first";

fn target() -> PathBuf {
    let of_workspace = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    let folder = env::var_os("CARGO_TARGET_DIR").map_or_else(of_workspace, PathBuf::from);
    folder.canonicalize().expect("the target folder")
}

/// The programs that `install-servers` has installed.
fn tools() -> PathBuf {
    target().join("object-store")
}

/// An empty folder.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = target().join(format!("tmp/object-store/{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder for temporary files");
    folder
}

/// A place to read: a folder, or a bucket of a server.
#[derive(Debug, Clone)]
pub(crate) struct Location {
    pub(crate) system: Value,
    pub(crate) root: String,
}

impl Location {
    pub(crate) fn folder(folder: &Path) -> Self {
        Self { system: json!({ "kind": "folder" }), root: folder.display().to_string() }
    }
}

/// A file, as the independent reader sees it.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) size: u64,
    pub(crate) rows: Vec<Value>,
    pub(crate) schema: Value,
}

/// pyarrow and fastavro, in a process of their own.
pub(crate) struct Reader {
    process: Child,
    pipes: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
}

impl Reader {
    pub(crate) fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/common/reader.py");
        let mut command = Command::new(tools().join("python/bin/python"));
        let command = command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect(INSTALL);
        let pipes = (process.stdin.take().expect("a pipe"), process.stdout.take().expect("a pipe"));
        Self { process, pipes: Mutex::new((pipes.0, BufReader::new(pipes.1))) }
    }

    /// The files below the place, by name.
    pub(crate) fn files(&self, place: &Location) -> Vec<File> {
        self.read(place, None)
    }

    /// The numbers of a column, sorted, and the sizes of the files.
    pub(crate) fn numbers(&self, place: &Location, column: &str) -> (Vec<u64>, Vec<u64>) {
        let files = self.read(place, Some(column));
        let number = |value: &Value| value.as_u64().or_else(|| value.as_str()?.parse().ok()).expect("a number");
        let mut numbers: Vec<_> = files.iter().flat_map(|file| &file.rows).map(number).collect();
        numbers.sort_unstable();
        (numbers, files.iter().map(|file| file.size).collect())
    }

    fn read(&self, place: &Location, column: Option<&str>) -> Vec<File> {
        let mut pipes = self.pipes.lock().expect("no panic");
        let asked = json!({ "place": place.system, "root": place.root, "column": column });
        writeln!(pipes.0, "{asked}").expect("the reader reads");
        let mut line = String::new();
        pipes.1.read_line(&mut line).expect("the reader answers");
        let answer: Value = serde_json::from_str(&line).expect(INSTALL);
        let file = |file: &Value| File {
            name: file["name"].as_str().expect("a name").to_owned(),
            size: file["size"].as_u64().expect("a size"),
            rows: file["rows"].as_array().expect("rows").clone(),
            schema: file["schema"].clone(),
        };
        answer.as_array().unwrap_or_else(|| panic!("{asked}: {answer}")).iter().map(file).collect()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
