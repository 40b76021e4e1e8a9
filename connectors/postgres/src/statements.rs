//! The SQL statements that write to a table. Names are quoted; values are parameters, one array for each column and one of the
//! deletions.

use super::{column::Column, name::TableName};

/// A column with its number among the parameters.
type Numbered<'c> = (usize, &'c Column);

/// `INSERT` of rows of these columns, which replaces rows with the same key or leaves them. A deletion in the batch voids earlier
/// rows of its key.
pub(crate) fn insert(table: &TableName, columns: &[&Column], replaces: bool) -> String {
    let all: Vec<_> = columns.iter().copied().enumerate().collect();
    let (keys, others) = split_keys(columns);
    let (key, key_values) = (list(&keys, name), list(&keys, value));
    let update = list(&others, |_, column| format!("{0} = EXCLUDED.{0}", column.quoted()));
    let rows = rows(columns, replaces);
    // A statement can touch a row once: the last record of a key wins.
    let latest = format!("(SELECT DISTINCT ON ({key_values}) * FROM {rows} ORDER BY {key_values}, place DESC) rows");
    let (rows, conflict) = match (keys.is_empty(), replaces, others.is_empty()) {
        (true, ..) => (rows, String::new()),
        (_, false, _) => (rows, format!("ON CONFLICT ({key}) DO NOTHING")),
        (.., true) => (latest, format!("ON CONFLICT ({key}) DO NOTHING")),
        _ => (latest, format!("ON CONFLICT ({key}) DO UPDATE SET {update}")),
    };
    let (names, values) = (list(&all, name), list(&all, value));
    // The alias is needed because the table's name may be EXCLUDED.
    format!("INSERT INTO {table} AS held ({names}) SELECT {values} FROM {rows} WHERE NOT deleted {conflict}")
}

/// `UPDATE` of these columns in rows with the same keys, then `INSERT` of the missing rows.
///
/// These are not all columns: an existing row has values for the others, while an `INSERT ... ON CONFLICT` would be refused before
/// the conflict if one of them is NOT NULL.
pub(crate) fn update_then_insert(table: &TableName, columns: &[&Column]) -> Vec<String> {
    let all: Vec<_> = columns.iter().copied().enumerate().collect();
    let (keys, others) = split_keys(columns);
    let (rows, key) = (rows(columns, false), same_key(&keys));
    let set = list(&others, |number, column| format!("{} = rows.v{number}", column.quoted()));
    let update = format!("UPDATE {table} AS held SET {set} FROM {rows} WHERE NOT rows.deleted AND {key}");
    let (names, values, names_of_key) = (list(&all, name), list(&all, value), list(&keys, name));
    let update_new = list(&others, |_, column| format!("{0} = EXCLUDED.{0}", column.quoted()));
    // Another writer may have added the row in between.
    let conflict = if others.is_empty() { "NOTHING".to_owned() } else { format!("UPDATE SET {update_new}") };
    let insert = format!(
        "INSERT INTO {table} AS held ({names}) SELECT {values} FROM {rows} \
         WHERE NOT deleted AND NOT EXISTS (SELECT FROM {table} AS held WHERE {key}) ON CONFLICT ({names_of_key}) DO {conflict}"
    );
    if others.is_empty() { vec![insert] } else { vec![update, insert] }
}

/// `DELETE` of rows by the columns of their key.
pub(crate) fn delete(table: &TableName, keys: &[&Column]) -> String {
    let numbered: Vec<_> = keys.iter().copied().enumerate().collect();
    format!("DELETE FROM {table} AS held USING {} WHERE rows.deleted AND {}", rows(keys, false), same_key(&numbered))
}

/// A query of a number for the key of each row, in order; equal keys have the same number.
pub(crate) fn ranks(keys: &[&Column]) -> String {
    let numbered: Vec<_> = keys.iter().copied().enumerate().collect();
    let (rows, key) = (rows(keys, true), list(&numbered, value));
    format!("SELECT dense_rank() OVER (ORDER BY {key}) FROM {rows} ORDER BY place")
}

/// The rows of the parameters as a typed subquery, with their position in the batch if `with_place`.
fn rows(columns: &[&Column], with_place: bool) -> String {
    let numbered: Vec<_> = columns.iter().copied().enumerate().collect();
    let (order, place) = if with_place { ("WITH ORDINALITY", ", place") } else { ("", "") };
    format!(
        "(SELECT {}, deleted{place} FROM unnest({}, ${}::bool[]) {order} AS t({}, deleted{place})) rows",
        list(&numbered, |number, column| format!("{} AS v{number}", column.cast(&format!("t{number}")))),
        list(&numbered, |number, column| format!("${}::{}[]", number + 1, column.sent_name())),
        columns.len() + 1,
        list(&numbered, |number, _| format!("t{number}")),
    )
}

/// The columns of the key and the others, each with its number.
fn split_keys<'c>(columns: &[&'c Column]) -> (Vec<Numbered<'c>>, Vec<Numbered<'c>>) {
    columns.iter().copied().enumerate().partition(|(_, column)| column.is_key)
}

/// The condition that a row of the table has the same key.
fn same_key(keys: &[Numbered<'_>]) -> String {
    let held = list(keys, |_, column| format!("held.{}", column.quoted()));
    format!("({held}) = ({})", list(keys, |number, _| format!("rows.v{number}")))
}

fn list(columns: &[Numbered<'_>], make: impl Fn(usize, &Column) -> String) -> String {
    columns.iter().map(|(number, column)| make(*number, column)).collect::<Vec<_>>().join(", ")
}

fn name(_: usize, column: &Column) -> String {
    column.quoted()
}

fn value(number: usize, _: &Column) -> String {
    format!("v{number}")
}
