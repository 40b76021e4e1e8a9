//! A PgBouncer for one test.

use std::{
    fs,
    io::ErrorKind,
    net::TcpStream,
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use danube_sink_tests::free_port;

use super::server::{NOBODY, PostgresServer, is_root};

/// A pooler in front of a server, with its own defaults but for the mode; it ends with the test.
pub(super) struct Bouncer {
    child: Child,
    command: Command,
    folder: PathBuf,
    pub(super) port: u16,
}

impl Bouncer {
    /// `mode` is `transaction` or `session`; `settings` are further lines of its configuration.
    pub(super) async fn start(server: &PostgresServer, mode: &str, settings: &str) -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/servers/pgbouncer/pgbouncer");
        let program = match program.canonicalize() {
            Ok(program) => program,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                panic!("this test starts PgBouncer, which is not installed: run connectors/postgres/install-servers")
            }
            Err(error) => panic!("{}: {error}", program.display()),
        };
        let port = free_port();
        let folder = std::env::temp_dir().join(format!("danube-sink-bouncer-{}-{port}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        let (users, file) = (folder.join("users.txt"), folder.join("pgbouncer.ini"));
        fs::write(&users, "\"postgres\" \"\"\n\"writer\" \"s3cret\"\n").unwrap();
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = trust\nauth_file = {}\npool_mode = {mode}\n{settings}\n",
            server.port,
            users.display()
        );
        fs::write(&file, text).unwrap();
        let mut command = Command::new(program);
        if is_root() {
            for path in [&folder, &users, &file] {
                chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
            }
            command.uid(NOBODY).gid(NOBODY);
        }
        command.arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
        let bouncer = Self { child: command.spawn().unwrap(), command, folder, port };
        bouncer.listens().await;
        bouncer
    }

    /// Restarts it.
    pub(super) async fn restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = self.command.spawn().unwrap();
        self.listens().await;
    }

    async fn listens(&self) {
        let listens = async || TcpStream::connect(("127.0.0.1", self.port)).is_ok();
        danube_sink_tests::until("PgBouncer listens", listens).await;
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
