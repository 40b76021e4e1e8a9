//! Failure classes of a target: one table for all connectors.

use std::{error::Error, fmt};

use super::ConnectorError;

/// Failure class of a target, which decides what the connector does at startup and while it runs.
///
/// A connector maps its target's responses (a status, an error code) to these classes once, in a table. Then every
/// connector reacts the same way, and a systemic failure does not reject one record after another. A [`Failure`](super::Failure) has a class
/// and a message.
///
/// | Class | At start, [`at_start`](Self::at_start) | While running, [`error`](Self::error) |
/// |---|---|---|
/// | [`Unauthenticated`](Self::Unauthenticated) | exit code 1 | exit code 1; a restart reads the credentials again |
/// | [`NotReady`](Self::NotReady) | exit code 1 | retried until the target is fixed; `/ready` is false |
/// | [`Busy`](Self::Busy) | retried | retried |
/// | [`TooLarge`](Self::TooLarge) | retried | batch halved; a single record is retried |
/// | [`Refused`](Self::Refused) | exit code 1 | batch halved until the record is found; `on_invalid_record` applies to it |
/// | [`Misconfigured`](Self::Misconfigured) | exit code 78 | exit code 1 |
///
/// ```
/// use danube_sink::{ConnectorError, TargetFailure};
///
/// /// The failure class of each status.
/// const STATUSES: [(u16, TargetFailure); 3] =
///     [(401, TargetFailure::Unauthenticated), (404, TargetFailure::NotReady), (503, TargetFailure::Busy)];
///
/// let class = |status| STATUSES.iter().find(|(known, _)| *known == status).map(|(_, failure)| *failure);
/// let error = class(404).unwrap_or(TargetFailure::Refused).error("insert rows: 404 Not Found");
/// assert!(matches!(error, ConnectorError::Retryable { .. }));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TargetFailure {
    /// The target refused the credentials.
    Unauthenticated,
    /// The target must be fixed first: a permission is missing, the table, collection or index does not exist, the server is
    /// read-only.
    NotReady,
    /// Temporary: the target is busy, overloaded or unreachable, or the connection broke.
    Busy,
    /// The batch is too large and a smaller one may work: out of memory, too many parts or partitions.
    TooLarge,
    /// The target can never accept a value of a record.
    Refused,
    /// Permanent: a setting or a schema is wrong, or the target does not support the request.
    Misconfigured,
}

impl TargetFailure {
    /// Every failure class, in the order of the table.
    pub const ALL: [Self; 6] =
        [Self::Unauthenticated, Self::NotReady, Self::Busy, Self::TooLarge, Self::Refused, Self::Misconfigured];

    /// The error to return from `process_batch` and `health_check`. `message` must not contain values of a record.
    pub fn error(self, message: impl Into<String>) -> ConnectorError {
        self.error_of(message.into(), None)
    }

    /// The error to return from `initialize`.
    pub fn at_start(self, message: impl Into<String>) -> ConnectorError {
        self.at_start_of(message.into(), None)
    }

    pub(super) fn error_of(self, message: String, source: Option<Box<dyn Error + Send + Sync>>) -> ConnectorError {
        match self {
            Self::Unauthenticated | Self::Misconfigured => ConnectorError::Fatal { message, source },
            Self::NotReady | Self::Busy => ConnectorError::Retryable { message, source, retry_after: None },
            Self::TooLarge => ConnectorError::TooLarge { message, source },
            Self::Refused => ConnectorError::Refused { message, source },
        }
    }

    pub(super) fn at_start_of(self, message: String, source: Option<Box<dyn Error + Send + Sync>>) -> ConnectorError {
        match self {
            Self::Unauthenticated | Self::NotReady | Self::Refused => {
                ConnectorError::Initialization { message, source }
            }
            Self::Busy | Self::TooLarge => ConnectorError::Retryable { message, source, retry_after: None },
            Self::Misconfigured => match source {
                Some(source) => ConnectorError::Configuration { message: format!("{message}: {source}") },
                None => ConnectorError::Configuration { message },
            },
        }
    }

    /// Describes what the connector does at startup and while it runs.
    #[cfg(feature = "dev")]
    pub(crate) fn described(self) -> [&'static str; 2] {
        match self {
            Self::Unauthenticated => ["exit code 1", "exit code 1; a restart reads the credentials again"],
            Self::NotReady => ["exit code 1", "retried until the target is fixed; `/ready` and the log say what to do"],
            Self::Busy => ["retried", "retried"],
            Self::TooLarge => ["retried", "the batch is halved; a single record is retried"],
            Self::Refused => {
                ["exit code 1", "the batch is halved until the record is found; `on_invalid_record` applies to it"]
            }
            Self::Misconfigured => ["exit code 78", "exit code 1"],
        }
    }
}

/// The failure class as text: `credentials refused`.
impl fmt::Display for TargetFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unauthenticated => "credentials refused",
            Self::NotReady => "target not ready",
            Self::Busy => "busy or unreachable",
            Self::TooLarge => "batch too large",
            Self::Refused => "record refused",
            Self::Misconfigured => "misconfigured",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_has_its_error_at_start_and_while_running() {
        let kinds = TargetFailure::ALL.map(|failure| {
            let kind = |error: ConnectorError| match error {
                ConnectorError::Configuration { .. } => "configuration",
                ConnectorError::Initialization { .. } => "initialization",
                ConnectorError::Retryable { .. } => "retryable",
                ConnectorError::Fatal { .. } => "fatal",
                ConnectorError::Refused { .. } => "refused",
                ConnectorError::TooLarge { .. } => "too large",
                ConnectorError::InvalidRecord { .. } | ConnectorError::Partial(_) => "records",
            };
            (kind(failure.at_start("x")), kind(failure.error("x")))
        });
        assert_eq!(
            kinds,
            [
                ("initialization", "fatal"),
                ("initialization", "retryable"),
                ("retryable", "retryable"),
                ("retryable", "too large"),
                ("initialization", "refused"),
                ("configuration", "fatal"),
            ]
        );
    }
}
