//! The variables of the process, behind a trait so that a test brings its own.

use std::{env, ffi::OsString, fs};

use crate::report::mistake::{Mistake, Mistakes};

pub(crate) const CONFIG_PATH: &str = "CONNECTOR_CONFIG_PATH";
pub(crate) const SERVICE_URL: &str = "DANUBE_SERVICE_URL";
pub(crate) const NAME: &str = "CONNECTOR_NAME";
pub(crate) const TOKEN: &str = "DANUBE_TOKEN";
const TOKEN_FILE: &str = "DANUBE_TOKEN_FILE";

/// What every connector reads, and what it is.
pub(crate) static EXPLAINED: [(&str, &str); 6] = [
    (CONFIG_PATH, "The configuration to use without --config"),
    (SERVICE_URL, "Stronger than danube_service_url in the file"),
    (NAME, "Stronger than connector_name in the file"),
    (TOKEN, "The token by which the broker knows the connector; for https"),
    (TOKEN_FILE, "A file that holds it"),
    ("RUST_LOG", "Stronger than log_level in the file"),
];

/// Whether it means something else already: no secret can have such a name.
pub(crate) fn is_taken(name: &str) -> bool {
    ["HOSTNAME", "PATH"].contains(&name) || EXPLAINED.iter().any(|(taken, _)| *taken == name)
}

/// Looks up environment variables.
pub trait Environment {
    /// The variable's value, if it is set.
    fn variable(&self, name: &str) -> Option<OsString>;
}

/// The environment of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn variable(&self, name: &str) -> Option<OsString> {
        env::var_os(name)
    }
}

impl<F: Fn(&str) -> Option<OsString>> Environment for F {
    fn variable(&self, name: &str) -> Option<OsString> {
        self(name)
    }
}

/// The variable as text. An empty one counts as not set: that is how compose files pass on what is not there.
pub(crate) fn text(environment: &dyn Environment, name: &str, mistakes: &mut Mistakes) -> Option<String> {
    match environment.variable(name)?.into_string() {
        Ok(text) => Some(text).filter(|text| !text.is_empty()),
        Err(_) => {
            mistakes.push(Mistake::new(format!("variable {name} is not UTF-8"), "set it to text in UTF-8"));
            None
        }
    }
}

/// What makes the consumers of one host differ from those of another, and stays the same over restarts.
pub(crate) fn host_name(environment: &dyn Environment) -> String {
    environment
        .variable("HOSTNAME")
        .and_then(|name| name.into_string().ok())
        .or_else(|| fs::read_to_string("/proc/sys/kernel/hostname").ok())
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "local".to_owned())
}
