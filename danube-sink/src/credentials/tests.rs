//! Certificates, keys and tokens of TLS connections.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use danube_sink_config::{BrokerTarget, ExternalChecks, load_for};

use rcgen::{CertificateParams, KeyPair};

use super::TokenSupply;
use crate::{
    config::{ConfigError, ConfigSource, Environment, Loaded, load_text, load_with},
    prelude::*,
    {Secret, Token},
};

/// A minimal connector.
#[sink_connector(main = false)]
#[derive(Debug)]
struct HttpSink {
    base_url: String,
    #[topic_mappings]
    topics: TopicMappings,
}

#[sink_connector]
impl SinkConnector for HttpSink {
    async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
        Ok(())
    }

    async fn process_batch(&mut self, _: Vec<SinkRecord>) -> ConnectorResult<()> {
        Err(ConnectorError::fatal(format!("{} is not written to", self.base_url)))
    }
}

/// `{"alg":"HS256"}`, `{"sub":"sink","exp":…}` in the year 2100, and an invalid signature.
const GOOD: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzaW5rIiwiZXhwIjo0MTAyNDQ0ODAwfQ.c2lnbmF0dXJl";
/// The same token, expired in the year 2000.
const EXPIRED: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzaW5rIiwiZXhwIjo5NDY2ODQ4MDB9.c2lnbmF0dXJl";

const REST: &str = "\n[http_sink]\nbase_url = \"https://example.com\"\n\n[[http_sink.topic_mappings]]\n\
                    topic = \"/events/users\"\n";

