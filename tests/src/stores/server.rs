//! Servers that speak the protocols of object stores, each in a process or threads that can be killed and started again.

use std::{
    collections::BTreeMap,
    env, fs, mem,
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use hyper::StatusCode;
use serde_json::{Value, json};

use super::{
    INSTALL,
    google::{Google, Threads},
    proxy,
    python::python,
    tools,
};
use crate::{free_port, until};

const BUCKET: &str = "lake";
/// What Azurite's public documentation has for everyone.
const ACCOUNT: &str = "devstoreaccount1";
const ACCOUNT_KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// An account of Google for requests with an empty token.
pub const WITHOUT_TOKENS: &str =
    r#"{"disable_oauth": true, "client_email": "", "private_key": "", "private_key_id": ""}"#;

/// The variable by which clients find the service that gives a machine of Google its token.
const MACHINE: &str = "GCE_METADATA_HOST";

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
    /// A scripted server with one bucket, which takes one replacement of an object a second.
    Google,
}

/// A server that runs.
#[derive(Debug)]
enum Running {
    Program(Child),
    Scripted(Threads),
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
    running: Mutex<Option<Running>>,
}

impl Server {
    /// Starts a server that wants keys.
    pub async fn start(kind: Kind, folder: PathBuf) -> Self {
        Self::new(kind, folder, true).await
    }

    /// Starts a server of S3 or Google that wants no keys, for connectors within the test's process.
    pub async fn open(kind: Kind, folder: PathBuf) -> Self {
        Self::new(kind, folder, false).await
    }

    async fn new(kind: Kind, folder: PathBuf, keys: bool) -> Self {
        let of_variable = env::var(AZURITE).ok().filter(|_| kind == Kind::Azure);
        let port = of_variable.and_then(|url| url.rsplit_once(':')?.1.parse().ok()).unwrap_or_else(free_port);
        let watch = proxy::Shared::default();
        let front = match kind {
            Kind::S3 | Kind::Google => {
                fs::create_dir(folder.join(BUCKET)).expect("a bucket");
                proxy::before(port, watch.clone()).expect("a free port")
            }
            Kind::Azure => port,
        };
        let server = Self { kind, keys, folder, port, front, watch, running: Mutex::default() };
        server.start_again().await;
        server.make_bucket();
        server
    }

    /// Kills the server; Azurite is stopped, since it forgets what it has acknowledged when it is killed.
    pub fn kill(&self) {
        let mut process = match self.running.lock().expect("no panic").take().expect("it runs") {
            Running::Program(process) => process,
            Running::Scripted(threads) => return threads.kill(),
        };
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
        let running = match self.program() {
            Some(mut program) => {
                Running::Program(program.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect(INSTALL))
            }
            None => {
                let google = Arc::new(Google::new(&self.folder, BUCKET, self.keys));
                Running::Scripted(google.listen(self.port).expect("a free port"))
            }
        };
        *self.running.lock().expect("no panic") = Some(running);
        until("the server listens", async || TcpStream::connect(("127.0.0.1", self.port)).is_ok()).await;
    }

    /// The program of the server; `None` if it is scripted.
    fn program(&self) -> Option<Command> {
        let port = self.port.to_string();
        let mut command;
        match self.kind {
            Kind::S3 => {
                command = Command::new(tools().join("bin/s3s-fs"));
                command.args(["--host", "127.0.0.1", "--port", &port]);
                if self.keys {
                    command.args(["--access-key", "key", "--secret-key", "secret"]);
                }
                command.arg(&self.folder);
            }
            Kind::Azure => {
                command = Command::new(tools().join("node/node_modules/.bin/azurite-blob"));
                let fixed = ["--silent", "--skipApiVersionCheck", "--disableTelemetry", "--location"];
                command.args(["--blobPort", &port]).args(fixed).arg(&self.folder);
            }
            Kind::Google => return None,
        }
        Some(command)
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

    /// The requests to the server of S3 or Google so far, each as `METHOD URI`.
    pub fn requests(&self) -> Vec<String> {
        self.watch.lock().requests.clone()
    }

    /// The most requests that were in progress at the server of S3 or Google at once since the last call.
    pub fn take_most_at_once(&self) -> usize {
        let mut watch = self.watch.lock();
        let in_progress = watch.in_progress;
        mem::replace(&mut watch.most_at_once, in_progress)
    }

    /// From now on, the server of S3 or Google answers these requests, each as `METHOD URI`, with status 403: a right is missing.
    pub fn refuse(&self, refused: fn(&str) -> bool) {
        self.watch.lock().refused = Some(((StatusCode::FORBIDDEN, "AccessDenied"), refused));
    }

    /// From now on, the server of S3 or Google answers with status 401: it refuses the keys.
    pub fn refuse_keys(&self) {
        self.watch.lock().refused = Some(((StatusCode::UNAUTHORIZED, "AuthenticationRequired"), |_| true));
    }

    /// From now on, the server of S3 or Google delays each answer.
    pub fn delay(&self, delay: Duration) {
        self.watch.lock().delay = delay;
    }

    /// From now on, the server of S3 or Google holds these requests, each as `METHOD URI`, until this is called again. It is asked once for each.
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
        format!("{scheme}://{BUCKET}/{prefix}")
    }

    /// Where pyarrow reads: the bucket, and the prefix within it. It does not speak to Google's server by the XML API.
    pub fn root(&self, prefix: &str) -> String {
        match self.kind {
            Kind::Google => self.objects(prefix).display().to_string(),
            _ => format!("{BUCKET}/{prefix}"),
        }
    }

    /// The folder of the server of S3 or Google with the objects of a prefix, which is readable while the server is killed.
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
            Kind::Google => json!({ "kind": "folder" }),
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
                let mut options = vec![("google_base_url", endpoint), ("allow_http", "true".to_owned())];
                if !self.keys {
                    let file = self.folder.join("account.json");
                    fs::write(&file, WITHOUT_TOKENS).expect("a file");
                    options.push(("google_service_account", file.display().to_string()));
                }
                options
            }
        };
        options.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The options of the store with its keys, for a reader.
    pub fn options_with_keys(&self) -> BTreeMap<String, String> {
        let mut options = self.options();
        for (name, value) in self.variables() {
            options
                .insert(if [AZURITE, MACHINE].contains(&name) { name.to_owned() } else { name.to_lowercase() }, value);
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
            Kind::Google if self.keys => vec![(MACHINE, self.address())],
            _ => vec![],
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        match self.running.lock().map(|mut running| running.take()) {
            Ok(Some(Running::Program(mut process))) => {
                let _ = process.kill();
                let _ = process.wait();
            }
            Ok(Some(Running::Scripted(threads))) => threads.kill(),
            _ => {}
        }
    }
}
