//! Finds all values of a refused batch that their types cannot read, with one query instead of one attempt per record.

use std::collections::HashMap;

use danube_sink::{ConnectorError, PartialFailure, RecordId, SinkRecord};
use tokio::time::Instant;
use tokio_postgres::{
    error::{Severity, SqlState},
    types::{ToSql, Type},
};

use super::{
    column::Column,
    datum::Datum,
    failure::Failure,
    layout::Layout,
    message::condition,
    name::quoted,
    rows::Row,
    session::{Session, Statement},
    text::is_extension_type,
};

/// Why records cannot be written.
pub(crate) type Reasons<'r> = HashMap<&'r RecordId, String>;

/// Selects the values `$4` that the types `$3` cannot read, with their rows `$1` and columns `$2`. Needs PostgreSQL 16.
const UNREADABLE: &str = "
    SELECT given.place, given.name, problem.sql_error_code
    FROM unnest($1::int8[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS given(place, name, type, value, number)
    CROSS JOIN LATERAL pg_catalog.pg_input_error_info(given.value, given.type) problem
    WHERE problem.sql_error_code IS NOT NULL
    ORDER BY given.number";

/// Whether a failure may be about a value that its type cannot read. Types that name catalog objects, or have their own grammar,
/// report it like an error of the statement (class 42), and some types of extensions as a fault of the server. An error that ends the
/// session (`FATAL`) is never about a value.
pub(crate) fn is_about_values(failure: &Failure, layout: &Layout) -> bool {
    let Some(answer) = failure.answer().filter(|answer| answer.parsed_severity() == Some(Severity::Error)) else {
        return false;
    };
    match answer.code() {
        code if *code == SqlState::INTERNAL_ERROR => layout.columns.iter().any(Column::is_read_by_extension),
        code => matches!(&code.code()[..2], "22" | "23" | "42"),
    }
}

/// The failure of a write of these rows: a fault of the server is of a value if a row has one for an extension's type.
pub(crate) fn of_extension(failure: Failure, layout: &Layout, rows: &[Row<'_>]) -> Failure {
    let is_value = |(column, datum): (&Column, &Option<Datum<'_>>)| {
        column.is_read_by_extension() && !matches!(datum, None | Some(Datum::Null))
    };
    let has_value = |row: &Row<'_>| layout.columns.iter().zip(&row.data).any(is_value);
    let may_be_of_value = is_about_values(&failure, layout) && rows.iter().any(has_value);
    match failure {
        Failure::Client(error) if may_be_of_value && error.code() == Some(&SqlState::INTERNAL_ERROR) => {
            Failure::OfExtension(error)
        }
        failure => failure,
    }
}

/// The records with values that the types of their columns cannot read.
///
/// # Errors
/// The server's error, also if it is older than PostgreSQL 16.
pub(crate) async fn unreadable<'r>(
    session: &Session,
    layout: &Layout,
    rows: &[Row<'r>],
    deadline: Instant,
) -> Result<Reasons<'r>, Failure> {
    let (mut places, mut names, mut types, mut texts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (place, row) in (0_i64..).zip(rows) {
        for (column, datum) in layout.columns.iter().zip(&row.data) {
            // Few extension types support it: the others fail the query.
            if let Some(text) = datum.as_ref().filter(|_| !is_extension_type(&column.ty)).and_then(Datum::text) {
                places.push(place);
                names.push(&column.name);
                // Money is read as a number.
                types.push(if column.ty == Type::MONEY { "numeric" } else { &column.stored_as });
                texts.push(text);
            }
        }
    }
    let parameters: [(&(dyn ToSql + Sync), Type); 4] = [
        (&places, Type::INT8_ARRAY),
        (&names, Type::TEXT_ARRAY),
        (&types, Type::TEXT_ARRAY),
        (&texts, Type::TEXT_ARRAY),
    ];
    let mut reasons = Reasons::new();
    for found in session.rows(Statement { text: UNREADABLE, parameters: &parameters }, deadline).await? {
        let (place, name, code): (i64, &str, &str) = (found.get(0), found.get(1), found.get(2));
        let Some(row) = usize::try_from(place).ok().and_then(|place| rows.get(place)) else { continue };
        let condition = condition(code);
        let reason = || format!("invalid value for column {}: {condition} (SQLSTATE {code})", quoted(name));
        reasons.entry(row.record.id()).or_insert_with(reason);
    }
    Ok(reasons)
}

/// The error that rejects records with such values.
pub(crate) fn refused(records: &[SinkRecord], reasons: &Reasons<'_>, what: &str) -> ConnectorError {
    if let ([_], Some(reason)) = (records, reasons.values().next()) {
        return ConnectorError::refused(format!("{what}: {reason}"));
    }
    let mut failure = PartialFailure::default();
    for record in records {
        match reasons.get(record.id()) {
            Some(reason) => failure.reject(record, reason),
            None => failure.retry_untried(record),
        };
    }
    failure.into()
}
