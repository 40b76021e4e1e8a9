//! ClickHouse's answers: the class of each exception and status.

use danube_sink::{Failure, TargetFailure};
use danube_sink_http::Answer;

use super::column::Columns;
use TargetFailure::{Busy, Misconfigured, NotReady, Refused, TooLarge, Unauthenticated};

/// The class of each exception. Every other one is [`NotReady`].
pub(super) const EXCEPTIONS: [(u16, &str, TargetFailure); 72] = [
    (192, "UNKNOWN_USER", Unauthenticated),
    (193, "WRONG_PASSWORD", Unauthenticated),
    (194, "REQUIRED_PASSWORD", Unauthenticated),
    (195, "IP_ADDRESS_NOT_ALLOWED", Unauthenticated),
    (516, "AUTHENTICATION_FAILED", Unauthenticated),
    (16, "NO_SUCH_COLUMN_IN_TABLE", NotReady),
    (44, "ILLEGAL_COLUMN", NotReady),
    (47, "UNKNOWN_IDENTIFIER", NotReady),
    (60, "UNKNOWN_TABLE", NotReady),
    (81, "UNKNOWN_DATABASE", NotReady),
    (164, "READONLY", NotReady),
    (218, "TABLE_IS_DROPPED", NotReady),
    (242, "TABLE_IS_READ_ONLY", NotReady),
    (243, "NOT_ENOUGH_SPACE", NotReady),
    (291, "DATABASE_ACCESS_DENIED", NotReady),
    (497, "ACCESS_DENIED", NotReady),
    (201, "QUOTA_EXCEEDED", Busy),
    (202, "TOO_MANY_SIMULTANEOUS_QUERIES", Busy),
    (203, "NO_FREE_CONNECTION", Busy),
    (209, "SOCKET_TIMEOUT", Busy),
    (210, "NETWORK_ERROR", Busy),
    (225, "NO_ZOOKEEPER", Busy),
    (236, "ABORTED", Busy),
    (252, "TOO_MANY_PARTS", Busy),
    (279, "ALL_CONNECTION_TRIES_FAILED", Busy),
    (285, "TOO_FEW_LIVE_REPLICAS", Busy),
    (286, "UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE", Busy),
    (319, "UNKNOWN_STATUS_OF_INSERT", Busy),
    (394, "QUERY_WAS_CANCELLED", Busy),
    (439, "CANNOT_SCHEDULE_TASK", Busy),
    (745, "SERVER_OVERLOADED", Busy),
    (999, "KEEPER_EXCEPTION", Busy),
    (158, "TOO_MANY_ROWS", TooLarge),
    (159, "TIMEOUT_EXCEEDED", TooLarge),
    (160, "TOO_SLOW", TooLarge),
    (173, "CANNOT_ALLOCATE_MEMORY", TooLarge),
    (241, "MEMORY_LIMIT_EXCEEDED", TooLarge),
    (307, "TOO_MANY_BYTES", TooLarge),
    (396, "TOO_MANY_ROWS_OR_BYTES", TooLarge),
    (6, "CANNOT_PARSE_TEXT", Refused),
    (25, "CANNOT_PARSE_ESCAPE_SEQUENCE", Refused),
    (26, "CANNOT_PARSE_QUOTED_STRING", Refused),
    (27, "CANNOT_PARSE_INPUT_ASSERTION_FAILED", Refused),
    (38, "CANNOT_PARSE_DATE", Refused),
    (41, "CANNOT_PARSE_DATETIME", Refused),
    (53, "TYPE_MISMATCH", Refused),
    (69, "ARGUMENT_OUT_OF_BOUND", Refused),
    (70, "CANNOT_CONVERT_TYPE", Refused),
    (72, "CANNOT_PARSE_NUMBER", Refused),
    (117, "INCORRECT_DATA", Refused),
    (128, "TOO_LARGE_ARRAY_SIZE", Refused),
    (130, "CANNOT_READ_ARRAY_FROM_TEXT", Refused),
    (131, "TOO_LARGE_STRING_SIZE", Refused),
    (153, "ILLEGAL_DIVISION", Refused),
    (190, "SIZES_OF_ARRAYS_DONT_MATCH", Refused),
    (306, "TOO_DEEP_RECURSION", Refused),
    (321, "VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE", Refused),
    (349, "CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN", Refused),
    (376, "CANNOT_PARSE_UUID", Refused),
    (395, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO", Refused),
    (407, "DECIMAL_OVERFLOW", Refused),
    (441, "CANNOT_PARSE_DOMAIN_VALUE_FROM_STRING", Refused),
    (467, "CANNOT_PARSE_BOOL", Refused),
    (469, "VIOLATED_CONSTRAINT", Refused),
    (632, "UNEXPECTED_DATA_AFTER_PARSED_VALUE", Refused),
    (675, "CANNOT_PARSE_IPV4", Refused),
    (676, "CANNOT_PARSE_IPV6", Refused),
    (691, "UNKNOWN_ELEMENT_OF_ENUM", Refused),
    (48, "NOT_IMPLEMENTED", Misconfigured),
    (62, "SYNTAX_ERROR", Misconfigured),
    (73, "UNKNOWN_FORMAT", Misconfigured),
    (115, "UNKNOWN_SETTING", Misconfigured),
];

/// The class of a range of statuses, for answers without an exception code. Every other one is [`NotReady`].
pub(super) const STATUSES: [(u16, u16, TargetFailure); 6] = [
    (401, 401, Unauthenticated),
    (408, 408, Busy),
    (425, 425, Busy),
    (429, 429, Busy),
    (500, 599, Busy),
    // A proxy in front of the server limits the size of requests.
    (413, 413, Refused),
];

/// The exceptions, and the statuses of a proxy, by which a host says that another one may do it: it is read-only, or has lost the
/// replicas' coordinator.
const UNUSABLE: ([u16; 3], [u16; 3]) = ([225, 242, 999], [502, 503, 504]);

/// How exceptions of functions say where they were raised, in older and newer servers.
const FUNCTION: [&str; 2] = ["while executing 'FUNCTION ", "while executing function "];

/// What the answer to a request may repeat and no message shows.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Hidden<'c> {
    /// The columns of the request's rows, if it has any.
    pub(super) rows: Option<&'c Columns>,
    /// Whether the statement names a table that a record has chosen.
    pub(super) table: bool,
}

