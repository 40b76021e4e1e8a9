//! What a configuration names outside of the file: certificates, a token, schemas; and the checks of it.

use std::{fmt, path::PathBuf};

use super::{ConnectorConfig, MappingSettings};
use crate::setting::Secret;

/// The token that authenticates the connector at the broker: a JWT, as `danube-admin security tokens create` prints it.
///
/// It is sent over TLS only, and never printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// The token, from the variable `DANUBE_TOKEN`.
    Value(Secret),
    /// A file with the token, from the variable `DANUBE_TOKEN_FILE`. A new token in it is used from the next call on.
    File(PathBuf),
}

impl fmt::Display for Token {
    /// Its source.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(_) => f.write_str("the token"),
            Self::File(path) => write!(f, "the token in {}", path.display()),
        }
    }
}

/// Checks the settings of a mapping that another library understands: schemas and expressions.
pub type CheckMapping = fn(&MappingSettings) -> Vec<ExternalError>;

/// The checks of what a configuration names outside of the file.
#[derive(Debug, Clone, Copy)]
pub struct ExternalChecks {
    /// The broker, with its certificates and token.
    pub broker: BrokerTarget,
    /// The schemas and expressions of each mapping.
    pub mapping: CheckMapping,
    /// The secrets of the environment.
    pub secrets: SecretPolicy,
}

/// Whether secrets and other variables of the environment are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretPolicy {
    /// They are read, and a required one that is missing is an error.
    Read,
    /// Only the file is validated: each required secret has a placeholder, other secrets and variables count as not set, a key
    /// that a variable may set is not missing, and the connector's check of secrets and files is not called.
    Placeholder,
}

impl ExternalChecks {
    /// No checks.
    pub const SKIP: Self =
        Self { broker: BrokerTarget::Unchecked, mapping: |_| Vec::new(), secrets: SecretPolicy::Read };
}

/// The broker that a configuration is for.
#[derive(Debug, Clone, Copy)]
pub enum BrokerTarget {
    /// That of `danube_service_url`. The function checks certificates, keys and token.
    Remote(fn(&ConnectorConfig) -> Vec<ExternalError>),
    /// That of `danube_service_url`, without a check: the files may be on another machine.
    Unchecked,
    /// A broker inside the process, which needs neither certificates nor a token.
    Embedded,
}

/// An error of something that the file names.
#[derive(Debug)]
pub struct ExternalError {
    /// The key that names it; none for the token.
    pub key: Option<&'static str>,
    /// Where it is in the value, in bytes, if a part of the value is wrong.
    pub offset: Option<usize>,
    /// The error.
    pub message: String,
    /// What to do.
    pub help: String,
}
