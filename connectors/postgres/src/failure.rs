//! Failures of writes: their class for a batch, and their message.

use std::{
    error::Error,
    fmt::Write,
    io::{self, ErrorKind},
    time::Duration,
};

use danube_sink::{ConnectorError, ConnectorResult, TargetFailure};
use tokio_postgres::error::{DbError, SqlState};

use super::{
    message,
    sqlstate::{OF_EXTENSION, advice, is_of_table, leaves_session_intact, meaning, of_state},
};

/// Why a transaction failed; nothing was written.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An error of the server, or a lost connection.
    Client(tokio_postgres::Error),
    /// An error by which a type of an extension refuses a value, although the SQLSTATE is of a fault of the server.
    OfExtension(tokio_postgres::Error),
    /// No answer within this time.
    NoAnswer(Duration),
    /// None of the hosts can be used.
    NoHost(Vec<(String, Failure)>),
    /// The table does not match the mapping.
    Table(String),
    /// The table was altered since its columns were read.
    Altered,
}

impl Failure {
    /// Whether the session can take the next transaction.
    pub(crate) fn leaves_session_intact(&self) -> bool {
        matches!(self, Self::Altered)
            || self.answer().is_some_and(|answer| leaves_session_intact(answer, meaning(answer)))
    }

    /// The server's error, if there is one.
    pub(crate) fn answer(&self) -> Option<&DbError> {
        match self {
            Self::Client(error) | Self::OfExtension(error) => error.as_db_error(),
            _ => None,
        }
    }

    /// The class of the failure.
    pub(crate) fn meaning(&self) -> TargetFailure {
        match self {
            Self::Client(error) => error.as_db_error().map_or_else(|| class_of_client_error(error), meaning),
            Self::OfExtension(_) => of_state(OF_EXTENSION),
            Self::NoAnswer(_) | Self::Altered => TargetFailure::Busy,
            Self::Table(_) => TargetFailure::NotReady,
            Self::NoHost(hosts) => {
                // A host that is starting may take writes soon, and another one may know the user.
                let meanings = || hosts.iter().map(|(_, failure)| failure.meaning());
                let hopeful = meanings().find(|failure| *failure == TargetFailure::Busy);
                let other = || meanings().find(|failure| *failure != TargetFailure::Unauthenticated);
                hopeful.or_else(other).unwrap_or(TargetFailure::Unauthenticated)
            }
        }
    }

    /// Whether the table or its schema does not exist.
    pub(crate) fn is_missing_table(&self) -> bool {
        let missing = [SqlState::UNDEFINED_TABLE, SqlState::INVALID_SCHEMA_NAME];
        self.answer().is_some_and(|answer| missing.contains(answer.code()))
    }

    /// Whether this table cannot be written, while others may be. One that does not exist may be created.
    pub(crate) fn is_of_table(&self) -> bool {
        let is_of_answer = || !self.is_missing_table() && self.answer().is_some_and(is_of_table);
        matches!(self, Self::Table(_)) || is_of_answer()
    }

    /// The message, without values of records.
    pub(crate) fn text(&self, shown: Shown) -> String {
        match self {
            Self::Client(error) | Self::OfExtension(error) => match error.as_db_error() {
                Some(answer) => format!("{}{}", message::text(answer, shown), advice(answer.code().code())),
                None => chain(error),
            },
            Self::NoAnswer(limit) => format!("no answer within {:.1} s", limit.as_secs_f64()),
            Self::NoHost(hosts) => {
                let each = hosts.iter().map(|(host, failure)| format!("{host}: {}", failure.text(Shown::Message)));
                each.collect::<Vec<_>>().join("; ")
            }
            Self::Table(text) => text.clone(),
            Self::Altered => "the type of a column was altered; the batch is written again".to_owned(),
        }
    }
}

/// How much of an answer a message shows, so that it has no values of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// The server's message: the statement has no values of records.
    Message,
    /// The condition, and the names of table, column, constraint and type.
    Names,
    /// The condition alone: the table's name has values of records.
    Condition,
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Client(error)
    }
}

/// The end of the client library's message about a server without certificates, as PostgreSQL is after its installation.
const NO_TLS: &str = "server does not support TLS";

/// The class of an error of the client library, which distinguishes its errors by their messages alone.
fn class_of_client_error(error: &tokio_postgres::Error) -> TargetFailure {
    let below = error.source().and_then(|below| below.downcast_ref::<io::Error>()).map(io::Error::kind);
    match (error.to_string().as_str(), below) {
        // No password, or none that the server's method takes.
        ("authentication error" | "invalid configuration", _) => TargetFailure::Unauthenticated,
        ("error performing TLS handshake", None | Some(ErrorKind::InvalidData)) => TargetFailure::NotReady,
        // A server that takes no writes, or a socket of the file system.
        (_, Some(ErrorKind::PermissionDenied)) => TargetFailure::NotReady,
        ("error encoding message to server", _) => TargetFailure::TooLarge,
        (text, _) if text.starts_with("error serializing parameter ") => TargetFailure::Refused,
        _ => TargetFailure::Busy,
    }
}

/// An error of the client library with the chain of its sources.
fn chain(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(error) = below {
        let _ = write!(text, ": {error}");
        below = error.source();
    }
    if text.ends_with(NO_TLS) {
        text.push_str(
            "; on a trusted network, set `tls = false` in the table `server`, or `sslmode=disable` in its URL",
        );
    }
    text
}

/// Turns a failure of a write or a health check into the error of its class.
///
/// # Errors
/// The error of the failure's class.
pub(crate) fn classified<T>(result: Result<T, Failure>, what: &str, shown: Shown) -> ConnectorResult<T> {
    result.map_err(|failure| failure.meaning().error(format!("{what}: {}", failure.text(shown))))
}

/// The error of a failure at start.
pub(crate) fn at_start(failure: &Failure, what: &str) -> ConnectorError {
    failure.meaning().at_start(format!("{what}: {}", failure.text(Shown::Message)))
}
