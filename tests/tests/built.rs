//! A configuration file is part of what is built.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "it serves tests alone")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

const PACKAGE: &str = r#"[package]
name = "tracked"
version = "0.1.0"
edition = "2024"

[dependencies]
danube-sink.path = "DANUBE_SINK"

[profile.dev]
debug = "line-tables-only"

[workspace]
"#;

const MAIN: &str = r#"
use danube_sink::prelude::*;

#[sink_connector(config = "connector.toml")]
struct Sink {
    timeout: Duration,
    #[topic_mappings]
    topics: TopicMappings,
}

#[sink_connector]
impl SinkConnector for Sink {
    async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
        Ok(())
    }

    async fn process_batch(&mut self, _: Vec<SinkRecord>) -> ConnectorResult<()> {
        Ok(())
    }
}
"#;

const RIGHT: &str = "[sink]\ntimeout = \"1s\"\n\n[[sink.topic_mappings]]\ntopic = \"/a/b\"\n";

/// A package whose dependencies are built already: those of the compile-fail cases.
struct Package {
    folder: PathBuf,
    target: PathBuf,
}

impl Package {
    fn write() -> Self {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("tests").join("trybuild");
        let folder = target.with_file_name("tracked");
        fs::create_dir_all(folder.join("src")).unwrap();
        let danube_sink = tests.with_file_name("danube-sink");
        fs::write(folder.join("Cargo.toml"), PACKAGE.replace("DANUBE_SINK", danube_sink.to_str().unwrap())).unwrap();
        fs::copy(tests.with_file_name("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
        fs::write(folder.join("src/main.rs"), MAIN).unwrap();
        Self { folder, target }
    }

    /// Builds it with this configuration: whether it builds, and what is said.
    fn build(&self, configuration: &str) -> (bool, String) {
        fs::write(self.folder.join("connector.toml"), configuration).unwrap();
        let built = Command::new(env::var_os("CARGO").expect("cargo runs the tests"))
            .args(["build", "--offline"])
            .env("CARGO_TARGET_DIR", &self.target)
            .current_dir(&self.folder)
            .output()
            .unwrap();
        (built.status.success(), String::from_utf8(built.stderr).unwrap())
    }
}

#[test]
fn a_change_of_the_file_is_a_change_of_the_connector() {
    let package = Package::write();
    let (built, said) = package.build(RIGHT);
    assert!(built, "{said}");
    let (built, said) = package.build(&RIGHT.replace("1s", "soon").replace("topic =", "topik ="));
    assert!(!built, "{said}");
    assert!(said.contains("connector.toml:2:11: `timeout`: not a time"), "{said}");
    assert!(said.contains("connector.toml:5:1: unknown key `topik` in `[[sink.topic_mappings]]`"), "{said}");
    let (built, said) = package.build(RIGHT);
    assert!(built, "{said}");
}

/// The README's connector is compiled, and its file is looked at, in this folder.
#[test]
fn the_readme_shows_the_file_that_its_connector_is_built_with() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(folder.with_file_name("README.md")).unwrap();
    let shown = fs::read_to_string(folder.join("connector.toml")).unwrap();
    assert!(readme.contains(&format!("```toml\n{shown}```\n")), "{shown}");
}
