//! An engine of Qdrant behind the HTTP front of the tests: on a free port, in a temporary folder.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use danube_sink_tests::{PATIENCE, free_port, wait_for_server};
use serde_json::{Value, json};

/// Stopped, and its folder removed, when it is dropped.
pub(crate) struct Process {
    folder: PathBuf,
    port: u16,
    child: Mutex<Option<Child>>,
}

impl Process {
    /// Starts a server without collections, and returns when it answers.
    pub(crate) fn start() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("qdrant-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        // A killed test of the same process id may have left one.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).expect("a folder for temporary files");
        let server = Self { folder, port: free_port(), child: Mutex::default() };
        server.up();
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// Starts it with its existing data.
    pub(crate) fn up(&self) {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = package.join("../../target/servers/qdrant/bin/python");
        assert!(python.is_file(), "there is no engine of Qdrant: run connectors/qdrant/install-servers");
        let mut command = Command::new(python);
        command.arg(package.join("tests/support/qdrant_http.py")).arg(self.port.to_string()).arg(&self.folder);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        *self.child.lock().expect("no panic") = Some(child.expect("the server starts"));
        wait_for_server(PATIENCE, || self.ask("GET", "/", &Value::Null).is_some(), String::new);
    }

    /// Ends it: with SIGTERM, or with SIGKILL.
    pub(crate) fn down(&self, signal: &str) {
        if let Some(mut child) = self.child.lock().expect("no panic").take() {
            let sent = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status();
            assert!(sent.expect("kill runs").success());
            child.wait().expect("it ends");
        }
    }

    /// Creates a collection, as its owner would.
    pub(crate) fn create(&self, collection: &str, body: &Value) {
        self.done("PUT", &format!("/collections/{collection}"), body);
    }

    /// Answers every write with this status and message; `null` ends it.
    pub(crate) fn answer(&self, answer: &Value) {
        self.done("PUT", "/front/answer", answer);
    }

    /// The number of requests to collections since the start.
    pub(crate) fn requests(&self) -> u64 {
        self.done("GET", "/front/requests", &Value::Null).as_u64().expect("a number")
    }

    /// The description of a collection, if it exists.
    pub(crate) fn info(&self, collection: &str) -> Option<Value> {
        let (status, answer) = self.ask("GET", &format!("/collections/{collection}"), &Value::Null).expect("an answer");
        (status == 200).then(|| answer["result"].clone())
    }

    /// The points of a collection, by id; none without the collection.
    pub(crate) fn points(&self, collection: &str) -> Vec<Value> {
        let body = json!({ "limit": 1_000_000, "with_vector": true });
        let path = format!("/collections/{collection}/points/scroll");
        let (status, mut answer) = self.ask("POST", &path, &body).expect("an answer");
        match (status, answer["result"]["points"].take()) {
            (200, Value::Array(points)) => points,
            (404, _) => Vec::new(),
            other => panic!("{other:?}"),
        }
    }

    /// The result of a request, which must succeed.
    pub(crate) fn done(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.ask(method, path, body).expect("an answer");
        assert_eq!(status, 200, "{method} {path}: {answer}");
        answer["result"].clone()
    }

    /// The status and body of an answer, if the server is running.
    fn ask(&self, method: &str, path: &str, body: &Value) -> Option<(u16, Value)> {
        let mut stream = TcpStream::connect(self.address()).ok()?;
        let body = body.to_string();
        let head = format!("{method} {path} HTTP/1.0\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all((head + &body).as_bytes()).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        let answer = String::from_utf8(answer).expect("a text");
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, serde_json::from_str(body).ok()?))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.down("KILL");
        let _ = fs::remove_dir_all(&self.folder);
    }
}
