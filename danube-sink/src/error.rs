//! What a connector may answer, and what the runtime does with each answer.

mod partial;
mod target;

use std::{error::Error, fmt, time::Duration};

pub(crate) use self::partial::{RejectedBy, Verdict, unknown_record};
pub use self::{partial::PartialFailure, target::TargetFailure};
use crate::{
    config::{ConfigError, NoMapping},
    record::{RecordId, SinkRecord},
};

/// The result of every method of a connector.
pub type ConnectorResult<T> = Result<T, ConnectorError>;

/// The error below another one.
type Source = Box<dyn Error + Send + Sync + 'static>;

/// Why a connector could not do what it was asked to; the variant decides what the runtime does next.
///
/// Foreign errors become one of these with [`ErrorExt`]: `client.send().await.retryable("insert rows")?`.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ConnectorError {
    /// The configuration cannot work. The connector stops with exit code 78.
    #[error("{message}")]
    Configuration {
        /// What is wrong, and what to write instead.
        message: String,
    },
    /// The target could not be prepared in `initialize`, and no later attempt will change that by itself. The connector
    /// stops with exit code 1.
    #[error("{message}")]
    Initialization {
        /// What was tried.
        message: String,
        /// The error of the target.
        source: Option<Source>,
    },
    /// A temporary failure: nothing of the batch counts as written, and all of it is handed over again later. After one in
    /// `initialize`, that is called again.
    #[error("{message}")]
    Retryable {
        /// What was tried.
        message: String,
        /// The error of the target.
        source: Option<Source>,
        /// The delay that the target asked for. The next try comes no sooner, but `max_backoff_ms` is the upper bound.
        retry_after: Option<Duration>,
    },
    /// A permanent failure: the connector stops with exit code 1 and acknowledges nothing of the batch.
    #[error("{message}")]
    Fatal {
        /// What was tried.
        message: String,
        /// The error of the target.
        source: Option<Source>,
    },
    /// One record is not what the connector expects, found before anything of the batch was written.
    ///
    /// The record goes the way that the mapping's `on_invalid_record` says; the others are handed over again.
    #[error("record {id} is not valid: {reason}")]
    InvalidRecord {
        /// Which record.
        id: RecordId,
        /// What is wrong with it. Shown in logs and dead letters: without the payload's contents.
        reason: String,
    },
    /// The target refuses something in the batch for what it holds, does not say which record, and wrote nothing of it.
    ///
    /// The runtime hands over halves of the batch, in order, until the record is found: it goes the way that the mapping's
    /// `on_invalid_record` says, and the others are written. One bad record in 500 costs some 18 writes.
    #[error("{message}")]
    Refused {
        /// What was tried. Shown in logs and dead letters: without the payload's contents.
        message: String,
        /// The error of the target.
        source: Option<Source>,
    },
    /// The target cannot take so much at once and wrote nothing of the batch: out of memory, too many partitions.
    ///
    /// The runtime hands over halves of the batch, in order. A single record is retried as after [`Retryable`](Self::Retryable).
    #[error("{message}")]
    TooLarge {
        /// What was tried.
        message: String,
        /// The error of the target.
        source: Option<Source>,
    },
    /// Some records of the batch were written and some were not.
    #[error(transparent)]
    Partial(#[from] PartialFailure),
}

impl ConnectorError {
    /// A configuration that cannot work.
    pub fn configuration(message: impl Into<String>) -> Self {
        Self::Configuration { message: message.into() }
    }

    /// A failure in `initialize`.
    pub fn initialization(message: impl Into<String>) -> Self {
        Self::Initialization { message: message.into(), source: None }
    }

    /// A temporary failure.
    pub fn retryable(message: impl Into<String>) -> Self {
        Self::Retryable { message: message.into(), source: None, retry_after: None }
    }

    /// A temporary failure of a target that asks for a delay before the next try, as HTTP's `Retry-After` does.
    ///
    /// The mapping's `max_backoff_ms` is the upper bound: of a longer delay the runtime waits that much.
    pub fn retry_after(message: impl Into<String>, wait: Duration) -> Self {
        Self::Retryable { message: message.into(), source: None, retry_after: Some(wait) }
    }

    /// A permanent failure.
    pub fn fatal(message: impl Into<String>) -> Self {
        Self::Fatal { message: message.into(), source: None }
    }

    /// A batch, all or nothing, in which the target refuses something.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::Refused { message: message.into(), source: None }
    }

    /// A batch that is too large for the target as it is now.
    pub fn too_large(message: impl Into<String>) -> Self {
        Self::TooLarge { message: message.into(), source: None }
    }

    /// A record that is not what the connector expects.
    pub fn invalid_record(record: &SinkRecord, reason: impl Into<String>) -> Self {
        Self::InvalidRecord { id: record.id().clone(), reason: reason.into() }
    }

    /// The error with everything below it, in one line for logs: `insert rows: connection refused`.
    pub fn report(&self) -> String {
        let mut line = self.to_string();
        let mut below = self.source();
        while let Some(error) = below {
            let text = error.to_string();
            // Many libraries repeat the error below in their own text.
            if !line.contains(&text) {
                line.push_str(": ");
                line.push_str(&text);
            }
            below = error.source();
        }
        line
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

/// What [`ConnectorError::report`] says: a `main` that returns the error shows this to whoever started the program.
impl fmt::Debug for ConnectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.report())
    }
}

/// Says in one call what a foreign error means for the connector.
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
    /// The foreign error.
    type Error;

    /// The failure is temporary: [`ConnectorError::Retryable`].
    ///
    /// # Errors
    /// The error, if there was one.
    fn retryable(self, what: impl Into<String>) -> ConnectorResult<T>;

    /// The failure is permanent: [`ConnectorError::Fatal`].
    ///
    /// # Errors
    /// The error, if there was one.
    fn fatal(self, what: impl Into<String>) -> ConnectorResult<T>;

    /// The target refuses something in the batch: [`ConnectorError::Refused`].
    ///
    /// # Errors
    /// The error, if there was one.
    fn refused(self, what: impl Into<String>) -> ConnectorResult<T>;

    /// The target cannot be prepared: [`ConnectorError::Initialization`].
    ///
    /// # Errors
    /// The error, if there was one.
    fn initialization(self, what: impl Into<String>) -> ConnectorResult<T>;

    /// The failure is of the class that the function finds: [`TargetFailure::error`], with the target's error below it.
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
    /// The error, if there was one.
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
