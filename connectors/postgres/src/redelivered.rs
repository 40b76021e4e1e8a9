//! Redelivered records in `append` mode: their rows may exist already, after a restart whose acknowledgements were lost.
//!
//! Such a record violates a unique index by its own row, and would be refused at each start. It counts as written if the existing
//! row equals it in every column of the mapping (but for defaults such as `now()`), so nothing is lost. A row that differs belongs to another record, and the new one
//! is refused.

use tokio::time::Instant;
use tokio_postgres::{
    Row,
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

/// A unique index that can identify a row.
pub(crate) struct UniqueIndex {
    pub(crate) columns: Vec<String>,
    /// Whether two rows without a value violate it (`NULLS NOT DISTINCT`).
    nulls_are_equal: bool,
}

/// A query of each unique index for which this condition holds, and that is neither partial nor on an expression. Servers before
/// PostgreSQL 15 do not know `NULLS NOT DISTINCT`.
fn indexes(condition: &str) -> String {
    format!(
        "SELECT array_agg(a.attname::text), coalesce(bool_or((to_jsonb(i)->>'indnullsnotdistinct')::bool), false) FROM pg_index i
        JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
        WHERE {condition} AND i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL AND k.place <= i.indnkeyatts
        GROUP BY i.indexrelid"
    )
}

impl UniqueIndex {
    fn read(row: &Row) -> Self {
        Self { columns: row.get(0), nulls_are_equal: row.get(1) }
    }
}

/// The unique indexes of a table that can identify a row.
pub(crate) async fn unique_indexes(
    transaction: &Transaction<'_>,
    table: &TableName,
) -> Result<Vec<UniqueIndex>, Failure> {
    let (text, table) = (indexes("i.indrelid = $1::regclass"), table.to_string());
    let rows = transaction.rows(Statement { text: &text, parameters: &[(&table, Type::TEXT)] }).await?;
    Ok(rows.iter().map(UniqueIndex::read).collect())
}

/// The unique index that an error is about; `None` if it is another error, or the index cannot identify a row.
pub(crate) async fn violated(
    session: &Session,
    answer: &DbError,
    deadline: Instant,
) -> Result<Option<UniqueIndex>, Failure> {
    let (Some(schema), Some(index)) = (answer.schema(), answer.constraint()) else { return Ok(None) };
    if *answer.code() != SqlState::UNIQUE_VIOLATION {
        return Ok(None);
    }
    let parameters: [(&(dyn ToSql + Sync), Type); 2] = [(&schema, Type::TEXT), (&index, Type::TEXT)];
    let text = indexes("n.nspname = $1 AND c.relname = $2");
    let rows = session.rows(Statement { text: &text, parameters: &parameters }, deadline).await?;
    Ok(rows.first().map(UniqueIndex::read))
}

/// The condition with which an `INSERT` of these columns skips rows that exist with equal values; `None` if the values of the index
/// are not known.
pub(crate) fn unless_equal(index: &UniqueIndex, layout: &Layout, columns: &[&Column]) -> Option<String> {
    // A column that the record has no value for has its default, which may be another one each time.
    let new = |column: &Column| match columns.iter().position(|written| written.name == column.name) {
        Some(number) => Some(format!("rows.v{number}")),
        None if column.varies => None,
        None => Some(format!("({})::{}", column.default.as_deref().unwrap_or("NULL"), column.stored_as)),
    };
    let key = |name: &String| {
        let column = layout.columns.iter().find(|column| column.name == *name)?;
        let (held, new) = (format!("held.{}", column.quoted()), new(column)?);
        // Unlike IS NOT DISTINCT FROM, this can use the index. The comparison of all columns tells a value from none.
        let or_null = if index.nulls_are_equal { format!(" OR {held} IS NULL") } else { String::new() };
        Some(format!("({held} = {new}{or_null})"))
    };
    let keys = index.columns.iter().map(key).collect::<Option<Vec<_>>>()?;
    let compared = layout.columns.iter().filter_map(|column| Some(comparable(column, &new(column)?)));
    let (held, new): (Vec<_>, Vec<_>) = compared.unzip();
    // This operator compares any type, also one without an order such as `json`. IS TRUE keeps the server from sorting the whole
    // table by it.
    let all =
        format!("(ROW({})::record OPERATOR(pg_catalog.*=) ROW({})::record) IS TRUE", held.join(", "), new.join(", "));
    Some(format!("NOT EXISTS (SELECT FROM {} held WHERE {} AND {all})", layout.name, keys.join(" AND ")))
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
