//! A ClickHouse server of a test's own: on a free port, in a temporary folder.

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
    time::Duration,
};

use danube_sink_tests::{PATIENCE, free_port, wait_for_server};

/// The kind of server.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Engine {
    /// ClickHouse 18.16, as Debian has it.
    Old,
    /// A current engine behind the HTTP front of the tests.
    Current,
}

impl Engine {
    pub(crate) const ALL: [Self; 2] = [Self::Old, Self::Current];
}

/// Stopped, and its folder removed, when it is dropped.
pub(crate) struct Process {
    pub(crate) engine: Engine,
    folder: PathBuf,
    port: u16,
    child: Mutex<Option<Child>>,
}

impl Process {
    /// Starts ClickHouse 18.16 with an empty database, and returns when it answers.
    pub(crate) fn start() -> Self {
        Self::start_of(Engine::Old)
    }

    /// Starts a server with an empty database, and returns when it answers.
    pub(crate) fn start_of(engine: Engine) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("clickhouse-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        // A killed test of the same process id may have left one.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("data")).expect("a folder for temporary files");
        let port = free_port();
        // Current servers accept the old name of the root too.
        let config = format!(
            "<yandex>
               <logger><level>warning</level><log>server.log</log><errorlog>errors.log</errorlog></logger>
               <http_port>{port}</http_port><listen_host>127.0.0.1</listen_host>
               <path>data/</path><tmp_path>data/tmp/</tmp_path>
               <users_config>users.xml</users_config>
               <default_profile>default</default_profile><default_database>default</default_database>
               <mark_cache_size>5000000</mark_cache_size><timezone>UTC</timezone>
             </yandex>"
        );
        let user = |name: &str, password: &str, profile: &str| {
            let from = "<networks><ip>::/0</ip></networks><quota>default</quota>";
            format!("<{name}><password>{password}</password><profile>{profile}</profile>{from}</{name}>")
        };
        let users = ["default", "writer", "reader"].map(|name| match name {
            "writer" => user(name, "correct h&#246;rse", "default"),
            "reader" => user(name, "", "readonly"),
            _ => user(name, "", "default"),
        });
        let profiles = "<profiles><default/><readonly><readonly>1</readonly></readonly></profiles>";
        let users = format!("<yandex>{profiles}<users>{}</users><quotas><default/></quotas></yandex>", users.concat());
        fs::write(folder.join("config.xml"), config).expect("a file");
        fs::write(folder.join("users.xml"), users).expect("a file");
        let server = Self { engine, folder, port, child: Mutex::default() };
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
        let mut command = match self.engine {
            Engine::Old => {
                let mut command = Command::new(program());
                command.arg("--config-file=config.xml");
                command
            }
            Engine::Current => {
                let package = Path::new(env!("CARGO_MANIFEST_DIR"));
                let python = package.join("../../target/servers/chdb/bin/python");
                assert!(python.is_file(), "there is no chdb: run connectors/clickhouse/install-servers");
                let mut command = Command::new(python);
                command.arg(package.join("tests/support/chdb_http.py")).arg(self.port.to_string()).arg("data");
                command
            }
        };
        let command = command.current_dir(&self.folder);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        *self.child.lock().expect("no panic") = Some(child.expect("the server starts"));
        let log = || fs::read_to_string(self.folder.join("errors.log")).unwrap_or_default();
        wait_for_server(PATIENCE, || self.try_ask("SELECT 1").is_some(), log);
    }

    /// The CPU time of the process so far, in ticks of 10 ms.
    #[allow(dead_code, reason = "only a benchmark calls it")]
    pub(crate) fn cpu_ticks(&self) -> u64 {
        let id = self.child.lock().expect("no panic").as_ref().expect("it is running").id();
        let status = fs::read_to_string(format!("/proc/{id}/stat")).expect("the process");
        let (_, fields) = status.rsplit_once(')').expect("a name");
        let ticks = fields.split_whitespace().skip(11).take(2);
        ticks.map(|ticks| ticks.parse::<u64>().expect("a number")).sum()
    }

    /// Replaces users in the configuration, which Debian's server reloads by itself.
    #[allow(dead_code, reason = "one of the programs that have this module does not call it")]
    pub(crate) fn change_users(&self, old: &str, new: &str) {
        let file = self.folder.join("users.xml");
        let users = fs::read_to_string(&file).expect("a file");
        assert!(users.contains(old), "no {old} in {users}");
        // The server compares whole seconds of the file's time, at any moment.
        let changed = fs::metadata(&file).and_then(|old| old.modified()).expect("a file") + Duration::from_secs(2);
        let written = self.folder.join("users.new");
        fs::write(&written, users.replace(old, new)).expect("a file");
        fs::File::options().append(true).open(&written).and_then(|file| file.set_modified(changed)).expect("a file");
        fs::rename(written, file).expect("a file");
    }

    /// Ends it: with SIGTERM, or with SIGKILL.
    pub(crate) fn down(&self, signal: &str) {
        if let Some(mut child) = self.child.lock().expect("no panic").take() {
            let sent = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status();
            assert!(sent.expect("kill runs").success());
            child.wait().expect("it ends");
        }
    }

    /// The answer to a statement, which must succeed.
    pub(crate) fn ask(&self, statement: &str) -> String {
        let answer = self.try_ask(statement).expect("the server answers");
        assert!(answer.starts_with("HTTP/1.1 200") || answer.starts_with("HTTP/1.0 200"), "{statement}: {answer}");
        assert!(!answer.contains("DB::Exception"), "{statement}: {answer}");
        answer.split_once("\r\n\r\n").expect("a body").1.trim_end().to_owned()
    }

    /// Head and body of the answer, if the server is running.
    fn try_ask(&self, statement: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        let head = format!("POST / HTTP/1.0\r\nContent-Length: {}\r\n\r\n", statement.len());
        stream.write_all((head + statement).as_bytes()).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        Some(String::from_utf8_lossy(&answer).into_owned()).filter(|answer| !answer.is_empty())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.down("KILL");
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Finds the server's program, also in Debian's folder, which may not be on the path.
fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let found = folders.map(|folder| folder.join("clickhouse-server")).find(|program| Path::is_file(program));
    found.unwrap_or_else(|| panic!("there is no program clickhouse-server: run connectors/clickhouse/install-servers"))
}
