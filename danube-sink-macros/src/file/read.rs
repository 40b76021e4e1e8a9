//! The file that `config = "…"` names, and the records beside it.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use syn::LitStr;

use crate::diagnostics::Diagnostics;

pub(super) struct File {
    /// From the root of the file system.
    pub(super) path: String,
    pub(super) text: String,
    /// Topics, each with the path of its records: the files `dev/namespace/name.jsonl` of the package.
    pub(super) records: Vec<(String, String)>,
    /// The name of the package that is being built.
    pub(super) package: String,
}

/// Reads it from the folder of the package.
pub(super) fn read(config: &LitStr, diagnostics: &mut Diagnostics) -> Option<File> {
    let folder = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let path = Path::new(&folder).join(config.value());
    match fs::read_to_string(&path) {
        Ok(text) => {
            let package = env::var("CARGO_PKG_NAME").unwrap_or_default();
            let records = records(&Path::new(&folder).join("dev"));
            Some(File { path: path.display().to_string(), text, records, package })
        }
        Err(error) => {
            diagnostics.push(
                config,
                format!("cannot read the configuration file `{}`: {error}", config.value()),
                "write the file, or its path from the folder of the package's `Cargo.toml`; without `config`, the file is \
                 named at start",
            );
            None
        }
    }
}

fn records(dev: &Path) -> Vec<(String, String)> {
    let mut records = Vec::new();
    for namespace in entries(dev) {
        for file in entries(&namespace) {
            let topic = file.strip_prefix(dev).ok().and_then(|topic| topic.to_str()?.strip_suffix(".jsonl"));
            if let (Some(topic), Some(path)) = (topic, file.to_str()) {
                records.push((format!("/{topic}"), path.to_owned()));
            }
        }
    }
    records.sort();
    records
}

/// What is in a folder; nothing if there is none.
fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}
