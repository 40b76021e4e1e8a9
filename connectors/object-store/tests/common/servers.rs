//! Servers that speak the protocols of object stores, each in a process that can be killed and started again.

use std::{
    collections::BTreeMap,
    fs,
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Mutex,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{INSTALL, Location, folder, tools};

const BUCKET: &str = "lake";
const PATIENCE: Duration = Duration::from_secs(120);
/// What Azurite's public documentation has for everyone.
const ACCOUNT: &str = "devstoreaccount1";
const ACCOUNT_KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// The protocol of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    S3,
    Azure,
    /// It does not write by the protocol of `object_store`.
    Google,
}

/// A server with an empty bucket.
pub(crate) struct Server {
    kind: Kind,
    /// Whether it wants keys.
    keys: bool,
    folder: PathBuf,
    port: u16,
    process: Mutex<Option<Child>>,
}

impl Server {
    pub(crate) async fn start(kind: Kind, name: &str) -> Self {
        Self::new(kind, name, kind != Kind::Google).await
    }

    /// An S3 server that wants no keys, for connectors within the test's process.
    pub(crate) async fn open(kind: Kind, name: &str) -> Self {
        Self::new(kind, name, false).await
    }

    async fn new(kind: Kind, name: &str, keys: bool) -> Self {
        let free = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let server = Self { kind, keys, folder: folder(name), port, process: Mutex::default() };
        if kind == Kind::S3 {
            fs::create_dir(server.folder.join(BUCKET)).expect("a bucket");
        }
        server.start_again().await;
        server.make_bucket();
        server
    }

    /// Kills the server; Azurite is stopped, since it forgets what it has acknowledged when it is killed.
    pub(crate) fn kill(&self) {
        let mut process = self.process.lock().expect("no panic").take().expect("it runs");
        match self.kind {
            Kind::Azure => {
                let stopped = Command::new("kill").args(["-s", "TERM", &process.id().to_string()]).status();
                assert!(stopped.expect("kill runs").success());
            }
            _ => process.kill().expect("it can be killed"),
        }
        process.wait().expect("it ends");
    }

    pub(crate) async fn start_again(&self) {
        let port = self.port.to_string();
        let mut command = match self.kind {
            Kind::S3 => {
                let mut command = Command::new(tools().join("bin/s3s-fs"));
                command.args(["--host", "127.0.0.1", "--port", &port]);
                if self.keys {
                    command.args(["--access-key", "key", "--secret-key", "secret"]);
                }
                command.arg(&self.folder);
                command
            }
            Kind::Azure => {
                let mut command = Command::new(tools().join("node/node_modules/.bin/azurite-blob"));
                command.args([
                    "--blobPort",
                    &port,
                    "--silent",
                    "--skipApiVersionCheck",
                    "--disableTelemetry",
                    "--location",
                ]);
                command.arg(&self.folder);
                command
            }
            Kind::Google => {
                let mut command = Command::new(tools().join("python/bin/gcp-storage-emulator"));
                command.args([
                    "start",
                    "--in-memory",
                    "--host",
                    "127.0.0.1",
                    "--port",
                    &port,
                    "--default-bucket",
                    BUCKET,
                ]);
                command
            }
        };
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect(INSTALL);
        *self.process.lock().expect("no panic") = Some(process);
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(started.elapsed() < PATIENCE, "the server does not listen");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Azurite begins without a container, and pyarrow makes one.
    fn make_bucket(&self) {
        if self.kind != Kind::Azure {
            return;
        }
        let script = format!(
            "import pyarrow.fs; s = pyarrow.fs.AzureFileSystem(account_name='{ACCOUNT}', account_key='{ACCOUNT_KEY}', \
             blob_storage_authority='{0}', dfs_storage_authority='{0}', blob_storage_scheme='http', dfs_storage_scheme='http'); \
             s.create_dir('{BUCKET}')",
            self.address()
        );
        let made = Command::new(tools().join("python/bin/python")).args(["-c", &script]).status().expect(INSTALL);
        assert!(made.success(), "no container");
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The `url` of the connector.
    pub(crate) fn url(&self, prefix: &str) -> String {
        let scheme = match self.kind {
            Kind::S3 => "s3",
            Kind::Azure => "az",
            Kind::Google => "gs",
        };
        format!("{scheme}://{BUCKET}/{prefix}")
    }

    /// The folder of the S3 server with the objects, which is readable while the server is away.
    pub(crate) fn objects(&self, prefix: &str) -> Location {
        Location::folder(&self.folder.join(BUCKET).join(prefix))
    }

    /// What the independent reader needs.
    pub(crate) fn place(&self, prefix: &str) -> Location {
        let endpoint = self.address();
        let system: Value = match self.kind {
            Kind::S3 if self.keys => json!({ "kind": "s3", "endpoint": endpoint, "key": "key", "secret": "secret" }),
            Kind::S3 => json!({ "kind": "s3", "endpoint": endpoint, "key": null, "secret": null }),
            Kind::Azure => json!({ "kind": "azure", "endpoint": endpoint, "account": ACCOUNT, "key": ACCOUNT_KEY }),
            Kind::Google => json!({ "kind": "google", "endpoint": endpoint }),
        };
        Location { system, root: format!("{BUCKET}/{prefix}") }
    }

    /// The connector's `storage_options`, as TOML.
    pub(crate) fn options(&self) -> String {
        let endpoint = format!("http://{}", self.address());
        let options = match self.kind {
            Kind::S3 => BTreeMap::from([
                ("aws_endpoint", endpoint),
                ("aws_region", "us-east-1".to_owned()),
                ("aws_allow_http", "true".to_owned()),
                ("aws_skip_signature", (!self.keys).to_string()),
            ]),
            Kind::Azure => BTreeMap::from([
                ("azure_storage_account_name", ACCOUNT.to_owned()),
                ("azure_storage_endpoint", format!("{endpoint}/{ACCOUNT}")),
                ("azure_allow_http", "true".to_owned()),
            ]),
            Kind::Google => {
                let account = json!({ "gcs_base_url": endpoint, "disable_oauth": true, "client_email": "", "private_key": "",
                    "private_key_id": "" });
                let file = self.folder.join("account.json");
                fs::write(&file, account.to_string()).expect("a file");
                let file = file.display().to_string();
                BTreeMap::from([("google_service_account", file), ("allow_http", "true".to_owned())])
            }
        };
        options.iter().map(|(name, value)| format!("{name} = '{value}'\n")).collect()
    }

    /// The secrets of the connector, as variables.
    pub(crate) fn secrets(&self) -> Vec<(&'static str, &'static str)> {
        match self.kind {
            Kind::S3 => vec![("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret")],
            Kind::Azure => vec![("AZURE_STORAGE_ACCOUNT_KEY", ACCOUNT_KEY)],
            Kind::Google => vec![],
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(Some(mut process)) = self.process.lock().map(|mut process| process.take()) {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
