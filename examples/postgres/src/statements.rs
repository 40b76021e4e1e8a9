//! The statements that write to a table. Names are quoted; values come as parameters, one array of texts for each column.

use tokio_postgres::types::Type;

/// An identifier, whatever is in it; with dots, one with its schema. Capital letters count.
pub fn quoted(name: &str) -> String {
    name.split('.').map(|part| format!("\"{}\"", part.replace('"', "\"\""))).collect::<Vec<_>>().join(".")
}

/// Adds rows, and deletes them. Columns have a name, a type, and belong to the key or not.
pub(crate) fn statements(table: &str, columns: &[(String, Type, bool)], replace: bool) -> (String, String) {
    let (keys, others): (Vec<_>, Vec<_>) = (0..columns.len()).partition(|number| columns[*number].2);
    let all: Vec<_> = (0..columns.len()).collect();
    let list = |numbers: &[usize], between: &str, make: &dyn Fn(usize, String) -> String| {
        numbers.iter().map(|number| make(*number, quoted(&columns[*number].0))).collect::<Vec<_>>().join(between)
    };
    let typed = list(&all, ", ", &|number, _| format!("{} AS v{number}", typed(number, &columns[number].1)));
    let arrays = list(&all, ", ", &|number, _| format!("${}::text[]", number + 1));
    let texts = list(&all, ", ", &|number, _| format!("t{number}"));
    let given = format!(
        "(SELECT {typed}, deleted, place FROM unnest({arrays}, ${}::bool[]) \
         WITH ORDINALITY AS texts({texts}, deleted, place)) given",
        columns.len() + 1
    );
    let same = list(&keys, "", &|number, name| format!(" AND held.{name} = given.v{number}"));
    let delete = format!("DELETE FROM {table} held USING {given} WHERE given.deleted{same}");
    // A statement can touch a row once: the last record of a key wins.
    let key = list(&keys, ", ", &|number, _| format!("v{number}"));
    let latest = format!("(SELECT DISTINCT ON ({key}) * FROM {given} ORDER BY {key}, place DESC) latest");
    let rows = if replace { latest } else { given };
    let set = list(&others, ", ", &|_, name| format!("{name} = EXCLUDED.{name}"));
    let action = if replace && !set.is_empty() { format!("UPDATE SET {set}") } else { "NOTHING".to_owned() };
    let names = list(&all, ", ", &|_, name| name);
    let values = list(&all, ", ", &|number, _| format!("v{number}"));
    let insert = format!("INSERT INTO {table} ({names}) SELECT {values} FROM {rows} WHERE NOT deleted");
    if keys.is_empty() {
        return (insert, delete);
    }
    (format!("{insert} ON CONFLICT ({}) DO {action}", list(&keys, ", ", &|_, name| name)), delete)
}

/// Without the type's modifier, so that what is too long for the column is an error and not cut off.
fn typed(number: usize, ty: &Type) -> String {
    match *ty {
        Type::BYTEA => format!("decode(t{number}, 'base64')"),
        // Of a time with an offset the time in UTC, not the hour that is written.
        Type::TIMESTAMP => format!("t{number}::timestamptz::timestamp"),
        _ => format!("t{number}::{}.{}", quoted(ty.schema()), quoted(ty.name())),
    }
}
