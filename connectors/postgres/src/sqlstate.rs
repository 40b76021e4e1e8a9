//! The meaning of SQLSTATEs: one table for code and READMEs.

use danube_sink::TargetFailure::{self, Busy, NotReady, Refused, TooLarge, Unauthenticated};
use tokio_postgres::error::DbError;

/// SQLSTATEs and classes of them, a description, and the class of the failure; the longest matching prefix applies.
///
/// Any other state is one that a trigger chose, and matches the last row.
const STATES: &[(&str, &str, TargetFailure)] = &[
    ("28", "credentials or `pg_hba.conf`", Unauthenticated),
    (POOLER, "credentials, from a pooler", Unauthenticated),
    ("0A", "not supported", NotReady),
    ("0L", "grantor", NotReady),
    ("0P", "role", NotReady),
    ("2200H", "a sequence has no more numbers", NotReady),
    ("25006", "read-only", NotReady),
    ("2B", "privileges in use", NotReady),
    ("2F", "a function's fault", NotReady),
    ("39", "a trigger's fault", NotReady),
    ("3D", "no such database", NotReady),
    ("3F", "no such schema", NotReady),
    ("42", "a missing right, table, column or type", NotReady),
    ("55", "not in the state for it", NotReady),
    ("57P04", "database dropped", NotReady),
    ("F0", "configuration file", NotReady),
    ("HV", "foreign table", NotReady),
    ("08", "connection", Busy),
    ("0B", "transaction", Busy),
    ("24", "cursor", Busy),
    ("25", "transaction", Busy),
    ("26", "lost statement", Busy),
    ("2D", "transaction", Busy),
    ("34", "cursor", Busy),
    ("3B", "savepoint", Busy),
    ("40", "deadlock, serialization", Busy),
    ("53", "disk full, too many connections", Busy),
    ("55P03", "lock", Busy),
    ("57", "server stopping or starting", Busy),
    ("58", "operating system", Busy),
    ("72", "snapshot", Busy),
    ("XX", "fault of the server", Busy),
    ("53200", "out of memory", TooLarge),
    ("53400", "limit of the configuration", TooLarge),
    ("57014", "statement timeout", TooLarge),
    ("02", "no data", Refused),
    ("09", "trigger", Refused),
    ("0F", "locator", Refused),
    ("0Z", "diagnostics", Refused),
    ("10", "XQuery", Refused),
    ("20", "`CASE`", Refused),
    ("21", "cardinality", Refused),
    ("22", "a value that its type does not take", Refused),
    ("23", "constraint", Refused),
    ("27", "trigger", Refused),
    ("38", "function", Refused),
    ("44", "a view's check", Refused),
    ("54", "limit of the server", Refused),
    ("P0", "what a trigger raises", Refused),
    (SYNTAX_OF_A_VALUE, "a `tsquery` or `jsonpath`", Refused),
    (POLICY, "row-level security", Refused),
    (OF_EXTENSION, "a value of an extension's type", Refused),
    ("", "a state of a trigger's own", Refused),
];

/// States and classes of them that are about the table of the statement, or what belongs to it: its triggers, its sequence.
const OF_TABLES: [&str; 7] = ["0A", "2200H", "2F", "39", "42", "55", "HV"];
/// A pooler refuses the credentials, under the state of a broken connection.
const POOLER: &str = "08P01 credentials";
/// A value has a syntax error in its type's grammar.
const SYNTAX_OF_A_VALUE: &str = "42601 value";
/// A row-level security policy refuses the row, under the state of a missing privilege.
const POLICY: &str = "42501 policy";
/// A type of an extension cannot read a value, and reports it under the state of a fault of the server. PostGIS does.
pub(crate) const OF_EXTENSION: &str = "XX000 extension";

/// The class of an error of the server.
pub(crate) fn meaning(answer: &DbError) -> TargetFailure {
    let state = match answer.code().code() {
        // This routine reports a policy; the message would be in the server's language.
        "42501" if answer.routine() == Some("ExecWithCheckOptions") => POLICY,
        // Poolers are not translated.
        "08P01" if answer.message().contains("authentication failed") => POOLER,
        // The connector's own statements have no such error: a type such as `tsquery` or `jsonpath` reads its values so.
        "42601" if answer.position().is_none() => SYNTAX_OF_A_VALUE,
        state => state,
    };
    of_state(state)
}

/// Whether an error is about the table of the statement: others may be written.
pub(crate) fn is_of_table(answer: &DbError) -> bool {
    meaning(answer) == NotReady && OF_TABLES.iter().any(|state| answer.code().code().starts_with(state))
}

/// The class of a state, or of a state with the case that a constant above names.
pub(crate) fn of_state(state: &str) -> TargetFailure {
    let matching = STATES.iter().filter(|(prefix, ..)| state.starts_with(prefix));
    matching.max_by_key(|(prefix, ..)| prefix.len()).map_or(Refused, |(.., failure)| *failure)
}

/// The SQLSTATEs with their classes, for the table of verdicts in a connector's README; `danube_sink::testing::verdict_table`
/// renders it.
pub fn verdicts() -> impl Iterator<Item = (String, TargetFailure)> {
    STATES.iter().map(|(state, what, failure)| {
        let state = state.split(' ').next().unwrap_or_default();
        let answer = if state.is_empty() { (*what).to_owned() } else { format!("`{state}` {what}") };
        (answer, *failure)
    })
}

/// Whether the session can be used for the next transaction. Otherwise it is closed: another host may accept writes, and a new
/// session has the role's current settings.
pub(crate) fn leaves_session_intact(answer: &DbError, failure: TargetFailure) -> bool {
    let state = answer.code().code();
    matches!(failure, Refused | TooLarge) || state.starts_with("40") || state == "55P03"
}

/// The advice at the end of an error message.
pub(crate) fn advice(state: &str) -> &'static str {
    match state {
        "42501" => "; grant the privilege to the role",
        "42P01" | "42703" | "3F000" | "3D000" => "; create it, or correct the mapping",
        "42804" | "42846" | "42883" | "42P10" => "; the table no longer matches the mapping",
        "23502" => "; give the column a default or a value of the mapping",
        "25006" => "; another host that accepts writes is tried, if there is one",
        state if state.starts_with("28") => "; correct user, password or pg_hba.conf, and restart",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every class of appendix A of PostgreSQL's manual, but for those that are no errors.
    const CLASSES: &str = "02 08 09 0A 0B 0F 0L 0P 0Z 10 20 21 22 23 24 25 26 27 28 2B 2D 2F 34 38 39 3B 3D 3F 40 42 44 53 54 55 \
                           57 58 72 F0 HV P0 XX";

    #[test]
    fn every_class_of_the_manual_has_a_line() {
        for class in CLASSES.split_whitespace() {
            assert!(STATES.iter().any(|(state, ..)| *state == class), "{class}");
        }
        for (number, (state, ..)) in STATES.iter().enumerate() {
            assert!(STATES[..number].iter().all(|(earlier, ..)| earlier != state), "{state} twice");
        }
    }

    #[test]
    fn the_longest_state_counts() {
        for (state, failure) in [
            ("57014", TooLarge),
            ("57P01", Busy),
            ("57P04", NotReady),
            ("53100", Busy),
            ("53200", TooLarge),
            ("25006", NotReady),
            ("25P02", Busy),
            ("42501", NotReady),
            (POLICY, Refused),
            ("23502", Refused),
            ("22P02", Refused),
            ("U0001", Refused),
        ] {
            assert_eq!(of_state(state), failure, "{state}");
        }
    }
}
