//! Converts the keys of one table, on behalf of generated code.

use super::{
    own_keys::OwnMapping,
    validate::{of_entry, validate, validate_table},
};
use crate::{
    report::Diagnostics,
    schema::{KeySpec, TableKeys},
    setting::{Key, Setting},
    value::{Content, Table, Value},
};

/// Converts the keys of one table, which is validated. Generated code asks it for each of its keys, and then builds its struct.
#[derive(Debug)]
pub struct KeyReader<'r> {
    pub(super) table: &'r Table,
    /// Those of the connector's section; none if there are none, or if they are no array, which is reported.
    pub(super) mappings: Option<&'r [OwnMapping<'r>]>,
    pub(super) diagnostics: &'r mut Diagnostics,
}

impl KeyReader<'_> {
    /// The value of a key; none if it is invalid or missing, which is reported.
    pub fn get<T>(&mut self, key: &Key<T>) -> Option<T> {
        let Some(entry) = self.table.get(key.spec.name) else { return key.default_if_missing() };
        let is_valid = validate(&entry.value, &key.spec.value_type).is_empty();
        match key.convert(&entry.value) {
            Ok(value) => is_valid.then_some(value),
            Err(wrong) => {
                let wrong = of_entry(wrong, entry);
                // The other parts of an invalid value may have errors that only their types know.
                if is_valid {
                    self.diagnostics.append(wrong)
                } else {
                    self.diagnostics.append_elsewhere(wrong)
                }
                None
            }
        }
    }

    /// Adds the diagnostics of a check of the author's, which has seen the struct of the table.
    pub fn validated(&mut self, checked: Result<(), Diagnostics>) {
        if let Err(wrong) = checked {
            self.diagnostics.append(wrong.located(|key| self.table.span_of(key)));
        }
    }
}

/// Converts a nested table with these keys.
///
/// # Errors
/// Everything that is wrong with it.
pub fn table<T>(
    value: &Value,
    keys: &[KeySpec],
    read: impl FnOnce(&mut KeyReader<'_>) -> Option<T>,
) -> Result<T, Diagnostics> {
    let Content::Table(table) = &value.content else {
        let help = "write its keys below a header in brackets, or in braces";
        return Err(value.unexpected("a table", help).into());
    };
    let mut diagnostics = Diagnostics::default();
    validate_table(table, &TableKeys::nested(keys), &mut diagnostics);
    let read = read(&mut KeyReader { table, mappings: None, diagnostics: &mut diagnostics });
    match read {
        Some(read) if diagnostics.is_empty() => Ok(read),
        _ => Err(diagnostics),
    }
}

/// The value of a table without keys, if none is required.
pub fn empty_table<T: Setting>() -> Option<T> {
    T::read(&Value::empty_table(None)).ok()
}
