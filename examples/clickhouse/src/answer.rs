//! What ClickHouse answers, and what its exceptions mean for a batch.

use danube_sink::{ConnectorError, ConnectorResult};
use danube_sink_http::Answer;

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

/// What the server says, unless it is an exception. One that comes late has status 200.
pub(super) fn judged(what: &str, answer: Answer) -> ConnectorResult<Answer> {
    let code = answer.headers.get("x-clickhouse-exception-code").and_then(|code| code.to_str().ok()?.parse().ok());
    let in_text = || answer.text.strip_prefix("Code: ")?.split_once([',', '.'])?.0.parse().ok();
    let Some(code) = code.or_else(in_text) else {
        if answer.status.is_success() && answer.is_whole {
            return Ok(answer);
        }
        let cut = if answer.is_whole { "" } else { ", and the answer broke off" };
        let message = format!("{what}: HTTP {}{cut}: {}", answer.status.as_u16(), answer.told());
        return Err(match answer.status.as_u16() {
            // What stands before the server limits the size of requests, or wants other credentials.
            413 => ConnectorError::refused(message),
            401 | 403 => ConnectorError::fatal(message),
            _ => ConnectorError::retryable(message),
        });
    };
    let message = format!("{what}: {}", exception(code, &answer));
    Err(match code {
        _ if is_refusal(code, &answer.text) => ConnectorError::refused(message),
        _ if name(&FATAL, code).is_some() => ConnectorError::fatal(message),
        _ => ConnectorError::retryable(message),
    })
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
fn exception(code: u16, answer: &Answer) -> String {
    let text = &answer.text;
    let name = name(&REFUSED, code).or(name(&FATAL, code));
    let named = name.map_or_else(|| format!("code {code}"), |name| format!("{name}, code {code}"));
    match column(text) {
        Some(column) => format!("{named}, in the column {column}"),
        None if is_refusal(code, text) || text.contains("(at row ") => named,
        None => format!("{named}: {}", answer.told()),
    }
}

/// The column that a value was read for.
fn column(text: &str) -> Option<&str> {
    text.split_once(" the value of key ")?.1.split_once(')').map(|(column, _)| column)
}
