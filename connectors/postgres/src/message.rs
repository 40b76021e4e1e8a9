//! Error messages of the server, without values of records.
//!
//! A message is in the server's language and may repeat values, with or without quotation marks, also those that a trigger
//! raises. So while records are written, an error is described by the name of its SQLSTATE and by the object names that the
//! server sends with the message; the message itself is shown only if it cannot be about values.

use std::fmt::Write;

use tokio_postgres::error::{DbError, ErrorPosition, SqlState};

use super::failure::Shown;

/// Describes an error of the server.
pub(crate) fn text(answer: &DbError, shown: Shown) -> String {
    let code = answer.code().code();
    if shown == Shown::Message || shown == Shown::Names && is_about_the_statement(answer) {
        return format!("{} (SQLSTATE {code})", answer.message());
    }
    let mut text = format!("{} (SQLSTATE {code})", condition(code));
    // A function can put anything into these names; its errors have a context.
    if shown == Shown::Names && answer.where_().is_none() {
        let names = [
            ("table", answer.table()),
            ("column", answer.column()),
            ("constraint", answer.constraint()),
            ("type", answer.datatype()),
        ];
        for (what, name) in names {
            let _ = name.map(|name| write!(text, ", {what} {name:?}"));
        }
    }
    text
}

/// Whether the message is about the connector's own statement, whose values are all parameters, or about the server.
fn is_about_the_statement(answer: &DbError) -> bool {
    answer.where_().is_none()
        && match &answer.code().code()[..2] {
            "42" if *answer.code() == SqlState::INSUFFICIENT_PRIVILEGE => true,
            // Types that name catalog objects refuse their values with these classes too, but without a position in the statement.
            "0A" | "42" => matches!(answer.position(), Some(ErrorPosition::Original(_))),
            class => matches!(class, "08" | "25" | "28" | "3D" | "40" | "53" | "55" | "57" | "58"),
        }
}

/// The name of a SQLSTATE, or of its class.
pub(crate) fn condition(code: &str) -> &'static str {
    let find = |state: &str| CONDITIONS.iter().find(|(code, _)| *code == state).map(|(_, name)| *name);
    find(code).or_else(|| find(code.get(..2)?)).unwrap_or("an error that a function raises")
}

/// The condition names of appendix A of PostgreSQL's manual.
const CONDITIONS: &[(&str, &str)] = &[
    ("08", "connection exception"),
    ("0A", "feature not supported"),
    ("21", "cardinality violation"),
    ("22", "data exception"),
    ("22001", "string data right truncation"),
    ("22003", "numeric value out of range"),
    ("22004", "null value not allowed"),
    ("22007", "invalid datetime format"),
    ("22008", "datetime field overflow"),
    ("22009", "invalid time zone displacement value"),
    ("2200M", "invalid XML document"),
    ("2200N", "invalid XML content"),
    ("22015", "interval field overflow"),
    ("22021", "character not in repertoire"),
    ("22023", "invalid parameter value"),
    ("22026", "string data length mismatch"),
    ("22030", "duplicate JSON object key value"),
    ("22032", "invalid JSON text"),
    ("22P02", "invalid text representation"),
    ("22P03", "invalid binary representation"),
    ("22P05", "untranslatable character"),
    ("23", "integrity constraint violation"),
    ("23502", "not null violation"),
    ("23503", "foreign key violation"),
    ("23505", "unique violation"),
    ("23514", "check violation"),
    ("23P01", "exclusion violation"),
    ("25", "invalid transaction state"),
    ("25006", "read only SQL transaction"),
    ("28", "invalid authorization specification"),
    ("3F", "invalid schema name"),
    ("40", "transaction rollback"),
    ("40001", "serialization failure"),
    ("40P01", "deadlock detected"),
    ("42", "syntax error or access rule violation"),
    ("42501", "insufficient privilege"),
    ("42601", "syntax error"),
    ("42703", "undefined column"),
    ("42704", "undefined object"),
    ("42883", "undefined function"),
    ("42P01", "undefined table"),
    ("428C9", "generated always"),
    ("44", "with check option violation"),
    ("53", "insufficient resources"),
    ("53100", "disk full"),
    ("53200", "out of memory"),
    ("53300", "too many connections"),
    ("54", "program limit exceeded"),
    ("55", "object not in prerequisite state"),
    ("55P03", "lock not available"),
    ("57", "operator intervention"),
    ("57014", "query canceled"),
    ("57P01", "admin shutdown"),
    ("58", "system error"),
    ("P0", "PL/pgSQL error"),
    ("P0001", "raised by a trigger or function; the server's log has its message"),
    ("XX", "internal error"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_without_a_name_of_its_own_has_that_of_its_class() {
        assert_eq!(condition("22P02"), "invalid text representation");
        assert_eq!(condition("22ZZZ"), "data exception");
        assert_eq!(condition("U0001"), "an error that a function raises");
    }
}
