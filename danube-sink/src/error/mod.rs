//! Errors that a connector returns, and how the runtime handles each.

mod failure;
mod partial;
mod target;

use std::{error::Error, fmt, time::Duration};

pub(crate) use self::partial::{RecordOutcome, RejectedBy, unknown_record};
pub use self::{failure::Failure, partial::PartialFailure, target::TargetFailure};
use crate::{
    config::{ConfigError, NoMapping},
    record::{RecordId, SinkRecord},
};

/// The result of every method of a connector.
pub type ConnectorResult<T> = Result<T, ConnectorError>;

/// The source of another error.
type Source = Box<dyn Error + Send + Sync + 'static>;

/// Error of a connector; the variant decides what the runtime does next.
///
/// [`ErrorExt`] converts other errors: `client.send().await.retryable("insert rows")?`.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ConnectorError {
    /// Invalid configuration. The connector stops with exit code 78.
    #[error("{message}")]
    Configuration {
        /// What is wrong, and what to write instead.
        message: String,
    },
    /// Permanent failure in `initialize`, which a later attempt cannot fix by itself. The connector stops with exit code 1.
    #[error("{message}")]
    Initialization {
        /// What was tried.
        message: String,
        /// The error of the target.
        source: Option<Source>,
    },
    /// Temporary failure: no record of the batch counts as written, and the runtime retries the whole batch after a delay.
    /// If `initialize` returns it, the runtime calls `initialize` again.
    #[error("{message}")]
    Retryable {
        /// What was tried.
        message: String,
        /// The error of the target.
        source: Option<Source>,
        /// Shortest delay before the next attempt, as requested by the target; `max_backoff_ms` is the upper bound.
        retry_after: Option<Duration>,
    },
    /// Permanent failure: the connector stops with exit code 1 and acknowledges no record of the batch.
    #[error("{message}")]
    Fatal {
        /// What was tried.
        message: String,
        /// The error of the target.
        source: Option<Source>,
    },
    /// Invalid record that the connector found before it wrote anything of the batch.
    ///
    /// The mapping's `on_invalid_record` policy applies to the record; the runtime writes the other records again.
    #[error("record {id} is not valid: {reason}")]
    InvalidRecord {
        /// The record's id.
        id: RecordId,
        /// Reason, shown in logs and dead letters. It must not contain values of the payload.
        reason: String,
    },
    /// The target refused the batch because of the values of some record, without saying which, and wrote nothing.
    ///
    /// The runtime splits the batch in half, repeatedly and in order, until it finds the record. The mapping's
    /// `on_invalid_record` policy applies to that record; the others are written. One bad record in 500 takes about 18
    /// writes.
    #[error("{message}")]
    Refused {
        /// What was tried, shown in logs and dead letters. It must not contain values of the payload.
        message: String,
        /// The error of the target.
        source: Option<Source>,
    },
    /// The batch is too large for the target, which wrote nothing of it: out of memory, too many partitions.
    ///
    /// The runtime writes the batch in halves, in order. It retries a single record as after [`Retryable`](Self::Retryable).
    #[error("{message}")]
    TooLarge {
        /// What was tried.
        message: String,
        /// The error of the target.
        source: Option<Source>,
    },
    /// Partial failure: some records of the batch were written and some were not.
    #[error(transparent)]
    Partial(#[from] PartialFailure),
}

impl ConnectorError {
    /// Creates a [`Configuration`](Self::Configuration) error.
    pub fn configuration(message: impl Into<String>) -> Self {
        Self::Configuration { message: message.into() }
    }

    /// Creates an [`Initialization`](Self::Initialization) error.
    pub fn initialization(message: impl Into<String>) -> Self {
        Self::Initialization { message: message.into(), source: None }
    }

    /// Creates a [`Retryable`](Self::Retryable) error.
    pub fn retryable(message: impl Into<String>) -> Self {
        Self::Retryable { message: message.into(), source: None, retry_after: None }
    }

    /// Creates a [`Retryable`](Self::Retryable) error with a retry delay that the target requested, as with HTTP's
    /// `Retry-After`.
    ///
    /// `max_backoff_ms` is the upper bound of the delay.
    pub fn retry_after(message: impl Into<String>, wait: Duration) -> Self {
        Self::Retryable { message: message.into(), source: None, retry_after: Some(wait) }
    }

    /// Creates a [`Fatal`](Self::Fatal) error.
    pub fn fatal(message: impl Into<String>) -> Self {
        Self::Fatal { message: message.into(), source: None }
    }

