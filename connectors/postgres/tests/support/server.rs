//! A PostgreSQL server for one test, in its own folder.

#![allow(clippy::expect_used, dead_code, reason = "it serves tests, and each needs something else")]

use std::{
    fs,
    io::ErrorKind,
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::atomic::{AtomicU32, Ordering},
};

use danube_sink_tests::free_port;
use tokio_postgres::{Client, Config, NoTls};

/// The user id to run servers as: PostgreSQL refuses to run as root.
pub(crate) const NOBODY: u32 = 65_534;

/// Which of the installed servers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Program {
    /// PostgreSQL 17 with TLS.
    Postgresql,
    /// PostgreSQL 18 with pgvector.
    Pgvector,
}

/// A server; it ends with the test.
#[derive(Debug)]
pub(crate) struct PostgresServer {
    programs: PathBuf,
    folder: PathBuf,
    pub(crate) port: u16,
}

impl PostgresServer {
    /// Starts a fresh server, which trusts user `postgres`, and requires TLS and a password of user `writer`.
    pub(crate) fn start(program: Program) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let (programs, data) = match program {
            Program::Postgresql => (installed("postgresql/bin"), installed("postgresql-data")),
            Program::Pgvector => (installed("pgvector/bin"), installed("pgvector-data")),
        };
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("danube-sink-postgres-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).expect("a folder");
        let port = free_port();
        let server = Self { programs, folder, port };
        if is_root() {
            chown(&server.folder, Some(NOBODY), Some(NOBODY)).expect("root gives folders away");
        }
        let copied = Command::new("cp").arg("--archive").args([&data, &server.data()]).status().expect("cp");
        assert!(copied.success(), "{} cannot be copied", data.display());
        let settings = format!(
            "port = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\nlog_timezone = UTC\n"
        );
        server.write("postgresql.auto.conf", &settings);
        server.write(
            "pg_hba.conf",
            "hostssl all writer 127.0.0.1/32 scram-sha-256\nhost all postgres 127.0.0.1/32 trust\n",
        );
        server.start_again();
        server
    }

    /// Writes a file into the server's folder.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.data().join(name);
        fs::write(&path, text).expect("the server's folder");
        if is_root() {
            chown(&path, Some(NOBODY), Some(NOBODY)).expect("root gives files away");
        }
        // A private key that others may read is refused.
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(&path, mode).expect("a file of its own");
    }

    /// Starts the stopped server on the same port, and returns when it accepts connections.
    pub(crate) fn start_again(&self) {
        let log = self.folder.join("log");
        // Processes of a killed server have to end first.
        for _ in 0..100 {
            let output = self.command("pg_ctl").args(["start", "--wait", "--log"]).arg(&log).output().expect("pg_ctl");
            if output.status.success() {
                return;
            }
        }
        panic!("PostgreSQL does not start:\n{}", fs::read_to_string(log).unwrap_or_default());
    }

    /// Stops it: `fast` lets no transaction finish, `immediate` does not even write what is in memory.
    pub(crate) fn stop(&self, mode: &str) {
        self.run("pg_ctl", &["stop", "--wait", "--mode", mode]);
    }

    /// Kills it, as a machine that runs out of memory does.
    pub(crate) fn kill(&self) {
        let file = fs::read_to_string(self.data().join("postmaster.pid")).expect("it runs");
        let id = file.lines().next().expect("its number");
        assert!(Command::new("kill").args(["-KILL", id]).status().expect("kill").success());
    }

    /// The server and its database as settings of a connector.
    pub(crate) fn toml(&self, section: &str) -> String {
        let port = self.port;
        format!(
            "[{section}.server]\nhost = '127.0.0.1'\nport = {port}\nuser = 'postgres'\ndatabase = 'postgres'\ntls = false\n"
        )
    }

    /// A connection of the test's own.
    pub(crate) async fn client(&self) -> Client {
        connected("127.0.0.1", self.port).await
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.current_dir(&self.folder).arg("--pgdata").arg(self.data());
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let output = self.command(program).args(arguments).output();
        let output = output.unwrap_or_else(|error| panic!("{}/{program}: {error}", self.programs.display()));
        assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
        output
    }
}

/// What `install-servers` has made.
fn installed(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/servers").join(name);
    match path.canonicalize() {
        Ok(path) => path,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            panic!("this test starts PostgreSQL, which is not installed: run connectors/postgres/install-servers")
        }
        Err(error) => panic!("{}: {error}", path.display()),
    }
}

/// A connection of user `postgres`.
pub(crate) async fn connected(host: &str, port: u16) -> Client {
    let mut config = Config::new();
    config.host(host).port(port).user("postgres").dbname("postgres");
    let (client, connection) = config.connect(NoTls).await.expect("the server runs");
    tokio::spawn(connection);
    client
}

/// Whether the tests run as root.
pub(crate) fn is_root() -> bool {
    std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self").expect("Linux")) == 0
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        let _ = self.command("pg_ctl").args(["stop", "--wait", "--mode", "immediate"]).output();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
