//! The SQL statements that write to a table. Names are quoted; values are parameters, one array for each column.

use super::{column::Column, name::TableName};

/// A column with its number among the parameters.
type Numbered<'c> = (usize, &'c Column);

/// What the rows have beside their values: their places in the batch, and whether they are deletions.
enum Beside {
    Nothing,
    Place,
    DeletionAndPlace,
}

/// `INSERT` of rows of these columns, which replaces rows with the same key or leaves them. It can touch a row once, so for one that
/// replaces, each key must occur once.
pub(crate) fn insert(table: &TableName, columns: &[&Column], replaces: bool) -> String {
    insert_from(table, columns, &rows(columns, Beside::Nothing), replaces)
}

/// `INSERT` of the last of the rows of each key, unless that is a deletion: there is a parameter of the deletions after those of the
/// columns.
pub(crate) fn insert_latest(table: &TableName, columns: &[&Column]) -> String {
    let (keys, _) = split_keys(columns);
    let key = list(&keys, value);
    let rows = rows(columns, Beside::DeletionAndPlace);
    let latest =
        format!("(SELECT DISTINCT ON ({key}) * FROM {rows} ORDER BY {key}, place DESC) rows WHERE NOT deleted");
    insert_from(table, columns, &latest, true)
}

fn insert_from(table: &TableName, columns: &[&Column], rows: &str, replaces: bool) -> String {
    let all: Vec<_> = columns.iter().copied().enumerate().collect();
    let (keys, others) = split_keys(columns);
    let (names, values) = (list(&all, name), list(&all, value));
    let conflict = if keys.is_empty() { String::new() } else { on_conflict(&keys, &others, replaces) };
    // The alias is needed because the table's name may be EXCLUDED.
    format!("INSERT INTO {table} AS held ({names}) SELECT {values} FROM {rows}{conflict}")
}

/// `UPDATE` of these columns in rows with the same keys, then `INSERT` of the missing rows.
///
/// These are not all columns: an existing row has values for the others, while an `INSERT ... ON CONFLICT` would be refused before
/// the conflict if one of them is NOT NULL.
pub(crate) fn update_then_insert(table: &TableName, columns: &[&Column]) -> Vec<String> {
    let all: Vec<_> = columns.iter().copied().enumerate().collect();
    let (keys, others) = split_keys(columns);
    let (rows, key) = (rows(columns, Beside::Nothing), same_key(&keys));
    let set = list(&others, |number, column| format!("{} = rows.v{number}", column.quoted()));
    let update = format!("UPDATE {table} AS held SET {set} FROM {rows} WHERE {key}");
    let (names, values) = (list(&all, name), list(&all, value));
    // Another writer may have added the row in between.
    let conflict = on_conflict(&keys, &others, true);
    let insert = format!(
        "INSERT INTO {table} AS held ({names}) SELECT {values} FROM {rows} \
         WHERE NOT EXISTS (SELECT FROM {table} AS held WHERE {key}){conflict}"
    );
    if others.is_empty() { vec![insert] } else { vec![update, insert] }
}

/// What an `INSERT` does where the key exists.
fn on_conflict(keys: &[Numbered<'_>], others: &[Numbered<'_>], replaces: bool) -> String {
    let (key, replaced) =
        (list(keys, name), |_: usize, column: &Column| format!("{0} = EXCLUDED.{0}", column.quoted()));
    match replaces && !others.is_empty() {
        true => format!(" ON CONFLICT ({key}) DO UPDATE SET {}", list(others, replaced)),
        false => format!(" ON CONFLICT ({key}) DO NOTHING"),
    }
}

/// `DELETE` of rows by the columns of their key.
pub(crate) fn delete(table: &TableName, keys: &[&Column]) -> String {
    let numbered: Vec<_> = keys.iter().copied().enumerate().collect();
    format!("DELETE FROM {table} AS held USING {} WHERE {}", rows(keys, Beside::Nothing), same_key(&numbered))
}

/// A query of a number for the key of each row, in order; equal keys have the same number.
pub(crate) fn ranks(keys: &[&Column]) -> String {
    let numbered: Vec<_> = keys.iter().copied().enumerate().collect();
    let (rows, key) = (rows(keys, Beside::Place), list(&numbered, value));
    format!("SELECT dense_rank() OVER (ORDER BY {key}) FROM {rows} ORDER BY place")
}

/// The rows of the parameters as a typed subquery.
fn rows(columns: &[&Column], beside: Beside) -> String {
    let numbered: Vec<_> = columns.iter().copied().enumerate().collect();
    let array = |number: usize, column: &Column| format!("${}::{}[]", number + 1, column.sent_name());
    let values = list(&numbered, |number, column| format!("{} AS v{number}", column.cast(&format!("t{number}"))));
    let deletions = format!(", ${}::bool[]", columns.len() + 1);
    let (more, beside) = match beside {
        // In FROM, the server would first store all rows, which takes it half as long again.
        Beside::Nothing => {
            let arrays = list(&numbered, |number, column| format!("unnest({}) AS t{number}", array(number, column)));
            return format!("(SELECT {values} FROM (SELECT {arrays}) t) rows");
        }
        Beside::Place => ("", ", place"),
        Beside::DeletionAndPlace => (&*deletions, ", deleted, place"),
    };
    let (arrays, names) = (list(&numbered, array), list(&numbered, |number, _| format!("t{number}")));
    format!("(SELECT {values}{beside} FROM unnest({arrays}{more}) WITH ORDINALITY AS t({names}{beside})) rows")
}

/// The columns of the key in the order of their names, and the others, each with its number.
pub(crate) fn split_keys<'c>(columns: &[&'c Column]) -> (Vec<Numbered<'c>>, Vec<Numbered<'c>>) {
    let (mut keys, others): (Vec<_>, _) = columns.iter().copied().enumerate().partition(|(_, column)| column.is_key);
    keys.sort_by_key(|(_, column)| &column.name);
    (keys, others)
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
