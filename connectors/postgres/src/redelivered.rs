//! Redelivered records in `append` mode: their rows may exist already, after a restart whose acknowledgements were lost.
//!
//! Such a record violates a unique index by its own row, and would be refused at each start. It counts as written if the existing
//! row equals it in every column of the mapping (but for defaults such as `now()`), so nothing is lost. A row that differs belongs to another record, and the new one
//! is refused.

use tokio::time::Instant;
use tokio_postgres::{
    error::{DbError, SqlState},
    types::{ToSql, Type},
};

use super::{
    column::Column,
    failure::Failure,
    layout::Layout,
    name::TableName,
    session::{Session, Statement},
    transaction::Transaction,
};

/// A query of the columns of each unique index for which this condition holds, and that is neither partial nor on an expression.
fn columns_of_indexes(condition: &str) -> String {
    format!(
        "SELECT array_agg(a.attname::text) FROM pg_index i
        JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
        WHERE {condition} AND i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL AND k.place <= i.indnkeyatts
        GROUP BY i.indexrelid"
    )
}

/// The columns of each unique index of a table that can identify a row.
pub(crate) async fn unique_indexes(
    transaction: &Transaction<'_>,
    table: &TableName,
) -> Result<Vec<Vec<String>>, Failure> {
    let (text, table) = (columns_of_indexes("i.indrelid = $1::regclass"), table.to_string());
    let rows = transaction.rows(Statement { text: &text, parameters: &[(&table, Type::TEXT)] }).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// The columns of the unique index that an error is about; `None` if it is another error, or the index cannot identify a row.
pub(crate) async fn violated(
    session: &Session,
    answer: &DbError,
    deadline: Instant,
) -> Result<Option<Vec<String>>, Failure> {
    let (Some(schema), Some(index)) = (answer.schema(), answer.constraint()) else { return Ok(None) };
    if *answer.code() != SqlState::UNIQUE_VIOLATION {
        return Ok(None);
    }
    let parameters: [(&(dyn ToSql + Sync), Type); 2] = [(&schema, Type::TEXT), (&index, Type::TEXT)];
    let text = columns_of_indexes("n.nspname = $1 AND c.relname = $2");
    let rows = session.rows(Statement { text: &text, parameters: &parameters }, deadline).await?;
    Ok(rows.first().map(|row| row.get(0)))
}

/// The condition with which an `INSERT` skips rows that exist with equal values; `None` if these are not all columns of the index.
pub(crate) fn unless_equal(index: &[String], layout: &Layout, columns: &[&Column]) -> Option<String> {
    let index_of = |name: &String| columns.iter().position(|column| column.name == *name);
    let keys = index.iter().map(index_of).collect::<Option<Vec<_>>>()?;
    let keys = keys.iter().map(|&number| format!("held.{} = rows.v{number}", columns[number].quoted()));
    let written = columns.iter().enumerate().map(|(number, column)| comparable(column, &format!("rows.v{number}")));
    // A column that the record has no value for has its default, which may be another one each time.
    let is_left_out = |column: &&Column| !column.varies && columns.iter().all(|written| written.name != column.name);
    let left_out = layout.columns.iter().filter(is_left_out);
    let left_out = left_out.map(|column| {
        let default = column.default.as_deref().unwrap_or("NULL");
        comparable(column, &format!("({default})::{}", column.stored_as))
    });
    let (held, new): (Vec<_>, Vec<_>) = written.chain(left_out).unzip();
    // This operator compares any type, also one without an order such as `json`.
    let all = format!("ROW({})::record OPERATOR(pg_catalog.*=) ROW({})::record", held.join(", "), new.join(", "));
    let keys = keys.collect::<Vec<_>>().join(" AND ");
    Some(format!("NOT EXISTS (SELECT FROM {} held WHERE {keys} AND {all})", layout.name))
}

/// The expressions that compare a column of the existing row with the new value as it would be stored.
fn comparable(column: &Column, new: &str) -> (String, String) {
    let held = format!("held.{}", column.quoted());
    // The modifier of a number or time rounds; that of a text would cut it off.
    let cast = match column.ty {
        Type::BPCHAR | Type::VARCHAR => "text",
        Type::BPCHAR_ARRAY | Type::VARCHAR_ARRAY => "text[]",
        Type::BIT | Type::VARBIT | Type::BIT_ARRAY | Type::VARBIT_ARRAY => return (held, new.to_owned()),
        _ => return (held, format!("{new}::{}", column.stored_as)),
    };
    (format!("{held}::{cast}"), format!("{new}::{cast}"))
}
