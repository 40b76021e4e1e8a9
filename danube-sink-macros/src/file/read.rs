//! The file that `config = "…"` names.

use std::{env, fs, path::Path};

use syn::LitStr;

use crate::diagnostics::Diagnostics;

pub(super) struct File {
    /// From the root of the file system.
    pub(super) path: String,
    pub(super) text: String,
    /// The name of the package that is being built.
    pub(super) package: String,
}

/// Reads it from the folder of the package, where the connector looks for it too.
pub(super) fn read(config: &LitStr, diagnostics: &mut Diagnostics) -> Option<File> {
    let folder = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let path = Path::new(&folder).join(config.value());
    match fs::read_to_string(&path) {
        Ok(text) => {
            let package = env::var("CARGO_PKG_NAME").unwrap_or_default();
            Some(File { path: path.display().to_string(), text, package })
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
