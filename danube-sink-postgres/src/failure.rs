//! What a failure means for a batch, and its text.

use std::{
    error::Error,
    fmt::Write,
    io::{self, ErrorKind},
    time::Duration,
};

use danube_sink::{ConnectorError, ConnectorResult, TargetFailure};
use tokio_postgres::error::DbError;

use super::{
    message,
    sqlstate::{advice, leaves_session_intact, meaning},
};

/// Why nothing was written.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server's answer, or that the connection is gone.
    Client(tokio_postgres::Error),
    /// No answer within this time.
    NoAnswer(Duration),
    /// None of the hosts can be used.
    NoHost(Vec<(String, Failure)>),
    /// The table is not what the mapping needs.
    Table(String),
}

impl Failure {
    /// Whether the session can take the next transaction.
    pub(crate) fn leaves_session_intact(&self) -> bool {
        self.answer().is_some_and(|answer| leaves_session_intact(answer, meaning(answer, |_| true)))
    }

    /// What the server answered.
    pub(crate) fn answer(&self) -> Option<&DbError> {
        match self {
            Self::Client(error) => error.as_db_error(),
            _ => None,
        }
    }

    /// What it means for a batch. `is_mapped` says whether the mapping writes a column.
    pub(crate) fn meaning(&self, is_mapped: impl Fn(&str) -> bool + Copy) -> TargetFailure {
        match self {
            Self::Client(error) => {
                error.as_db_error().map_or_else(|| of_client(error), |answer| meaning(answer, is_mapped))
            }
            Self::NoAnswer(_) => TargetFailure::Busy,
            Self::Table(_) => TargetFailure::NotReady,
            Self::NoHost(hosts) => {
                // A host that is starting may take writes soon, and another one may know the user.
                let meanings = || hosts.iter().map(|(_, failure)| failure.meaning(is_mapped));
                let hopeful = meanings().find(|failure| *failure == TargetFailure::Busy);
                let other = || meanings().find(|failure| *failure != TargetFailure::Unauthenticated);
                hopeful.or_else(other).unwrap_or(TargetFailure::Unauthenticated)
            }
        }
    }

    /// The text, without what a record holds. `has_records` says whether any were written.
    fn text(&self, has_records: bool) -> String {
        match self {
            Self::Client(error) => match error.as_db_error() {
                Some(answer) => format!("{}{}", message::text(answer, has_records), advice(answer.code().code())),
                None => chain(error),
            },
            Self::NoAnswer(limit) => format!("no answer within {:.1} s", limit.as_secs_f64()),
            Self::NoHost(hosts) => {
                let each = hosts.iter().map(|(host, failure)| format!("{host}: {}", failure.text(false)));
                each.collect::<Vec<_>>().join("; ")
            }
            Self::Table(text) => text.clone(),
        }
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Client(error)
    }
}

/// What an error means that the client found itself; it tells them apart by their texts alone.
fn of_client(error: &tokio_postgres::Error) -> TargetFailure {
    let below = error.source().and_then(|below| below.downcast_ref::<io::Error>()).map(io::Error::kind);
    match (error.to_string().as_str(), below) {
        // No password, or none that the server's method takes.
        ("authentication error" | "invalid configuration", _) => TargetFailure::Unauthenticated,
        ("error performing TLS handshake", None | Some(ErrorKind::InvalidData)) => TargetFailure::NotReady,
        // A server that takes no writes, or a socket of the file system.
        (_, Some(ErrorKind::PermissionDenied)) => TargetFailure::NotReady,
        ("error encoding message to server", _) => TargetFailure::TooLarge,
        _ => TargetFailure::Busy,
    }
}

/// An error of the client, with those below it.
fn chain(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(error) = below {
        let _ = write!(text, ": {error}");
        below = error.source();
    }
    text
}

/// The error of a try to write, or of the health check.
///
/// # Errors
/// The failure, by its meaning.
pub(crate) fn sorted<T>(
    result: Result<T, Failure>,
    what: &str,
    is_mapped: impl Fn(&str) -> bool + Copy,
    has_records: bool,
) -> ConnectorResult<T> {
    result.map_err(|failure| failure.meaning(is_mapped).error(format!("{what}: {}", failure.text(has_records))))
}

/// The error at start.
pub(crate) fn at_start(failure: &Failure, what: &str) -> ConnectorError {
    failure.meaning(|_| true).at_start(format!("{what}: {}", failure.text(false)))
}
