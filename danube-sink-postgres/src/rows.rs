//! Rows of a batch, and what becomes of them where some lack values that others have.

use std::collections::BTreeMap;

use danube_sink::SinkRecord;
use tokio_postgres::types::{ToSql, Type};

use super::column::{Column, Datum};

/// A parameter of a statement: an array of values, and its type.
pub(crate) type Parameter<'p> = (Box<dyn ToSql + Sync + Send + 'p>, Type);

/// A row of a record.
pub(crate) struct Row<'r> {
    pub(crate) record: &'r SinkRecord,
    /// The value of each column; none for one that is left as it is, or gets its default.
    pub(crate) data: Vec<Option<Datum<'r>>>,
    pub(crate) deletes: bool,
}

/// The values of a row's columns.
pub(crate) type Values<'v> = Vec<Option<&'v Datum<'v>>>;

impl Row<'_> {
    /// Whether the statement that names all columns is right for it.
    pub(crate) fn is_complete(&self) -> bool {
        self.deletes || self.data.iter().all(Option::is_some)
    }
}

/// One array for each of the columns, and one of what is deleted.
pub(crate) fn parameters<'p>(rows: &'p [Row<'_>], columns: &[&Column], places: &[usize]) -> Vec<Parameter<'p>> {
    let values = |place: usize| rows.iter().map(move |row| row.data[place].as_ref());
    let deleted = rows.iter().map(|row| row.deletes).collect();
    arrays(columns, places.iter().map(|place| values(*place)), deleted)
}

/// Rows that have values for the same columns, by the places of these.
///
/// Each key is there once, so that it does not matter which set is written first: of a key that is replaced with the last value
/// of each column since it was deleted, of another with its first row. `ranks` says which rows have the same key.
pub(crate) fn by_columns<'r>(
    rows: &'r [Row<'_>],
    ranks: &[i64],
    replaces: bool,
) -> BTreeMap<Vec<usize>, Vec<Values<'r>>> {
    let mut latest: BTreeMap<i64, Option<Values<'r>>> = BTreeMap::new();
    for (row, rank) in rows.iter().zip(ranks) {
        let held = latest.entry(*rank).or_default();
        match held {
            _ if row.deletes => *held = None,
            None => *held = Some(row.data.iter().map(Option::as_ref).collect()),
            Some(values) if replaces => {
                values.iter_mut().zip(&row.data).for_each(|(held, value)| *held = value.as_ref().or(*held));
            }
            Some(_) => {}
        }
    }
    let mut sets = BTreeMap::<_, Vec<_>>::new();
    for values in latest.into_values().flatten() {
        let columns = (0..values.len()).filter(|place| values[*place].is_some()).collect();
        sets.entry(columns).or_default().push(values);
    }
    sets
}

/// The parameters of rows that have values for these columns.
pub(crate) fn parameters_of<'p>(rows: &'p [Values<'p>], columns: &[&Column], places: &[usize]) -> Vec<Parameter<'p>> {
    let values = |place: usize| rows.iter().map(move |values| values[place]);
    arrays(columns, places.iter().map(|place| values(*place)), vec![false; rows.len()])
}

fn arrays<'p>(
    columns: &[&Column],
    values: impl Iterator<Item = impl Iterator<Item = Option<&'p Datum<'p>>>>,
    deleted: Vec<bool>,
) -> Vec<Parameter<'p>> {
    let array = |(column, values): (&&Column, _)| -> Parameter<'p> {
        (Box::new(Iterator::collect::<Vec<Option<&Datum<'_>>>>(values)), column.sent_as().1)
    };
    let mut arrays: Vec<_> = columns.iter().zip(values).map(array).collect();
    arrays.push((Box::new(deleted), Type::BOOL_ARRAY));
    arrays
}
