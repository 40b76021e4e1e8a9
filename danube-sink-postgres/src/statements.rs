//! The statements that write to a table. Names are quoted; values come as parameters, one array for each column.

use tokio_postgres::types::Type;

use super::table::Column;

/// An identifier, whatever is in it; with dots, one with its schema. Capital letters count.
pub fn quoted(name: &str) -> String {
    name.split('.').map(|part| format!("\"{}\"", part.replace('"', "\"\""))).collect::<Vec<_>>().join(".")
}

/// What adds the rows of a batch, and what deletes them.
pub(crate) fn statements(table: &str, columns: &[Column], replace: bool) -> (String, String) {
    let all: Vec<_> = columns.iter().enumerate().collect();
    let (keys, others): (Vec<_>, Vec<_>) = all.iter().copied().partition(|(_, column)| column.key);
    let list = |columns: &[(usize, &Column)], make: &dyn Fn(usize, &Column) -> String| {
        columns.iter().map(|(number, column)| make(*number, column)).collect::<Vec<_>>().join(", ")
    };
    let name = |_, column: &Column| column.name.clone();
    let value = |number, _: &Column| format!("v{number}");
    // The rows, typed; where the last of a key wins, with their place in the batch.
    let (order, place) = if replace { ("WITH ORDINALITY", ", place") } else { ("", "") };
    let rows = format!(
        "(SELECT {}, deleted{place} FROM unnest({}, ${}::bool[]) {order} AS t({}, deleted{place})) rows",
        list(&all, &|number, column| format!("{} AS v{number}", typed(number, &column.ty))),
        list(&all, &|number, column| format!("${}::{}[]", number + 1, sent_as(&column.ty))),
        all.len() + 1,
        list(&all, &|number, _| format!("t{number}")),
    );
    let (key, key_values) = (list(&keys, &name), list(&keys, &value));
    let (held, gone) = (
        list(&keys, &|_, column| format!("held.{}", column.name)),
        list(&keys, &|number, _| format!("rows.v{number}")),
    );
    let delete = format!("DELETE FROM {table} held USING {rows} WHERE rows.deleted AND ({held}) = ({gone})");
    // A statement can touch a row once: the last record of a key wins.
    let latest = format!("(SELECT DISTINCT ON ({key_values}) * FROM {rows} ORDER BY {key_values}, place DESC) rows");
    let update = list(&others, &|_, column| format!("{0} = EXCLUDED.{0}", column.name));
    let (rows, conflict) = match (keys.is_empty(), replace, others.is_empty()) {
        (true, ..) => (rows, String::new()),
        (_, false, _) => (rows, format!("ON CONFLICT ({key}) DO NOTHING")),
        (.., true) => (latest, format!("ON CONFLICT ({key}) DO NOTHING")),
        _ => (latest, format!("ON CONFLICT ({key}) DO UPDATE SET {update}")),
    };
    let (names, values) = (list(&all, &name), list(&all, &value));
    (format!("INSERT INTO {table} ({names}) SELECT {values} FROM {rows} WHERE NOT deleted {conflict}"), delete)
}

/// As what the values of a column are sent: numbers as numbers, which is fast, and every other type as it is written.
pub(crate) fn sent_as(ty: &Type) -> Type {
    match *ty {
        Type::INT2 | Type::INT4 | Type::INT8 => Type::INT8,
        Type::FLOAT8 => Type::FLOAT8,
        _ => Type::TEXT,
    }
}

/// Without the type's modifier, so that what is too long for the column is an error and not cut off.
fn typed(number: usize, ty: &Type) -> String {
    match *ty {
        Type::BYTEA => format!("decode(t{number}, 'base64')"),
        // Of a time with an offset the time in UTC, not the hour that is written.
        Type::TIMESTAMP => format!("t{number}::timestamptz AT TIME ZONE 'UTC'"),
        _ => format!("t{number}::{}.{}", quoted(ty.schema()), quoted(ty.name())),
    }
}
