//! What an error of the server means for a batch.

use danube_sink::{ConnectorError, ConnectorResult, ErrorExt};
use deadpool_postgres::PoolError;

/// Says what a failure means, by the class of its SQLSTATE: it may pass, or it is for what a record holds, or it is fatal.
///
/// The text is without what a record holds: that stands in the server's detail, and between quotation marks in what it says
/// of data.
///
/// # Errors
/// The failure.
pub(crate) fn sorted<T>(result: Result<T, PoolError>, what: &str) -> ConnectorResult<T> {
    let Err(PoolError::Backend(error)) = result else { return result.retryable(what) };
    let Some(answer) = error.as_db_error() else { return Err(error).retryable(what) };
    let code = answer.code().code();
    let shown = |(number, part)| if code.starts_with("22") && number % 2 == 1 { "…" } else { part };
    let message = answer.message().split('"').enumerate().map(shown).collect::<Vec<_>>().join("\"");
    let text = format!("{what}: {message} (SQLSTATE {code})");
    Err(match &code[..2] {
        // Connection, a server that is a standby, rollback, resources, locks, an operator, the system.
        "08" | "25" | "40" | "53" | "55" | "57" | "58" => ConnectorError::retryable(text),
        // Two rows of one key, data, constraints, a view's check, limits, and what a trigger raises.
        "21" | "22" | "23" | "44" | "54" => ConnectorError::refused(text),
        "P0" if code == "P0001" => ConnectorError::refused(text),
        _ => ConnectorError::fatal(text),
    })
}