/// Whether the table or its database is missing.
pub(super) fn is_missing_table(failure: &Failure) -> bool {
    matches!(failure.code, Some(60 | 81))
}

/// Whether the user may not see, create or write the table.
pub(super) fn is_denied(failure: &Failure) -> bool {
    matches!(failure.code, Some(291 | 497))
}

/// Whether the database is missing, or makes no tables, for this user or because of its engine.
pub(super) fn makes_no_table(failure: &Failure) -> bool {
    is_missing_table(failure) || is_denied(failure) || matches!(failure.code, Some(48 | 79))
}

/// Whether the table may be the only cause: rights, its columns, or the views that are written with it.
pub(super) fn is_of_table(failure: &Failure) -> bool {
    is_denied(failure) || is_missing_table(failure) || matches!(failure.code, Some(16 | 44 | 47))
}

/// Whether a block has another type than its column, or one that it cannot have.
pub(super) fn is_other_type(failure: &Failure) -> bool {
    matches!(failure.code, Some(53 | 70))
}

/// Whether the table may have other columns than those that the rows were made for.
pub(super) fn may_be_for_columns(failure: &Failure) -> bool {
    is_other_type(failure) || is_of_table(failure)
}

/// Whether the host says that another one may do it.
pub(super) fn is_unusable(answer: &Answer) -> bool {
    let (codes, statuses) = UNUSABLE;
    code(answer).map_or(statuses.contains(&answer.status.as_u16()), |code| codes.contains(&code))
}

