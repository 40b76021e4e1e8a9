//! The program: its connectors, and `new`.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

mod connectors;
mod new;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// An empty folder to run in.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder for temporary files");
    folder
}

fn danube_sink(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_danube-sink"));
    let command = command.current_dir(folder).args(arguments);
    command.env_remove("CONNECTOR_CONFIG_PATH").env_remove("DANUBE_SERVICE_URL").output().expect("it starts")
}

/// The standard output of a call that succeeds.
fn printed(folder: &Path, arguments: &[&str]) -> String {
    let output = danube_sink(folder, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// The standard error of a call that fails with this exit code.
fn failed(folder: &Path, arguments: &[&str], code: i32) -> String {
    let output = danube_sink(folder, arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
    String::from_utf8(output.stderr).expect("text")
}
