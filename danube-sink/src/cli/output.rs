//! Standard output and standard error.

use std::io::{self, ErrorKind, Write, stderr, stdout};

use serde::Serialize;

use crate::error::{ConnectorError, ConnectorResult, ErrorExt};

/// The format of a command's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Text,
    /// One JSON object.
    Json,
}

/// Prints the output of a command.
///
/// # Errors
/// Standard output cannot be written. A reader that has closed its pipe is no error: it has what it wanted.
pub(super) fn print_all(text: &str) -> ConnectorResult<()> {
    let mut out = stdout().lock();
    written(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// Prints the output of a command as JSON.
///
/// # Errors
/// As [`print_all`].
pub(super) fn print_json(document: &impl Serialize) -> ConnectorResult<()> {
    let text = serde_json::to_string_pretty(document).fatal("write JSON")?;
    print_all(&format!("{text}\n"))
}

/// Prints the progress of a command that has other work to do, whether or not its output can be written.
pub(super) fn print_progress(text: &str) {
    let _ = print_all(text);
}

/// Prints an error on standard error, which has no other place to report its own errors.
pub(super) fn print_error(text: &str) {
    let mut out = stderr().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// The result of a write to standard output, to which a closed pipe is no error.
///
/// # Errors
/// As [`print_all`].
pub(super) fn written(result: io::Result<()>) -> ConnectorResult<()> {
    match result {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(ConnectorError::fatal(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}