/// Checks an answer for an exception, which may come late with status 200.
pub(super) fn judged(what: &str, answer: Answer, hidden: Hidden<'_>) -> Result<Answer, Failure> {
    let code = code(&answer);
    let (class, message) = match code {
        Some(code) => exception(code, &answer, hidden),
        None if answer.status.is_success() => {
            // Not a success if the connection broke before the end.
            answer.judged_as(Ok(()), what, "").map_err(|failure| failure.with_code(None))?;
            if answer.is_whole {
                return Ok(answer);
            }
            foreign(&answer, hidden)
        }
        None => foreign(&answer, hidden),
    };
    // A function of a view may refuse a value, with any code, when the table has the rows already.
    let code = code.filter(|_| class != Refused || !is_of_function(&answer));
    let mut failure = Failure::new(class, format!("{what}: {message}")).with_code(code);
    failure.retry_after = answer.retry_after();
    Err(failure)
}

fn is_of_function(answer: &Answer) -> bool {
    FUNCTION.iter().any(|mark| answer.text().contains(mark))
}

/// The code of the exception in an answer.
fn code(answer: &Answer) -> Option<u16> {
    let code = answer.headers.get("x-clickhouse-exception-code").and_then(|code| code.to_str().ok()?.parse().ok());
    let in_text = || answer.text().strip_prefix("Code: ")?.split_once([',', '.'])?.0.parse().ok();
    code.or_else(in_text)
}

/// The failure of an answer that is not from ClickHouse. Some proxies repeat the request in theirs.
pub(super) fn foreign(answer: &Answer, hidden: Hidden<'_>) -> (TargetFailure, String) {
    let cut = if answer.is_whole { "" } else { ", and the answer is cut off" };
    let status = answer.status.as_u16();
    let known = STATUSES.iter().find(|(first, last, _)| (*first..=*last).contains(&status));
    let class = known.map_or(NotReady, |(.., class)| *class);
    let is_shown = hidden.rows.is_none() && !hidden.table;
    let text = if is_shown { answer.excerpt() } else { "no exception of ClickHouse".to_owned() };
    (class, format!("HTTP {status}{cut}: {text}"))
}

fn exception(code: u16, answer: &Answer, hidden: Hidden<'_>) -> (TargetFailure, String) {
    let text = answer.text();
    let reading = text.rsplit_once(" the value of key ").map(|(_, column)| column);
    let known = EXCEPTIONS.iter().find(|(number, ..)| *number == code);
    let class = match (code, known) {
        // A batch with rows of too many partitions is accepted in smaller ones.
        (252, _) if text.contains("for single INSERT block") => TooLarge,
        // It has chosen a table that takes no rows, such as a view, or a database that creates no tables.
        (48, _) if hidden.table => Refused,
        // Older servers report an unknown enum value with these general codes.
        (36 | 49, _) if reading.is_some() => Refused,
        (_, Some((.., class))) => *class,
        // A function of a view or a column does not take the value of a row.
        _ if hidden.rows.is_some() && is_of_function(answer) => Refused,
        _ => NotReady,
    };
    let mut message = known.map_or_else(|| format!("code {code}"), |(_, name, _)| format!("{name}, code {code}"));
    let Some(columns) = hidden.rows else {
        return (class, if hidden.table { message } else { format!("{message}: {}", answer.excerpt()) });
    };
    if known.is_some() && !hidden.table && !matches!(class, Refused | Misconfigured) {
        message = format!("{message}: {}", without_rows(&answer.excerpt()));
    }
    match reading.and_then(|column| columns.named_at(column)) {
        Some(column) => (class, format!("{message}, in the column {column}")),
        None => (class, message),
    }
}

/// The part of an exception's message before it mentions rows.
fn without_rows(text: &str) -> &str {
    let text = text.split_once("DB::Exception: ").map_or(text, |(_, text)| text);
    let ends = ["(while ", "(at row ", "While executing", "Column values"].iter().filter_map(|mark| text.find(mark));
    text[..ends.min().unwrap_or(text.len())].trim_end_matches([' ', ':'])
}
