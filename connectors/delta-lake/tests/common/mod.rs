//! Shared by the tests: the independent reader, and folders.

#![allow(dead_code, reason = "each test uses a part")]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "it serves tests alone")]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use danube_sink_tests::stores::{self, Kind, Python, Server};
use serde_json::{Value, json};

/// An empty folder.
pub(crate) fn folder(name: &str) -> PathBuf {
    stores::folder("delta-lake", name)
}

/// An S3 server that wants no keys, for connectors within the test's process.
pub(crate) async fn open_s3(name: &str) -> Server {
    Server::open(Kind::S3, folder(name)).await
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
pub(crate) struct Reader(Python);

impl Reader {
    pub(crate) fn start() -> Self {
        Self(Python::start(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/common/reader.py")))
    }

    pub(crate) fn read(&self, table: &str, options: &BTreeMap<String, String>) -> Read {
        Self::answered(&self.0.ask(&json!({ "table": table, "options": options })))
    }

    /// The rows that a query has, of the table `t` in a folder. Files whose statistics exclude the condition are not read.
    pub(crate) fn query(&self, table: &Path, query: &str) -> Read {
        Self::answered(&self.0.ask(&json!({ "table": table, "options": {}, "query": query })))
    }

    fn answered(answer: &Value) -> Read {
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
