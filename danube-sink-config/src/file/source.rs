//! Which file is the configuration.

use std::path::{Path, PathBuf};

use crate::{
    file::environment::{self, Environment},
    report::error::ConfigError,
    report::mistake::Mistake,
};

/// Where the configuration is to be read from.
#[derive(Debug, Clone, Default)]
pub struct ConfigSource {
    /// What the command line says: `--config <file>`.
    pub path: Option<PathBuf>,
}

/// The file that the connector's code names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shipped {
    pub(crate) file: &'static str,
    /// The folder of the connector's package when it was built.
    pub(crate) crate_folder: &'static str,
}

/// The first of: the command line's file, the variable's, the one that the code names.
pub(crate) fn find(
    source: &ConfigSource,
    shipped: Option<Shipped>,
    environment: &dyn Environment,
) -> Result<PathBuf, ConfigError> {
    if let Some(path) = &source.path {
        return existing(path, "--config names the file");
    }
    if let Some(path) = environment.variable(environment::CONFIG_PATH).filter(|path| !path.is_empty()) {
        return existing(Path::new(&path), "CONNECTOR_CONFIG_PATH names the file");
    }
    let help = "start with `--config <file>`, or set the variable CONNECTOR_CONFIG_PATH";
    let Some(Shipped { file, crate_folder }) = shipped else {
        return Err(ConfigError::without_file(Mistake::new("no configuration file is named", help)));
    };
    let (here, beside_code) = (PathBuf::from(file), Path::new(crate_folder).join(file));
    if here.is_file() {
        return Ok(here);
    }
    if beside_code.is_file() {
        return Ok(beside_code);
    }
    Err(ConfigError::without_file(Mistake::new(
        format!(
            "no configuration file: neither `{file}` in the current folder nor `{}` is there",
            beside_code.display()
        ),
        help,
    )))
}

fn existing(path: &Path, who: &str) -> Result<PathBuf, ConfigError> {
    if path.is_file() {
        return Ok(path.to_owned());
    }
    Err(ConfigError::without_file(Mistake::new(
        format!("{who} `{}`, which is not there", path.display()),
        "name another one with `--config <file>` or with the variable CONNECTOR_CONFIG_PATH",
    )))
}
