//! Finds and reads the configuration file.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    connector::Sample,
    environment::{self, Environment},
};
use crate::report::{ConfigError, Diagnostic};

/// The source of the configuration.
#[derive(Debug, Clone, Default)]
pub struct ConfigSource {
    /// The file of the command line: `--config FILE`.
    pub path: Option<PathBuf>,
    /// Whether the sample of the connector's package is used if there is no file.
    pub or_sample: bool,
    /// The commands of a program that has other connectors as well, each with the section that its connector reads: for the help
    /// about a file that is for one of them.
    pub commands: Vec<(&'static str, String)>,
}

/// The help for a program with commands.
pub(crate) const OPTION_OR_VARIABLE: &str = "name the file with `--config FILE` or the variable CONNECTOR_CONFIG_PATH";

/// A configuration file, or the sample.
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    /// Whether it is the sample in the program.
    pub(crate) is_sample: bool,
}

/// The first of: the file of the command line, that of the variable, the one in the current folder that
/// is named like the sample, and the sample, if it may be used. `help` says how to name a file.
pub(crate) fn find(
    source: &ConfigSource,
    sample: Option<Sample>,
    environment: &dyn Environment,
    help: &str,
) -> Result<Found, ConfigError> {
    let error = |message: String| ConfigError::without_file(Diagnostic::new(message, help));
    if let Some(path) = &source.path {
        return read(path, error);
    }
    if let Some(path) = environment.variable(environment::CONFIG_PATH).filter(|path| !path.is_empty()) {
        return read(Path::new(&path), error);
    }
    let Some(Sample { file, text, .. }) = sample else {
        return Err(error("no configuration file is named".to_owned()));
    };
    if Path::new(file).is_file() {
        read(Path::new(file), error)
    } else if source.or_sample {
        Ok(Found { path: format!("{file} (sample)").into(), text: text.to_owned(), is_sample: true })
    } else {
        Err(error(format!("no configuration file is named, and there is no `{file}` in the current folder")))
    }
}

/// Reads a file, which may be a pipe.
fn read(path: &Path, error: impl Fn(String) -> ConfigError) -> Result<Found, ConfigError> {
    let shown = path.display();
    let bytes =
        fs::read(path).map_err(|reason| error(format!("cannot read the configuration file `{shown}`: {reason}")))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Found { path: path.to_owned(), text, is_sample: false }),
        Err(other) => {
            let valid = &other.as_bytes()[..other.utf8_error().valid_up_to()];
            let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
            let message = format!("the configuration file `{shown}` is not UTF-8: line {line} has another encoding");
            Err(ConfigError::without_file(Diagnostic::new(message, "save the file as UTF-8")))
        }
    }
}
