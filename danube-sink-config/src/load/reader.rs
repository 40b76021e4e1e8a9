//! Converts the keys of one table, on behalf of generated code.

use super::{
    own_keys::OwnMapping,
    validate::{NESTED_TABLE, of_entry, of_violation, validate_table},
};
use crate::{
    report::Diagnostics,
    schema::{KeySpec, TableKeys},
    setting::{Key, Setting},
    value::{Content, Table, Value},
};

/// Converts the keys of one table. Generated code asks it for each of its keys, and then builds its struct.
#[derive(Debug)]
pub struct KeyReader<'r> {
    pub(super) table: &'r Table,
    pub(super) title: &'r str,
    /// Keys with errors that are reported already.
    pub(super) invalid: &'r [&'static str],
    /// Those of the connector's section; none if there are none, or if they are no array, which is reported.
    pub(super) mappings: Option<&'r [OwnMapping<'r>]>,
    pub(super) diagnostics: &'r mut Diagnostics,
}

impl KeyReader<'_> {
    /// The value of a key; none if it is invalid, which is reported.
    pub fn get<T>(&mut self, key: &Key<T>) -> Option<T> {
        let spec = &key.spec;
        let entry = self.table.get(spec.name);
        if self.invalid.contains(&spec.name) {
            // Its other parts may have errors that only their types know.
            if let Some(entry) = entry
                && let Err(wrong) = key.convert(&entry.value)
            {
                self.diagnostics.append_elsewhere(of_entry(wrong, entry));
            }
            return None;
        }
        if let Some(entry) = entry {
            return self.diagnostics.keep(key.convert(&entry.value).map_err(|wrong| of_entry(wrong, entry)));
        }
        let default = key.default_if_missing();
        if default.is_none() {
            let keys = TableKeys { title: self.title, keys: &[], known: &[] };
            self.diagnostics.push(of_violation(&keys.missing(spec)).at(self.table.span.clone()));
        }
        default
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
    let invalid = validate_table(table, &TableKeys { title: NESTED_TABLE, keys, known: &[] }, &mut diagnostics);
    let (title, invalid) = (NESTED_TABLE, invalid.as_slice());
    let read = read(&mut KeyReader { table, title, invalid, mappings: None, diagnostics: &mut diagnostics });
    match read {
        Some(read) if diagnostics.is_empty() => Ok(read),
        _ => Err(diagnostics),
    }
}

/// The value of a table without keys, if none is required.
pub fn empty_table<T: Setting>() -> Option<T> {
    T::read(&Value::empty_table(None)).ok()
}
