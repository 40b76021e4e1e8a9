//! Validates the tables of a file against the schema.

use crate::{
    core::key::misplaced_key_help,
    report::{Diagnostic, Diagnostics, looks_sensitive},
    schema::{TableKeys, ValueType, Violation, key_spec::find, suggest},
    value::{Content, Entry, Origin, Table, Value},
};

/// The title of a nested table in messages.
pub(crate) const NESTED_TABLE: &str = "this table";

/// The diagnostics of a value and of all that is in it.
pub(crate) fn validate(value: &Value, value_type: &ValueType) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    match (&value.content, value_type) {
        (Content::Secret(_), ValueType::Secret) => {}
        (Content::Table(table), ValueType::Table(keys)) => {
            validate_table(table, &TableKeys { title: NESTED_TABLE, keys, known: &[] }, &mut diagnostics);
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

/// Validates the keys of a table; returns those that are invalid or missing.
pub(crate) fn validate_table(table: &Table, keys: &TableKeys<'_>, diagnostics: &mut Diagnostics) -> Vec<&'static str> {
    let mut invalid = Vec::new();
    for entry in &table.entries {
        let Some(spec) = find(keys.keys, &entry.key) else { continue };
        let wrong = validate(&entry.value, &spec.value_type);
        if !wrong.is_empty() {
            invalid.push(spec.name);
        }
        diagnostics.append(of_entry(wrong, entry));
    }
    table.entries.iter().for_each(|entry| validate_name(entry, keys, diagnostics));
    let present = table.keys();
    let missing = (0..).map_while(|skip| keys.missing_key(&present, skip));
    missing.for_each(|violation| diagnostics.push(of_violation(&violation).at(table.span.clone())));
    let required = keys.keys.iter().filter(|spec| spec.is_required_in_file());
    invalid.extend(required.map(|spec| spec.name).filter(|name| table.get(name).is_none()));
    invalid
}

/// Reports a key that a table does not have.
pub(crate) fn validate_name(entry: &Entry, keys: &TableKeys<'_>, diagnostics: &mut Diagnostics) {
    let misplaced = misplaced_key_help(&entry.key);
    if let Some(violation) = keys.unknown_key(&entry.key, misplaced.as_deref()) {
        let secrets: Vec<&str> = keys.keys.iter().filter(|spec| spec.is_secret()).map(|spec| spec.name).collect();
        if looks_sensitive(&entry.key) || suggest::closest(&entry.key, &secrets).is_some() {
            diagnostics.hide(&entry.value);
        }
        diagnostics.push(of_violation(&violation).at(entry.key_span.clone()));
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

pub(crate) fn of_violation(violation: &Violation) -> Diagnostic {
    Diagnostic::new(violation.message.as_str(), violation.help.as_str())
}
