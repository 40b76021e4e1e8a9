//! What a new field of a payload does to a table.

use std::sync::{Arc, Mutex, PoisonError};

use danube_sink_config::{
    Diagnostics, Setting, Value,
    schema::{KeyDefault, ValueType, suggest},
};

use super::{SchemaColumn, TableSchema};
use crate::{
    error::{Failure, TargetFailure},
    record::SinkRecord,
};

/// What to do with a field of a payload that the table has no column for, as a setting: `on_new_field = "add"`.
///
/// By default such a record is rejected, so that no value is lost unseen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OnNewField {
    /// The table gets a column for each field of the record's registered schema, which says its type. A field that is not in
    /// the schema either counts as with [`Reject`](Self::Reject).
    Add,
    /// The field is not written.
    Ignore,
    /// The record is rejected: `on_invalid_record` applies.
    #[default]
    Reject,
}

impl OnNewField {
    const WORDS: &'static [&'static str] = &["add", "ignore", "reject"];

    /// The columns that a table needs for these records before they are written: none unless fields are added. `has` says
    /// whether the table has a column.
    pub fn columns_to_add(self, records: &[SinkRecord], has: impl Fn(&str) -> bool) -> Vec<SchemaColumn> {
        if self == Self::Add { new_columns(records, has) } else { Vec::new() }
    }
}

/// The column that a table waits for: it tells a new field of the producer's from a mistake in one record.
///
/// A batch waits if every record of it has the same field without a column. A record that is alone in its batch is rejected, unless
/// the batch before it had that field, too, or waited for it: what is tried while a batch waits may be one record of it.
///
/// It is for a table that the mapping names. Where records choose their tables, reject the records: one table that waits would hold
/// up the others.
///
/// ```
/// use danube_sink::schema::AwaitedColumn;
///
/// let awaited = AwaitedColumn::default();
/// assert!(awaited.check(&["email"], 2).is_ok(), "the other record has no such field");
/// assert!(awaited.check(&["email", "email"], 2).is_err());
/// assert!(awaited.check(&["email"], 1).is_err());
/// awaited.forget();
/// assert!(awaited.check(&["email"], 1).is_ok(), "the batch before had a column for each field");
/// ```
#[derive(Debug, Default)]
pub struct AwaitedColumn(Mutex<Option<String>>);

impl AwaitedColumn {
    /// Checks whether a batch of so many records waits for a column. `unknown` has the fields without a column, one of each record
    /// that has such fields; it is empty for a batch whose records have none.
    ///
    /// # Errors
    /// [`TargetFailure::NotReady`] if the batch waits.
    pub fn check(&self, unknown: &[impl AsRef<str>], records: usize) -> Result<(), Failure> {
        let first = unknown.first().map(AsRef::as_ref).filter(|_| unknown.len() == records);
        let in_all = first.filter(|first| unknown.iter().all(|field| field.as_ref() == *first));
        let mut awaited = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = in_all.is_some() && (records > 1 || awaited.as_deref() == in_all);
        *awaited = in_all.map(str::to_owned);
        let message = "every record of the batch has a field that the table has no column for: add the column, or set `on_new_field`";
        if waits { Err(Failure::new(TargetFailure::NotReady, message)) } else { Ok(()) }
    }

    /// Takes note of a batch whose records all have the columns that they need: the next one waits for none on its account.
    pub fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// The columns of the records' schemas that a table does not have, those of the latest versions first. `has` says whether the
/// table has a column.
pub fn new_columns(records: &[SinkRecord], has: impl Fn(&str) -> bool) -> Vec<SchemaColumn> {
    let mut schemas: Vec<Arc<TableSchema>> = Vec::new();
    for schema in records.iter().filter_map(|record| record.table_schema()?.ok()) {
        // Most batches have one schema.
        if !schemas.iter().rev().any(|known| Arc::ptr_eq(known, schema)) {
            schemas.push(Arc::clone(schema));
        }
    }
    schemas.sort_by_key(|schema| std::cmp::Reverse(schema.version()));
    let mut new: Vec<SchemaColumn> = Vec::new();
    for column in schemas.iter().flat_map(|schema| schema.columns()) {
        if !has(&column.name) && !new.iter().any(|known| known.name == column.name) {
            new.push(column.clone());
        }
    }
    new
}

impl Setting for OnNewField {
    const VALUE_TYPE: ValueType = ValueType::Enum { what: "`on_new_field` policy", words: Self::WORDS };
    const DEFAULT: KeyDefault = KeyDefault::Str("reject");

    fn read(value: &Value) -> Result<Self, Diagnostics> {
        value.validate(&Self::VALUE_TYPE)?;
        let text = value.as_str()?;
        let index = Self::WORDS.iter().position(|word| suggest::same_word(word, text));
        let policy = index.and_then(|index| [Self::Add, Self::Ignore, Self::Reject].get(index).copied());
        policy.ok_or_else(|| value.diagnostic("unknown `on_new_field` policy", "write another word").into())
    }

    fn default_if_missing() -> Option<Self> {
        Some(Self::default())
    }
}
