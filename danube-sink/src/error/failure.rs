//! A failure of a target with its class.

use std::time::Duration;

use super::{ConnectorError, TargetFailure};

/// Failure of a target with its [class](TargetFailure), whose error differs at start and while running.
///
/// Return it from functions that both `initialize` and `process_batch` call. In `process_batch` and `health_check`, `?` converts
/// it into the error while running; in `initialize`, [`at_start`](Self::at_start) does into the one at start.
///
/// ```
/// use danube_sink::{ConnectorError, ConnectorResult, Failure, TargetFailure};
///
/// fn describe(table: &str) -> Result<(), Failure> {
///     Err(Failure::new(TargetFailure::NotReady, format!("describe the table {table}: it does not exist")))
/// }
///
/// fn initialize() -> ConnectorResult<()> {
///     describe("orders").map_err(Failure::at_start)
/// }
///
/// fn process_batch() -> ConnectorResult<()> {
///     Ok(describe("orders")?)
/// }
///
/// assert!(matches!(initialize(), Err(ConnectorError::Initialization { .. })));
/// assert!(matches!(process_batch(), Err(ConnectorError::Retryable { .. })));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct Failure {
    /// Class, which decides what the connector does.
    pub class: TargetFailure,
    /// What was tried, and what the target answered. It must not contain values of a record.
    pub message: String,
    /// The target's own code, such as an HTTP status, for a caller that distinguishes failures of one class. `None` by default.
    pub code: Option<u16>,
    /// Shortest delay before the next attempt, as requested by the target; `max_backoff_ms` is the upper bound. `None` by default.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// Creates a failure of this class.
    pub fn new(class: TargetFailure, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), code: None, retry_after: None }
    }

    /// Sets the target's own code.
    #[must_use]
    pub fn with_code(self, code: impl Into<Option<u16>>) -> Self {
        Self { code: code.into(), ..self }
    }

    /// Puts the operation that failed before the message: `create the table orders: 503 Service Unavailable`.
    #[must_use]
    pub fn context(self, what: impl AsRef<str>) -> Self {
        Self { message: format!("{}: {}", what.as_ref(), self.message), ..self }
    }

    /// The error to return from `initialize`.
    pub fn at_start(self) -> ConnectorError {
        after(self.retry_after, self.class.at_start(self.message))
    }
}

/// The error to return from `process_batch` and `health_check`.
impl From<Failure> for ConnectorError {
    fn from(failure: Failure) -> Self {
        after(failure.retry_after, failure.class.error(failure.message))
    }
}

fn after(delay: Option<Duration>, mut error: ConnectorError) -> ConnectorError {
    if let ConnectorError::Retryable { retry_after, .. } = &mut error {
        *retry_after = delay;
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_has_the_errors_of_its_class_and_the_requested_delay() {
        let delay = Some(Duration::from_secs(7));
        for class in TargetFailure::ALL {
            let failure = Failure { retry_after: delay, ..Failure::new(class, "HTTP 503").context("insert rows") };
            for (error, of_class) in [
                (failure.clone().at_start(), class.at_start("insert rows: HTTP 503")),
                (failure.into(), class.error("insert rows: HTTP 503")),
            ] {
                assert_eq!(error.report(), of_class.report());
                assert_eq!(std::mem::discriminant(&error), std::mem::discriminant(&of_class), "{class}");
                if let ConnectorError::Retryable { retry_after, .. } = error {
                    assert_eq!(retry_after, delay);
                }
            }
        }
    }
}
