//! What ClickHouse answers, and what its exceptions mean for a batch.

use danube_sink::{ConnectorResult, ErrorExt};

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("no answer from ClickHouse")]
    Unreachable(#[source] reqwest::Error),
    /// The text may hold values of the rows.
    #[error("{}", exception(*.code, .text))]
    Exception { code: u16, text: String },
    #[error("HTTP {status}: {}", start(.text))]
    Http { status: u16, text: String },
}

/// The URL holds the whole statement.
impl From<reqwest::Error> for Failure {
    fn from(error: reqwest::Error) -> Self {
        Self::Unreachable(error.without_url())
    }
}

/// A value that a column cannot take.
pub(super) const REFUSED: [(u16, &str); 25] = [
    (6, "CANNOT_PARSE_TEXT"),
    (25, "CANNOT_PARSE_ESCAPE_SEQUENCE"),
    (26, "CANNOT_PARSE_QUOTED_STRING"),
    (27, "CANNOT_PARSE_INPUT_ASSERTION_FAILED"),
    (38, "CANNOT_PARSE_DATE"),
    (41, "CANNOT_PARSE_DATETIME"),
    (53, "TYPE_MISMATCH"),
    (69, "ARGUMENT_OUT_OF_BOUND"),
    (70, "CANNOT_CONVERT_TYPE"),
    (72, "CANNOT_PARSE_NUMBER"),
    (117, "INCORRECT_DATA"),
    (128, "TOO_LARGE_ARRAY_SIZE"),
    (130, "CANNOT_READ_ARRAY_FROM_TEXT"),
    (131, "TOO_LARGE_STRING_SIZE"),
    (190, "SIZES_OF_ARRAYS_DONT_MATCH"),
    (321, "VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE"),
    (349, "CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN"),
    (376, "CANNOT_PARSE_UUID"),
    (407, "DECIMAL_OVERFLOW"),
    (441, "CANNOT_PARSE_DOMAIN_VALUE_FROM_STRING"),
    (467, "CANNOT_PARSE_BOOL"),
    (469, "VIOLATED_CONSTRAINT"),
    (675, "CANNOT_PARSE_IPV4"),
    (676, "CANNOT_PARSE_IPV6"),
    (691, "UNKNOWN_ELEMENT_OF_ENUM"),
];

/// What no later try changes without somebody's help.
pub(super) const FATAL: [(u16, &str); 14] = [
    (16, "NO_SUCH_COLUMN_IN_TABLE"),
    (44, "ILLEGAL_COLUMN"),
    (47, "UNKNOWN_IDENTIFIER"),
    (48, "NOT_IMPLEMENTED"),
    (62, "SYNTAX_ERROR"),
    (115, "UNKNOWN_SETTING"),
    (164, "READONLY"),
    (192, "UNKNOWN_USER"),
    (193, "WRONG_PASSWORD"),
    (194, "REQUIRED_PASSWORD"),
    (195, "IP_ADDRESS_NOT_ALLOWED"),
    (291, "DATABASE_ACCESS_DENIED"),
    (497, "ACCESS_DENIED"),
    (516, "AUTHENTICATION_FAILED"),
];

impl Failure {
    /// What the status and the text of an answer tell. An exception that comes late has status 200.
    pub(super) fn of(status: u16, code: Option<u16>, text: String) -> Self {
        match code.or_else(|| text.strip_prefix("Code: ")?.split([',', '.']).next()?.parse().ok()) {
            Some(code) => Self::Exception { code, text },
            None => Self::Http { status, text },
        }
    }
}

/// What the runtime is to do with the batch.
pub(super) fn judged(written: Result<(), Failure>) -> ConnectorResult<()> {
    let what = "insert rows";
    match &written {
        Err(Failure::Exception { code, text }) if is_refusal(*code, text) => written.refused(what),
        Err(Failure::Exception { code, .. }) if name(&FATAL, *code).is_some() => written.fatal(what),
        // What stands before the server limits the size of requests, or wants other credentials.
        Err(Failure::Http { status: 413, .. }) => written.refused(what),
        Err(Failure::Http { status: 401 | 403, .. }) => written.fatal(what),
        _ => written.retryable(what),
    }
}

/// Whether a row is to blame. A batch that reaches into too many partitions is taken in smaller ones. An unknown word of an
/// enum has had codes of general use, which stand for other things where no value was being read.
fn is_refusal(code: u16, text: &str) -> bool {
    match code {
        252 => text.contains("for single INSERT block"),
        36 | 49 => column(text).is_some(),
        _ => name(&REFUSED, code).is_some(),
    }
}

fn name(known: &[(u16, &'static str)], code: u16) -> Option<&'static str> {
    known.iter().find(|(number, _)| *number == code).map(|(_, name)| *name)
}

/// What may be told of an exception: nothing of what a row holds.
fn exception(code: u16, text: &str) -> String {
    let name = name(&REFUSED, code).or(name(&FATAL, code));
    let named = name.map_or_else(|| format!("code {code}"), |name| format!("{name}, code {code}"));
    match column(text) {
        Some(column) => format!("{named}, in the column {column}"),
        None if is_refusal(code, text) || text.contains("(at row ") => named,
        None => format!("{named}: {}", start(text)),
    }
}

/// The column that a value was read for.
fn column(text: &str) -> Option<&str> {
    text.split_once(" the value of key ")?.1.split_once(')').map(|(column, _)| column)
}

/// Enough of it to know what it is.
fn start(text: &str) -> &str {
    let end = text.char_indices().nth(300).map_or(text.len(), |(end, _)| end);
    text[..end].trim_end()
}
