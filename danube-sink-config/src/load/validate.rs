//! Validates the tables of a file against the schema.

use crate::{
    core::key::misplaced_key_help,
    report::{Diagnostic, Diagnostics, looks_sensitive},
    schema::{TableKeys, ValueType, key_spec::find, suggest},
    value::{Content, Entry, Origin, Table, Value},
};

/// The diagnostics of a value and of all that is in it.
pub(crate) fn validate(value: &Value, value_type: &ValueType) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    match (&value.content, value_type) {
        (Content::Secret(_), ValueType::Secret) => {}
        (Content::Table(table), ValueType::Table(keys)) => {
            validate_table(table, &TableKeys::nested(keys), &mut diagnostics);
        }
        _ => {
            if let Err(wrong) = value.validate(value_type) {
                diagnostics.push(wrong);
            }
        }
    }
    match (&value.content, value_type) {
        (Content::Table(_), ValueType::ArrayOrTable { table, .. }) => diagnostics.append(validate(value, table)),
        (Content::Array(items), ValueType::Array { of, .. } | ValueType::ArrayOrTable { items: of, .. }) => {
            items.iter().for_each(|item| diagnostics.append(validate(item, of)));
        }
        (Content::Table(table), ValueType::Map { of, .. }) => {
            table.entries.iter().for_each(|entry| diagnostics.append(validate(&entry.value, of).of_key(&entry.key)));
        }
        _ => {}
    }
    diagnostics
}

/// Validates the keys of a table and their values.
pub(crate) fn validate_table(table: &Table, keys: &TableKeys<'_>, diagnostics: &mut Diagnostics) {
    for entry in &table.entries {
        match find(keys.keys, &entry.key) {
            Some(spec) => diagnostics.append(of_entry(validate(&entry.value, &spec.value_type), entry)),
            None => validate_name(entry, keys, diagnostics),
        }
    }
    let present = table.keys();
    let missing = (0..).map_while(|skip| keys.missing_key(&present, skip));
    missing.for_each(|violation| diagnostics.push(Diagnostic::from(violation).at(table.span.clone())));
}

/// Reports a key that a table does not have.
pub(crate) fn validate_name(entry: &Entry, keys: &TableKeys<'_>, diagnostics: &mut Diagnostics) {
    let misplaced = misplaced_key_help(&entry.key);
    if let Some(violation) = keys.unknown_key(&entry.key, misplaced.as_deref()) {
        let secrets: Vec<&str> = keys.keys.iter().filter(|spec| spec.is_secret()).map(|spec| spec.name).collect();
        if looks_sensitive(&entry.key) || suggest::closest(&entry.key, &secrets).is_some() {
            diagnostics.hide(&entry.value);
        }
        diagnostics.push(Diagnostic::from(violation).at(entry.key_span.clone()));
    }
}

/// Begins the messages with the key, or with the variable that its value comes from.
pub(crate) fn of_entry(wrong: Diagnostics, entry: &Entry) -> Diagnostics {
    match &entry.value.origin {
        Origin::Variable(name) | Origin::VariableFile(name) => wrong.of_source(&format!("variable {name}")),
        Origin::Default if matches!(entry.value.content, Content::Table(_)) => wrong.of_key(&entry.key),
        Origin::Default | Origin::Code => wrong.of_source(&default_in_code(&entry.key)),
        Origin::File | Origin::Inherited(_) => wrong.of_key(&entry.key),
    }
}

pub(crate) fn default_in_code(key: &str) -> String {
    format!("the default of `{key}` in the connector's code")
}
