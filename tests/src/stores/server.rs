//! Servers that speak the protocols of object stores, each in a process that can be killed and started again.

use std::{
    collections::BTreeMap,
    env, fs, mem,
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Mutex,
    time::Duration,
};

use serde_json::{Value, json};

use super::{INSTALL, proxy, python::python, tools};
use crate::{free_port, until};

const BUCKET: &str = "lake";
/// What Azurite's public documentation has for everyone.
const ACCOUNT: &str = "devstoreaccount1";
const ACCOUNT_KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// The variable by which clients find Azurite. Without it, they would ask it for what it does not have.
const AZURITE: &str = "AZURITE_BLOB_STORAGE_URL";

/// Runs an ignored test of this program in another process, whose variable says where its Azurite will be.
pub fn with_azurite(test: &str) {
    let mut command = Command::new(env::current_exe().expect("a program"));
    let command =
        command.args(["--exact", test, "--ignored"]).env(AZURITE, format!("http://127.0.0.1:{}", free_port()));
    let output = command.output().expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// The protocol of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `s3s-fs`, which keeps objects in a folder, behind a proxy that makes conditional writes atomic.
    S3,
    /// Azurite.
    Azure,
    /// `gcp-storage-emulator`, which does not write by the protocol of `object_store`.
    Google,
}

/// A server with an empty bucket.
#[derive(Debug)]
pub struct Server {
    kind: Kind,
    /// Whether it wants keys.
    keys: bool,
    folder: PathBuf,
    port: u16,
    /// The port that clients use.
    front: u16,
    watch: proxy::Shared,
    process: Mutex<Option<Child>>,
}

impl Server {
    /// Starts a server that wants keys, but for Google's, which knows none.
    pub async fn start(kind: Kind, folder: PathBuf) -> Self {
        Self::new(kind, folder, kind != Kind::Google).await
    }

    /// Starts an S3 server that wants no keys, for connectors within the test's process.
    pub async fn open(kind: Kind, folder: PathBuf) -> Self {
        Self::new(kind, folder, false).await
    }

    async fn new(kind: Kind, folder: PathBuf, keys: bool) -> Self {
        let of_variable = env::var(AZURITE).ok().filter(|_| kind == Kind::Azure);
        let port = of_variable.and_then(|url| url.rsplit_once(':')?.1.parse().ok()).unwrap_or_else(free_port);
        let watch = proxy::Shared::default();
        let front = match kind {
            Kind::S3 => {
                fs::create_dir(folder.join(BUCKET)).expect("a bucket");
                proxy::before(port, watch.clone()).expect("a free port")
            }
            _ => port,
        };
        let server = Self { kind, keys, folder, port, front, watch, process: Mutex::default() };
        server.start_again().await;
        server.make_bucket();
        server
    }

    /// Kills the server; Azurite is stopped, since it forgets what it has acknowledged when it is killed.
    pub fn kill(&self) {
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

    /// Starts a killed server with the objects that it had.
    pub async fn start_again(&self) {
        let process = self.command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect(INSTALL);
        *self.process.lock().expect("no panic") = Some(process);
        until("the server listens", async || TcpStream::connect(("127.0.0.1", self.port)).is_ok()).await;
    }

    fn command(&self) -> Command {
        let port = self.port.to_string();
        let program = match self.kind {
            Kind::S3 => "bin/s3s-fs",
            Kind::Azure => "node/node_modules/.bin/azurite-blob",
            Kind::Google => "python/bin/gcp-storage-emulator",
        };
        let mut command = Command::new(tools().join(program));
        match self.kind {
            Kind::S3 => {
                command.args(["--host", "127.0.0.1", "--port", &port]);
                if self.keys {
                    command.args(["--access-key", "key", "--secret-key", "secret"]);
                }
                command.arg(&self.folder);
            }
            Kind::Azure => {
                let fixed = ["--silent", "--skipApiVersionCheck", "--disableTelemetry", "--location"];
                command.args(["--blobPort", &port]).args(fixed).arg(&self.folder);
            }
            Kind::Google => {
                let fixed = ["start", "--in-memory", "--host", "127.0.0.1", "--default-bucket", BUCKET];
                command.args(fixed).args(["--port", &port]);
            }
        }
        command
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
        python(&script);
    }

    /// The requests to the S3 server so far, each as `METHOD URI`.
    pub fn requests(&self) -> Vec<String> {
        self.watch.lock().requests.clone()
    }

    /// The most requests that were in progress at the S3 server at once since the last call.
    pub fn take_most_at_once(&self) -> usize {
        let mut watch = self.watch.lock();
        let in_progress = watch.in_progress;
        mem::replace(&mut watch.most_at_once, in_progress)
    }

    /// From now on, the S3 server answers these requests, each as `METHOD URI`, with status 403.
    pub fn refuse(&self, refused: fn(&str) -> bool) {
        self.watch.lock().refused = Some(refused);
    }

    /// From now on, the S3 server delays each answer.
    pub fn delay(&self, delay: Duration) {
        self.watch.lock().delay = delay;
    }

    /// From now on, the S3 server holds these requests, each as `METHOD URI`, until this is called again. It is asked once for each.
    pub fn hold(&self, held: fn(&str) -> bool) {
        let mut watch = self.watch.lock();
        (watch.held, watch.holds) = (Some(held), watch.holds + 1);
    }

    /// The host and the port for clients.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.front)
    }