    /// Creates a [`Refused`](Self::Refused) error, for a batch that the target writes as a whole or not at all.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::Refused { message: message.into(), source: None }
    }

    /// Creates a [`TooLarge`](Self::TooLarge) error.
    pub fn too_large(message: impl Into<String>) -> Self {
        Self::TooLarge { message: message.into(), source: None }
    }

    /// Creates an [`InvalidRecord`](Self::InvalidRecord) error.
    pub fn invalid_record(record: &SinkRecord, reason: impl Into<String>) -> Self {
        Self::InvalidRecord { id: record.id().clone(), reason: reason.into() }
    }

    /// The error with its chain of sources, on one line for logs: `insert rows: connection refused`.
    pub fn report(&self) -> String {
        let mut line = self.to_string();
        let mut below = self.source();
        while let Some(error) = below {
            let text = error.to_string();
            // Many libraries repeat their source in their own message.
            if !line.contains(&text) {
                line.push_str(": ");
                line.push_str(&text);
            }
            below = error.source();
        }
        line
    }

    /// The reason to reject a record for this error: that of an invalid record, without its id, or the [`report`](Self::report).
    ///
    /// ```
    /// # use danube_sink::SinkRecord;
    /// let record = SinkRecord::builder("/default/users").payload("{").build();
    /// let reason = record.as_json().unwrap_err().into_reason();
    /// assert!(reason.contains("not JSON") && !reason.contains("/default/users"));
    /// ```
    pub fn into_reason(self) -> String {
        match self {
            Self::InvalidRecord { reason, .. } => reason,
            other => other.report(),
        }
    }
}

impl From<ConfigError> for ConnectorError {
    fn from(error: ConfigError) -> Self {
        Self::configuration(error.to_string())
    }
}

impl From<NoMapping> for ConnectorError {
    fn from(error: NoMapping) -> Self {
        Self::fatal(error.to_string())
    }
}

/// Prints [`ConnectorError::report`], since a `main` that returns the error prints its `Debug` form.
impl fmt::Debug for ConnectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.report())
    }
}

/// Converts another error into a [`ConnectorError`] of a given variant.
///
/// ```
/// use danube_sink::{ConnectorResult, ErrorExt};
///
/// fn write(rows: &[u8]) -> ConnectorResult<()> {
///     std::fs::write("/dev/null", rows).retryable("write rows")
/// }
/// # write(b"").unwrap();
/// ```
pub trait ErrorExt<T> {
    /// The error type to convert.
    type Error;

    /// Converts the error into [`ConnectorError::Retryable`], for a temporary failure.
    ///
    /// # Errors
    /// The converted error.
    fn retryable(self, what: impl Into<String>) -> ConnectorResult<T>;

    /// Converts the error into [`ConnectorError::Fatal`], for a permanent failure.
    ///
    /// # Errors
    /// The converted error.
    fn fatal(self, what: impl Into<String>) -> ConnectorResult<T>;

    /// Converts the error into [`ConnectorError::Refused`], for a batch whose values the target refused.
    ///
    /// # Errors
    /// The converted error.
    fn refused(self, what: impl Into<String>) -> ConnectorResult<T>;

    /// Converts the error into [`ConnectorError::Initialization`], for a permanent failure in `initialize`.
    ///
    /// # Errors
    /// The converted error.
    fn initialization(self, what: impl Into<String>) -> ConnectorResult<T>;

    /// Converts the error by its failure class, as [`TargetFailure::error`] does, and keeps it as the source.
    ///
    /// ```
    /// use std::{fs, io::{Error, ErrorKind}};
    ///
    /// use danube_sink::{ConnectorResult, ErrorExt, TargetFailure};
    ///
    /// fn class(error: &Error) -> TargetFailure {
    ///     match error.kind() {
    ///         ErrorKind::NotFound | ErrorKind::PermissionDenied => TargetFailure::NotReady,
    ///         _ => TargetFailure::Busy,
    ///     }
    /// }
    ///
    /// fn write(rows: &[u8]) -> ConnectorResult<()> {
    ///     fs::write("/dev/null", rows).classified(class, "write rows")
    /// }
    /// # write(b"").unwrap();
    /// ```
    ///
    /// # Errors
    /// The converted error.
    fn classified(
        self,
        class: impl FnOnce(&Self::Error) -> TargetFailure,
        what: impl Into<String>,
    ) -> ConnectorResult<T>;
}

impl<T, E: Into<Source>> ErrorExt<T> for Result<T, E> {
    type Error = E;

    fn retryable(self, what: impl Into<String>) -> ConnectorResult<T> {
        self.map_err(|error| ConnectorError::Retryable {
            message: what.into(),
            source: Some(error.into()),
            retry_after: None,
        })
    }

    fn fatal(self, what: impl Into<String>) -> ConnectorResult<T> {
        self.map_err(|error| ConnectorError::Fatal { message: what.into(), source: Some(error.into()) })
    }

    fn refused(self, what: impl Into<String>) -> ConnectorResult<T> {
        self.map_err(|error| ConnectorError::Refused { message: what.into(), source: Some(error.into()) })
    }

    fn initialization(self, what: impl Into<String>) -> ConnectorResult<T> {
        self.map_err(|error| ConnectorError::Initialization { message: what.into(), source: Some(error.into()) })
    }

    fn classified(self, class: impl FnOnce(&E) -> TargetFailure, what: impl Into<String>) -> ConnectorResult<T> {
        self.map_err(|error| class(&error).error_of(what.into(), Some(error.into())))
    }
}