/// A temporary directory, removed when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("danube-sink-connection-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Creates a certificate, valid until a year, and its key.
    fn identity(&self, name: &str, year: i32) -> (String, String) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let certificate = self.write(&format!("{name}.pem"), &certificate.pem());
        (certificate, self.write(&format!("{name}-key.pem"), &key.serialize_pem()))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn environment(set: Vec<(&'static str, String)>) -> impl Environment {
    move |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
}

fn read(root: &str, set: Vec<(&'static str, String)>) -> Result<Loaded<HttpSink>, ConfigError> {
    load_text(Path::new("connector.toml"), &format!("{root}{REST}"), &environment(set))
}

fn report(root: &str, set: Vec<(&'static str, String)>) -> String {
    read(root, set).unwrap_err().to_string()
}

#[test]
fn tls_settings_load() {
    let folder = Folder::new();
    let (ca, _) = folder.identity("ca", 2100);
    let (certificate, key) = folder.identity("sink", 2100);
    let token = folder.write("token", &format!("{GOOD}\n"));
    let root = format!(
        "danube_service_url = \"https://broker:6650\"\ntls_ca_file = \"{ca}\"\ntls_cert_file = \"{certificate}\"\n\
         tls_key_file = \"{key}\"\n"
    );
    let core = read(&root, vec![("DANUBE_TOKEN_FILE", token.clone())]).unwrap().core;
    assert_eq!(core.tls_ca_file, Some(ca.into()));
    assert_eq!((core.tls_cert_file, core.tls_key_file), (Some(certificate.into()), Some(key.into())));
    assert_eq!(core.token, Some(Token::File(token.into())));
    let core = read(&root, vec![("DANUBE_TOKEN", GOOD.to_owned())]).unwrap().core;
    assert_eq!(core.token, Some(Token::Value(Secret::new(GOOD))));
    assert!(!format!("{core:?}").contains(GOOD));
}

#[test]
fn white_space_around_a_token_is_not_of_it() {
    let folder = Folder::new();
    let (ca, _) = folder.identity("ca", 2100);
    let root = format!("danube_service_url = \"https://broker:6650\"\ntls_ca_file = \"{ca}\"\n");
    let core = read(&root, vec![("DANUBE_TOKEN", format!("{GOOD}\r\n"))]).unwrap().core;
    assert_eq!(TokenSupply::new(core.token.unwrap()).current(), Secret::new(GOOD));
}

#[test]
fn every_problem_is_reported_with_its_line() {
    let folder = Folder::new();
    let (certificate, _) = folder.identity("sink", 2000);
    let (_, other) = folder.identity("other", 2100);
    let root = format!(
        "danube_service_url = \"http://broker:6650\"\ntls_ca_file = \"{other}\"\ntls_cert_file = \"{certificate}\"\n\
         tls_key_file = \"/nowhere/key.pem\"\ndanube_token = \"hunter2\"\n"
    );
    let report = report(&root, vec![("DANUBE_TOKEN", EXPIRED.to_owned())]);
    for words in [
        "connector.toml:1:22: `danube_service_url` begins with `http`, without TLS, but ",
        "help: use `https://broker:6650`",
        "connector.toml:2:15: `tls_ca_file`: ",
        "contains no PEM certificate",
        "connector.toml:3:17: `tls_cert_file`: the certificate in ",
        " expired on Sat, 01 Jan 2000 00:00:00 GMT",
        "connector.toml:4:16: `tls_key_file`: cannot read /nowhere/key.pem",
        "connector.toml:5:1: the token is a secret and must not be in the file",
        "set the variable DANUBE_TOKEN, or DANUBE_TOKEN_FILE",
        "error: the token expired on Sat, 01 Jan 2000 00:00:00 GMT",
        "6 errors in connector.toml",
    ] {
        assert!(report.contains(words), "{words} is not in\n{report}");
    }
    assert!(!report.contains("hunter2") && !report.contains(EXPIRED), "{report}");
}

#[test]
fn the_key_must_belong_to_the_certificate() {
    let folder = Folder::new();
    let ((certificate, _), (_, key)) = (folder.identity("one", 2100), folder.identity("two", 2100));
    let url = "danube_service_url = \"https://broker:6650\"\n";
    let root =
        format!("{url}tls_ca_file = \"{certificate}\"\ntls_cert_file = \"{certificate}\"\ntls_key_file = \"{key}\"\n");
    let wrong = report(&root, vec![]);
    assert!(wrong.contains("connector.toml:4:16") && wrong.contains("does not belong to the certificate"), "{wrong}");

    let root = format!("{url}tls_ca_file = \"{certificate}\"\ntls_cert_file = \"{certificate}\"\n");
    let wrong = report(&root, vec![]);
    assert!(
        wrong.contains("connector.toml:3:17") && wrong.contains("`tls_cert_file`: `tls_key_file` is missing"),
        "{wrong}"
    );

    let encrypted =
        folder.write("e.pem", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");
    let root = format!("{root}tls_key_file = \"{encrypted}\"\n");
    assert!(report(&root, vec![]).contains("is encrypted"));
}

#[test]
fn a_token_must_be_a_valid_jwt() {
    let folder = Folder::new();
    let url = "danube_service_url = \"https://broker:6650\"\n";
    let (ca, _) = folder.identity("ca", 2100);
    let root = format!("{url}tls_ca_file = \"{ca}\"\n");
    for (token, why) in [
        ("hunter2", "three parts"),
        ("a.b.c", "base64"),
        ("e30.aHVudGVyMg.e30", "no valid claims"),
        ("aHVudGVyMg.e30.e30", "first part is not JSON"),
    ] {
        let report = report(&root, vec![("DANUBE_TOKEN", token.to_owned())]);
        assert!(report.contains("error: the token is not a JWT: ") && report.contains(why), "{report}");
        assert!(!report.contains(token), "{report}");
    }
    let both = report(&root, vec![("DANUBE_TOKEN", GOOD.to_owned()), ("DANUBE_TOKEN_FILE", "x".to_owned())]);
    assert!(both.contains("both DANUBE_TOKEN and DANUBE_TOKEN_FILE are set"), "{both}");
    let missing = report(&root, vec![("DANUBE_TOKEN_FILE", "/nowhere/token".to_owned())]);
    assert!(missing.contains("cannot read the token file /nowhere/token"), "{missing}");
    let unsafe_url = report("danube_service_url = \"http://broker:6650\"\n", vec![("DANUBE_TOKEN", GOOD.to_owned())]);
    assert!(unsafe_url.contains("a token is set") && unsafe_url.contains("https://broker:6650"), "{unsafe_url}");
}

/// Certificate files exist on the production machine only; `dev` runs on any machine.
#[test]
fn dev_ignores_certificates_and_token() {
    let folder = Folder::new();
    let text = format!("danube_service_url = \"https://broker:6650\"\ntls_ca_file = \"/nowhere/ca.pem\"\n{REST}");
    let source = ConfigSource { path: Some(folder.write("connector.toml", &text).into()), ..ConfigSource::default() };
    let set = || environment(vec![("DANUBE_TOKEN", "hunter2".to_owned())]);
    assert_eq!(load_with::<HttpSink>(&source, &set()).unwrap_err().count(), 2);
    let core = load_for::<HttpSink>(
        ExternalChecks { broker: BrokerTarget::Embedded, ..ExternalChecks::SKIP },
        &source,
        &set(),
    )
    .unwrap()
    .core;
    assert_eq!((core.tls_ca_file, core.token), (None, None));
}

#[test]
fn a_flattened_connector_config_loads_them_too() {
    #[derive(Debug, serde::Deserialize)]
    struct Config {
        #[serde(flatten)]
        core: ConnectorConfig,
    }
    let folder = Folder::new();
    let (ca, _) = folder.identity("ca", 2100);
    let root = "danube_service_url = \"https://broker:6650\"\nconnector_name = \"c\"\n";
    let good = folder.write("good.toml", &format!("{root}tls_ca_file = \"{ca}\"\n"));
    assert_eq!(Config::load_from(good).unwrap().core.tls_ca_file, Some(ca.into()));
    let bad = folder.write("bad.toml", &format!("{root}tls_key_file = \"/nowhere/key.pem\"\n"));
    let report = Config::load_from(bad).unwrap_err().to_string();
    assert!(report.contains(":3:16: `tls_key_file`: cannot read /nowhere/key.pem"), "{report}");
}
