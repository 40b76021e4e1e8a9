//! Resolves the keys of a connector's own tables: variables and secrets before they are validated, defaults after it.

use super::{
    environment::{self, Environment},
    secrets::{self, how_to_set},
};
use crate::{
    core::external::SecretPolicy,
    report::diagnostic::{Diagnostic, Diagnostics},
    schema::{KeyDefault, KeySpec, ValueSource, ValueType},
    value::value::{Content, Origin, Table, Value},
};

/// The suffix of a mapping's key that names the variable of a secret, such as `password_env`.
pub(crate) const VARIABLE_KEY_SUFFIX: &str = "_env";

/// The variable of a secret without a name of its own: `HTTP_SINK_API_TOKEN` for the key `token` in `[http_sink.api]`.
pub(crate) fn variable_of(path: &str, key: &str) -> String {
    format!("{path}.{key}").to_uppercase().replace(['.', '-'], "_")
}

/// Puts values of the environment into tables.
pub(crate) struct Variables<'r> {
    pub(crate) environment: &'r dyn Environment,
    pub(crate) secrets: SecretPolicy,
    pub(crate) diagnostics: &'r mut Diagnostics,
    /// Keys of the outermost table whose secret is in the file, missing, or cannot be read; and those with unknown values.
    pub(crate) invalid: Vec<&'static str>,
    /// The number of required values that may be in the environment, which is not read.
    pub(crate) unknown: usize,
}

impl Variables<'_> {
    /// Puts variables and secrets in a table of this path and in the tables within.
    pub(crate) fn resolve(&mut self, table: &mut Table, keys: &'static [KeySpec], path: &str) {
        for spec in keys {
            let before = (self.diagnostics.len(), self.unknown);
            match spec.source {
                ValueSource::File => self.resolve_nested(table, spec, path),
                ValueSource::FileOrVariable(_) if self.secrets == SecretPolicy::Placeholder => {
                    let is_set = table.entries.iter().any(|entry| spec.is_named(&entry.key));
                    self.unknown += usize::from(!is_set && matches!(spec.default, KeyDefault::Required));
                }
                ValueSource::FileOrVariable(name) => {
                    if let Some(value) = environment::value(self.environment, name, &spec.value_type, self.diagnostics)
                    {
                        table.set(spec.name, value);
                    }
                }
                ValueSource::Secret(name) => self.resolve_secret(table, spec, name, path),
            }
            if (self.diagnostics.len(), self.unknown) > before {
                self.invalid.push(spec.name);
            }
        }
    }

    fn resolve_nested(&mut self, table: &mut Table, spec: &KeySpec, path: &str) {
        let path = format!("{path}.{}", spec.name);
        match table.entries.iter_mut().find(|entry| spec.is_named(&entry.key)) {
            Some(entry) => for_each_table(&mut entry.value, &spec.value_type, &mut |table, keys| {
                self.resolve(table, keys, &path);
            }),
            // A table that is not in the file may be all variables; unless it is optional.
            None if !matches!(spec.default, KeyDefault::None) => {
                let mut nested = Table { span: table.span.clone(), entries: Vec::new() };
                if let ValueType::Table(keys) = spec.value_type {
                    self.resolve(&mut nested, keys, &path);
                }
                if !nested.entries.is_empty() {
                    table.set(spec.name, Value::new(Content::Table(nested), Origin::File));
                }
            }
            None => {}
        }
    }

    fn resolve_secret(&mut self, table: &mut Table, spec: &KeySpec, name: Option<&str>, path: &str) {
        let of_table = table.value(&format!("{}{VARIABLE_KEY_SUFFIX}", spec.name)).and_then(|name| name.as_str().ok());
        let variable = of_table.or(name).map_or_else(|| variable_of(path, spec.name), str::to_owned);
        if let Some(index) = table.entries.iter().position(|entry| spec.is_named(&entry.key)) {
            let entry = table.entries.remove(index);
            return secrets::report_in_file(&entry, &format!("`{}`", entry.key), &variable, self.diagnostics);
        }
        if self.secrets == SecretPolicy::Placeholder {
            return table
                .set(spec.name, Value::new(Content::Secret("placeholder".to_owned()), Origin::Variable(variable)));
        }
        match secrets::read(self.environment, &variable, self.diagnostics) {
            Ok(Some(secret)) => table.set(spec.name, secret),
            Ok(None) if matches!(spec.default, KeyDefault::Required) => {
                let message = format!("missing secret `{}`", spec.name);
                self.diagnostics.push(Diagnostic::new(message, how_to_set(&variable)));
            }
            Ok(None) | Err(()) => {}
        }
    }
}

/// Adds the defaults to a table that has been validated, and to the tables within.
pub(crate) fn add_defaults(table: &mut Table, keys: &[KeySpec], diagnostics: &mut Diagnostics) {
    for spec in keys {
        if let Some(entry) = table.entries.iter_mut().find(|entry| spec.is_named(&entry.key)) {
            spec.name.clone_into(&mut entry.key);
            add_defaults_within(&mut entry.value, &spec.value_type, diagnostics);
        } else if let Some(mut value) = default_of(spec, diagnostics) {
            if let Content::Table(nested) = &mut value.content {
                // An error of a table that is not in the file is shown at the table that it belongs in.
                (nested.span, value.span) = (table.span.clone(), table.span.clone());
            }
            add_defaults_within(&mut value, &spec.value_type, diagnostics);
            table.set(spec.name, value);
        }
    }
}

fn add_defaults_within(value: &mut Value, value_type: &ValueType, diagnostics: &mut Diagnostics) {
    for_each_table(value, value_type, &mut |table, keys| add_defaults(table, keys, diagnostics));
}

/// Visits a value that is a table with declared keys, and those in its array or map; not the tables within a table.
fn for_each_table(value: &mut Value, value_type: &ValueType, visit: &mut dyn FnMut(&mut Table, &'static [KeySpec])) {
    match (&mut value.content, value_type) {
        (Content::Table(table), ValueType::Table(keys)) => visit(table, keys),
        (Content::Array(items), ValueType::Array { of, .. }) => {
            items.iter_mut().for_each(|item| for_each_table(item, of, visit));
        }
        (Content::Table(table), ValueType::Map { of, .. }) => {
            table.entries.iter_mut().for_each(|entry| for_each_table(&mut entry.value, of, visit));
        }
        _ => {}
    }
}

/// The default of a key as a value, if it has one.
pub(crate) fn default_of(spec: &KeySpec, diagnostics: &mut Diagnostics) -> Option<Value> {
    let content = match spec.default {
        KeyDefault::Str(text) => Content::String(text.to_owned()),
        KeyDefault::Integer(number) => Content::Integer(number),
        KeyDefault::Literal(literal) => {
            let value = Value::from_literal(literal, Origin::Default).map_err(Diagnostics::from);
            let source = format!("the default of `{}` in the connector's code", spec.name);
            return diagnostics.keep(value.map_err(|wrong| wrong.of_source(&source)));
        }
        KeyDefault::OfType if matches!(spec.value_type, ValueType::Table(_)) => Content::Table(Table::default()),
        KeyDefault::OfType | KeyDefault::Required | KeyDefault::Inherited(_) | KeyDefault::None => return None,
    };
    Some(Value::new(content, Origin::Default))
}
