//! What a connector may answer, and what the runtime does with each answer.

use std::{error::Error, fmt, time::Duration};

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
    /// The target could not be prepared in `initialize`. The connector stops with exit code 1.
    #[error("{message}")]
    Initialization {
        /// What was tried.
        message: String,
        /// The error of the target.
        source: Option<Source>,
    },
    /// A temporary failure: nothing of the batch counts as written, and all of it is handed over again later.
    #[error("{message}")]
    Retryable {
        /// What was tried.
        message: String,
        /// The error of the target.
        source: Option<Source>,
        /// How long the target asked to be left alone. The next try comes no sooner.
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

    /// A temporary failure of a target that says when to come back, as HTTP's `Retry-After` does.
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
}

impl<T, E: Into<Source>> ErrorExt<T> for Result<T, E> {
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
}

/// Which records of a batch were not written. The records that are not named here count as delivered.
///
/// ```
/// # use danube_sink::{PartialFailure, SinkRecord, ConnectorResult};
/// # fn answer(records: &[SinkRecord]) -> ConnectorResult<()> {
/// let mut failure = PartialFailure::default();
/// failure.retry(&records[3], "429 too many requests");
/// failure.reject(&records[7], "value too long for column name");
/// failure.into_result()
/// # }
/// ```
#[derive(Debug, Default)]
pub struct PartialFailure {
    pub(crate) retry: Vec<(RecordId, String)>,
    pub(crate) rejected: Vec<(RecordId, String)>,
    /// Whether a record of `retry` was tried and failed.
    pub(crate) failed: bool,
    pub(crate) retry_after: Option<Duration>,
}

impl PartialFailure {
    /// The record was not written for a reason that may pass: it is handed over again.
    pub fn retry(&mut self, record: &SinkRecord, reason: impl Into<String>) -> &mut Self {
        self.retry.push((record.id().clone(), reason.into()));
        self.failed = true;
        self
    }

    /// The target will never take this record: it goes the way that `on_invalid_record` says.
    pub fn reject(&mut self, record: &SinkRecord, reason: impl Into<String>) -> &mut Self {
        self.rejected.push((record.id().clone(), reason.into()));
        self
    }

    /// The record was not tried, or only together with others: it is handed over again, which is no failure where the
    /// rest of the batch was delivered or rejected.
    pub fn again(&mut self, record: &SinkRecord) -> &mut Self {
        self.retry.push((record.id().clone(), "not tried by itself".to_owned()));
        self
    }

    /// How long the target asked to be left alone before the next try.
    pub fn wait(&mut self, wait: Duration) -> &mut Self {
        self.retry_after = Some(wait);
        self
    }

    /// `Ok` if no record is named, else the error to return from `process_batch`.
    ///
    /// # Errors
    /// This failure, if it names a record.
    pub fn into_result(self) -> ConnectorResult<()> {
        if self.retry.is_empty() && self.rejected.is_empty() { Ok(()) } else { Err(self.into()) }
    }
}

impl Error for PartialFailure {}

impl fmt::Display for PartialFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records to retry, {} rejected", self.retry.len(), self.rejected.len())?;
        match self.rejected.first().or(self.retry.first()) {
            Some((id, reason)) => write!(f, "; the first, {id}: {reason}"),
            None => Ok(()),
        }
    }
}
