//! Finds and reads the configuration file.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::environment::{self, Environment};
use crate::report::{diagnostic::Diagnostic, error::ConfigError};

/// The source of the configuration.
#[derive(Debug, Clone, Default)]
pub struct ConfigSource {
    /// The file of the command line: `--config FILE`.
    pub path: Option<PathBuf>,
}

/// The file that the connector's code names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shipped {
    pub(crate) file: &'static str,
    /// The folder of the connector's package when it was built.
    pub(crate) crate_folder: &'static str,
}

const HELP: &str = "name the file with `--config FILE` or the variable CONNECTOR_CONFIG_PATH";

/// The first of: the file of the command line, that of the variable, that of the connector's code.
pub(crate) fn find(
    source: &ConfigSource,
    shipped: Option<Shipped>,
    environment: &dyn Environment,
) -> Result<PathBuf, ConfigError> {
    if let Some(path) = &source.path {
        return Ok(path.clone());
    }
    if let Some(path) = environment.variable(environment::CONFIG_PATH).filter(|path| !path.is_empty()) {
        return Ok(path.into());
    }
    let error = |message: String| Err(ConfigError::without_file(Diagnostic::new(message, HELP)));
    let Some(Shipped { file, crate_folder }) = shipped else {
        return error("no configuration file is named".to_owned());
    };
    let (in_current_folder, in_crate_folder) = (PathBuf::from(file), Path::new(crate_folder).join(file));
    match [&in_current_folder, &in_crate_folder].into_iter().find(|path| path.is_file()) {
        Some(path) => Ok(path.clone()),
        None => error(format!(
            "no configuration file: neither `{file}` in the current folder nor `{}` exists",
            in_crate_folder.display()
        )),
    }
}

/// The text of the file, which may be a pipe.
pub(crate) fn read(path: &Path) -> Result<String, ConfigError> {
    fs::read_to_string(path).map_err(|error| {
        let message = format!("cannot read the configuration file `{}`: {error}", path.display());
        ConfigError::without_file(Diagnostic::new(message, HELP))
    })
}
