//! Environment variables.

use std::{env, ffi::OsString, fs};

pub(crate) const CONFIG_PATH: &str = "CONNECTOR_CONFIG_PATH";
pub(crate) const TOKEN: &str = "DANUBE_TOKEN";
const TOKEN_FILE: &str = "DANUBE_TOKEN_FILE";

/// The variables that every connector reads, with their help.
pub(crate) static VARIABLES: [(&str, &str); 6] = [
    (CONFIG_PATH, "Path of the configuration file; --config overrides it"),
    ("DANUBE_SERVICE_URL", "Overrides danube_service_url in the file"),
    ("CONNECTOR_NAME", "Overrides connector_name in the file"),
    (TOKEN, "Token that authenticates the connector at the broker; for https"),
    (TOKEN_FILE, "Path of a file with the token"),
    ("RUST_LOG", "Overrides log_level in the file"),
];

/// Whether every connector reads the variable, so that no setting of its own can.
pub fn is_reserved(name: &str) -> bool {
    VARIABLES.iter().any(|(reserved, _)| *reserved == name)
}

/// Whether the system sets the variable, so that no setting can be read from it.
pub fn is_of_system(name: &str) -> bool {
    ["HOSTNAME", "PATH"].contains(&name)
}

/// A source of environment variables.
pub trait Environment {
    /// The value of a variable, if it is set.
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

/// A name that differs from host to host, and stays the same over restarts.
pub(crate) fn host_name(environment: &dyn Environment) -> String {
    let not_empty = |name: String| Some(name.trim().to_owned()).filter(|name| !name.is_empty());
    let of_variable = environment.variable("HOSTNAME").and_then(|name| name.into_string().ok());
    let of_system = || fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = of_variable.and_then(not_empty).or_else(|| of_system().and_then(not_empty));
    name.unwrap_or_else(|| "local".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_host_name_counts_as_not_set() {
        let host = |value: Option<&'static str>| host_name(&move |_: &str| value.map(OsString::from));
        assert_eq!(host(Some("a\n")), "a");
        for empty in ["", " "] {
            assert_eq!(host(Some(empty)), host(None));
        }
    }
}
