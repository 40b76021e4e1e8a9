//! A command that failed: what is left to print, and its exit code.

use std::process::ExitCode;

use super::output::print_error;
use crate::{config::ConfigError, error::ConnectorError, observe::logs_errors};

/// The exit code of an invalid configuration: `EX_CONFIG` of `sysexits.h`.
pub(super) const INVALID_CONFIGURATION: u8 = 78;

/// Why a command failed. Every error is shown once.
#[derive(Debug)]
pub(super) enum Failure {
    /// An invalid configuration.
    Invalid(ConfigError),
    /// Any other error.
    Error(ConnectorError),
    /// An error that the log has, unless its level is `off`.
    Logged(ConnectorError),
    /// A failure that the output of the command shows, with its exit code.
    Shown(u8),
}

impl Failure {
    /// Prints what is not printed yet, on standard error.
    pub(super) fn report(self) -> ExitCode {
        match &self {
            Self::Invalid(report) => print_error(&report.to_string()),
            Self::Logged(_) if logs_errors() => {}
            Self::Error(error) | Self::Logged(error) => print_error(&format!("error: {}", error.report())),
            Self::Shown(_) => {}
        }
        match self {
            Self::Shown(code) => ExitCode::from(code),
            Self::Invalid(_)
            | Self::Error(ConnectorError::Configuration { .. })
            | Self::Logged(ConnectorError::Configuration { .. }) => ExitCode::from(INVALID_CONFIGURATION),
            Self::Error(_) | Self::Logged(_) => ExitCode::FAILURE,
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Invalid(error)
    }
}

impl From<ConnectorError> for Failure {
    fn from(error: ConnectorError) -> Self {
        Self::Error(error)
    }
}