    /// The URL of objects with this prefix.
    pub fn url(&self, prefix: &str) -> String {
        let scheme = match self.kind {
            Kind::S3 => "s3",
            Kind::Azure => "az",
            Kind::Google => "gs",
        };
        format!("{scheme}://{}", self.root(prefix))
    }

    /// The bucket, and the prefix within it.
    pub fn root(&self, prefix: &str) -> String {
        format!("{BUCKET}/{prefix}")
    }

    /// The folder of the S3 server with the objects of a prefix, which is readable while the server is killed.
    pub fn objects(&self, prefix: &str) -> PathBuf {
        self.folder.join(BUCKET).join(prefix)
    }

    /// What pyarrow needs to read from the server.
    pub fn pyarrow(&self) -> Value {
        let endpoint = self.address();
        match self.kind {
            Kind::S3 if self.keys => json!({ "kind": "s3", "endpoint": endpoint, "key": "key", "secret": "secret" }),
            Kind::S3 => json!({ "kind": "s3", "endpoint": endpoint, "key": null, "secret": null }),
            Kind::Azure => json!({ "kind": "azure", "endpoint": endpoint, "account": ACCOUNT, "key": ACCOUNT_KEY }),
            Kind::Google => json!({ "kind": "google", "endpoint": endpoint }),
        }
    }

    /// The options of the store for `storage_options`, without secrets.
    pub fn options(&self) -> BTreeMap<String, String> {
        let endpoint = format!("http://{}", self.address());
        let options = match self.kind {
            Kind::S3 => vec![
                ("aws_endpoint", endpoint),
                ("aws_region", "us-east-1".to_owned()),
                ("aws_allow_http", "true".to_owned()),
                ("aws_skip_signature", (!self.keys).to_string()),
            ],
            Kind::Azure => vec![
                ("azure_storage_account_name", ACCOUNT.to_owned()),
                ("azure_storage_endpoint", format!("{endpoint}/{ACCOUNT}")),
                ("azure_allow_http", "true".to_owned()),
                ("azure_storage_use_emulator", "true".to_owned()),
            ],
            Kind::Google => {
                let account = json!({ "gcs_base_url": endpoint, "disable_oauth": true, "client_email": "", "private_key": "",
                    "private_key_id": "" });
                let file = self.folder.join("account.json");
                fs::write(&file, account.to_string()).expect("a file");
                vec![("google_service_account", file.display().to_string()), ("allow_http", "true".to_owned())]
            }
        };
        options.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The options of the store with its keys, for a reader.
    pub fn options_with_keys(&self) -> BTreeMap<String, String> {
        let mut options = self.options();
        for (name, value) in self.variables() {
            options.insert(if name == AZURITE { name.to_owned() } else { name.to_lowercase() }, value);
        }
        options
    }

    /// The secrets of the connector, and what else it needs, as variables.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        match self.kind {
            Kind::S3 if self.keys => {
                vec![("AWS_ACCESS_KEY_ID", "key".to_owned()), ("AWS_SECRET_ACCESS_KEY", "secret".to_owned())]
            }
            Kind::Azure => vec![
                ("AZURE_STORAGE_ACCOUNT_KEY", ACCOUNT_KEY.to_owned()),
                (AZURITE, format!("http://{}", self.address())),
            ],
            _ => vec![],
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
