//! The rows of a batch as parameters of statements, also where rows have values for different columns.

use std::{cmp::Ordering, collections::BTreeMap};

use danube_sink::SinkRecord;
use tokio_postgres::types::{ToSql, Type};

use super::{column::Column, datum::Datum};

/// A parameter of a statement: an array of values, and its type.
pub(crate) type Parameter<'p> = (Box<dyn ToSql + Sync + Send + 'p>, Type);

/// The row of a record.
pub(crate) struct Row<'r> {
    pub(crate) record: &'r SinkRecord,
    /// The value of each column; `None` if the record has none: the column keeps its value or gets its default.
    pub(crate) data: Vec<Option<Datum<'r>>>,
    pub(crate) deletes: bool,
}

/// The values of a row's columns.
pub(crate) type Values<'v> = Vec<Option<&'v Datum<'v>>>;

impl Row<'_> {
    /// Whether it has a value for every column, or is a deletion.
    pub(crate) fn is_complete(&self) -> bool {
        self.deletes || self.data.iter().all(Option::is_some)
    }
}

/// The last row of each key, unless it is a deletion, in the order of the keys. `keys` are the indices of columns whose values are
/// [exact](Column::is_exact).
///
/// Connectors that write the same rows lock them in one order, so that they do not wait for each other in a circle.
pub(crate) fn latest<'s, 'r>(rows: &'s [Row<'r>], keys: &[usize]) -> Vec<&'s Row<'r>> {
    let compare = |one: &&Row<'_>, other: &&Row<'_>| {
        let values = keys.iter().map(|key| (&one.data[*key], &other.data[*key]));
        let orders = values
            .map(|pair| if let (Some(one), Some(other)) = pair { one.cmp_exactly(other) } else { Ordering::Equal });
        orders.fold(Ordering::Equal, Ordering::then)
    };
    let mut latest: Vec<_> = rows.iter().rev().collect();
    // It is stable: of equal keys, the last one remains the first.
    latest.sort_by(compare);
    latest.dedup_by(|one, other| compare(one, other).is_eq());
    latest.retain(|row| !row.deletes);
    latest
}

/// The parameters of a statement: one array for each of the columns.
pub(crate) fn parameters<'p>(
    rows: impl Iterator<Item = &'p Row<'p>> + Clone,
    columns: &[&Column],
    indices: &[usize],
) -> Vec<Parameter<'p>> {
    arrays(columns, indices.iter().map(|index| rows.clone().map(move |row| row.data[*index].as_ref())))
}

/// Groups rows by the columns that they have values for; a group's key is the indices of the columns.
///
/// Each key occurs once, so that the order of the groups does not matter: a replaced row has the last value of each column since
/// its deletion, any other the values of its first record. Rows with the same key have the same number in `ranks`.
pub(crate) fn by_columns<'r>(
    rows: &'r [Row<'_>],
    ranks: &[i64],
    replaces: bool,
) -> BTreeMap<Vec<usize>, Vec<Values<'r>>> {
    let mut latest: BTreeMap<i64, Option<Values<'r>>> = BTreeMap::new();
    for (row, rank) in rows.iter().zip(ranks) {
        let merged = latest.entry(*rank).or_default();
        match merged {
            _ if row.deletes => *merged = None,
            None => *merged = Some(row.data.iter().map(Option::as_ref).collect()),
            Some(values) if replaces => {
                values.iter_mut().zip(&row.data).for_each(|(merged, value)| *merged = value.as_ref().or(*merged));
            }
            Some(_) => {}
        }
    }
    let mut sets = BTreeMap::<_, Vec<_>>::new();
    for values in latest.into_values().flatten() {
        let columns = (0..values.len()).filter(|index| values[*index].is_some()).collect();
        sets.entry(columns).or_default().push(values);
    }
    sets
}

/// The parameters of a statement for merged rows that have values for these columns.
pub(crate) fn parameters_of<'p>(rows: &'p [Values<'p>], columns: &[&Column], indices: &[usize]) -> Vec<Parameter<'p>> {
    arrays(columns, indices.iter().map(|index| rows.iter().map(move |values| values[*index])))
}

fn arrays<'p>(
    columns: &[&Column],
    values: impl Iterator<Item = impl Iterator<Item = Option<&'p Datum<'p>>>>,
) -> Vec<Parameter<'p>> {
    let array = |(column, values): (&&Column, _)| -> Parameter<'p> {
        (Box::new(Iterator::collect::<Vec<Option<&Datum<'_>>>>(values)), column.sent_as().1)
    };
    columns.iter().zip(values).map(array).collect()
}
