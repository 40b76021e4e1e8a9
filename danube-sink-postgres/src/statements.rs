//! The statements that write to a table. Names are quoted; values come as parameters, one array for each column and one that
//! says which rows are deleted.

use super::{column::Column, name::TableName};

/// A column, and its number among the parameters.
type Numbered<'c> = (usize, &'c Column);

/// Adds rows of these columns, and replaces those with the same key or leaves them; rows that are deleted only make earlier ones
/// of their key void.
pub(crate) fn insert(table: &TableName, columns: &[&Column], replaces: bool) -> String {
    let all: Vec<_> = columns.iter().copied().enumerate().collect();
    let (keys, others) = apart(columns);
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
    // With a name of its own, since the table's may be EXCLUDED.
    format!("INSERT INTO {table} AS held ({names}) SELECT {values} FROM {rows} WHERE NOT deleted {conflict}")
}

/// Replaces what rows with these keys have in these columns, and then adds the rows that are not there.
///
/// Columns are missing among these: a row that is there has a value for them, but one that is added and then conflicts would be
/// refused first, if such a column is NOT NULL.
pub(crate) fn update_then_insert(table: &TableName, columns: &[&Column]) -> Vec<String> {
    let all: Vec<_> = columns.iter().copied().enumerate().collect();
    let (keys, others) = apart(columns);
    let (rows, key) = (rows(columns, false), same_key(&keys));
    let set = list(&others, |number, column| format!("{} = rows.v{number}", column.quoted()));
    let update = format!("UPDATE {table} AS held SET {set} FROM {rows} WHERE NOT rows.deleted AND {key}");
    let (names, values, names_of_key) = (list(&all, name), list(&all, value), list(&keys, name));
    let update_new = list(&others, |_, column| format!("{0} = EXCLUDED.{0}", column.quoted()));
    // Another writer may have added it meanwhile.
    let conflict = if others.is_empty() { "NOTHING".to_owned() } else { format!("UPDATE SET {update_new}") };
    let insert = format!(
        "INSERT INTO {table} AS held ({names}) SELECT {values} FROM {rows} \
         WHERE NOT deleted AND NOT EXISTS (SELECT FROM {table} AS held WHERE {key}) ON CONFLICT ({names_of_key}) DO {conflict}"
    );
    if others.is_empty() { vec![insert] } else { vec![update, insert] }
}

/// Deletes rows by the columns of their key.
pub(crate) fn delete(table: &TableName, keys: &[&Column]) -> String {
    let numbered: Vec<_> = keys.iter().copied().enumerate().collect();
    format!("DELETE FROM {table} AS held USING {} WHERE rows.deleted AND {}", rows(keys, false), same_key(&numbered))
}

/// A number for the key of each row, in their order; equal keys have the same one.
pub(crate) fn ranks(keys: &[&Column]) -> String {
    let numbered: Vec<_> = keys.iter().copied().enumerate().collect();
    let (rows, key) = (rows(keys, true), list(&numbered, value));
    format!("SELECT dense_rank() OVER (ORDER BY {key}) FROM {rows} ORDER BY place")
}

/// The rows, typed, if they are wanted with their place in the batch.
fn rows(columns: &[&Column], with_place: bool) -> String {
    let numbered: Vec<_> = columns.iter().copied().enumerate().collect();
    let (order, place) = if with_place { ("WITH ORDINALITY", ", place") } else { ("", "") };
    format!(
        "(SELECT {}, deleted{place} FROM unnest({}, ${}::bool[]) {order} AS t({}, deleted{place})) rows",
        list(&numbered, |number, column| format!("{} AS v{number}", column.cast(&format!("t{number}")))),
        list(&numbered, |number, column| format!("${}::{}[]", number + 1, column.sent_as().0)),
        columns.len() + 1,
        list(&numbered, |number, _| format!("t{number}")),
    )
}

/// The columns of the key, and the others, each with its number.
fn apart<'c>(columns: &[&'c Column]) -> (Vec<Numbered<'c>>, Vec<Numbered<'c>>) {
    columns.iter().copied().enumerate().partition(|(_, column)| column.is_key)
}

/// Whether a row has the key of one that the table holds.
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
