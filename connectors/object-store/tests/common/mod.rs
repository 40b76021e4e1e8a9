//! Shared by the tests: the independent reader, and places to read.

#![allow(dead_code, reason = "each test uses a part")]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "it serves tests alone")]

use std::path::{Path, PathBuf};

use danube_sink_tests::stores::{self, Python, Server};
use serde_json::{Value, json};

/// An empty folder.
pub(crate) fn folder(name: &str) -> PathBuf {
    stores::folder("object-store", name)
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

    pub(crate) fn at(server: &Server, prefix: &str) -> Self {
        Self { system: server.pyarrow(), root: server.root(prefix) }
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
pub(crate) struct Reader(Python);

impl Reader {
    pub(crate) fn start() -> Self {
        Self(Python::start(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/common/reader.py")))
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
        let answer = self.0.ask(&json!({ "place": place.system, "root": place.root, "column": column }));
        let file = |file: &Value| File {
            name: file["name"].as_str().expect("a name").to_owned(),
            size: file["size"].as_u64().expect("a size"),
            rows: file["rows"].as_array().expect("rows").clone(),
            schema: file["schema"].clone(),
        };
        answer.as_array().expect("files").iter().map(file).collect()
    }
}
