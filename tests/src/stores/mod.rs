//! Object stores under test, each in a process that can be killed; independent readers; and a ledger of the records in the store.

mod google;
mod ledger;
mod proxy;
mod python;
mod reading;
mod refusals;
mod server;

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

pub use self::{
    ledger::{NumberedLoad, Stage, assert_each_once},
    python::{Python, python},
    reading::{reading, reading_records},
    refusals::assert_refusals,
    server::{Kind, Server, WITHOUT_TOKENS, with_azurite},
};

const INSTALL: &str = "run the connector's `install-servers` first";

fn target() -> PathBuf {
    let of_workspace = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let folder = env::var_os("CARGO_TARGET_DIR").map_or_else(of_workspace, PathBuf::from);
    folder.canonicalize().expect("the target folder")
}

/// The programs that `install-servers` has installed.
fn tools() -> PathBuf {
    target().join("object-store")
}

/// An empty folder for a test of a connector.
pub fn folder(connector: &str, name: &str) -> PathBuf {
    let folder = target().join(format!("tmp/{connector}/{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder for temporary files");
    folder
}

/// Options of a store as TOML.
pub fn toml(options: &BTreeMap<String, String>) -> String {
    options.iter().map(|(name, value)| format!("{name} = '{value}'\n")).collect()
}
