//! Resolves the keys of a connector's own tables: variables, secrets and defaults are put in before all is validated.

use super::{
    loader::Loader,
    mappings::ParsedMapping,
    secrets::{file_variable, how_to_set, report_in_file},
    validate::validate_table,
};
use crate::{
    report::Diagnostic,
    schema::{KeyDefault, KeySpec, TableKeys, ValueSource, ValueType, key_spec, key_spec::all_keys_optional},
    value::{Content, Origin, Table, Value},
};

/// The suffix of a mapping's key that names the variable of a secret, such as `password_env`.
pub(crate) const VARIABLE_KEY_SUFFIX: &str = "_env";

/// A topic mapping with the connector's own keys, before they are converted.
#[derive(Debug)]
pub(crate) struct OwnMapping<'d> {
    pub(crate) common: ParsedMapping<'d>,
    /// The declared keys, with variables, secrets and defaults.
    pub(crate) own: Table,
}

impl Loader<'_> {
    /// The declared keys of a table, with variables, secrets and defaults. `path` begins the names of its variables.
    pub(crate) fn resolve_own(&mut self, table: &Table, keys: &TableKeys<'_>, path: &str) -> Table {
        let mut table = table.clone();
        self.complete(&mut table, keys, path);
        validate_table(&table, keys, &mut self.diagnostics);
        table.entries.retain(|entry| key_spec::find(keys.keys, &entry.key).is_some());
        table
    }

    /// Puts variables, secrets and defaults in a table of this path and in the tables within. Reports the keys that lack a value
    /// of the environment then.
    fn complete(&mut self, table: &mut Table, keys: &TableKeys<'_>, path: &str) {
        for spec in keys.keys {
            let reported = self.diagnostics.len();
            self.add_of_environment(table, spec, path);
            let path = format!("{path}.{}", spec.name);
            match table.value_mut(spec.name) {
                Some(value) => self.complete_within(value, &spec.value_type, &path),
                None => self.add_default(table, spec, &path),
            }
            if let (ValueSource::FileOrVariable(_), Some(_)) = (spec.source, self.environment)
                && spec.is_required()
                && table.get(spec.name).is_none()
                && self.diagnostics.len() == reported
                && !keys.is_misspelt(spec.name, &table.keys())
            {
                self.diagnostics.push(Diagnostic::from(keys.missing(spec)).at(table.span.clone()));
            }
        }
    }

    fn add_of_environment(&mut self, table: &mut Table, spec: &KeySpec, path: &str) {
        match spec.source {
            ValueSource::File => {}
            ValueSource::FileOrVariable(name) => {
                if !self.is_complete_sample(spec, table.get(spec.name).is_some(), name)
                    && let Some(value) = self.value_of_variable(spec)
                {
                    table.set(spec.name, value);
                }
            }
            ValueSource::Secret(_) => self.add_secret(table, spec, path),
        }
        if let Some(Origin::Variable(name) | Origin::VariableFile(name)) =
            table.value(spec.name).map(|value| &value.origin)
        {
            self.own_variables.read.push(name.clone());
        }
    }

    fn complete_within(&mut self, value: &mut Value, value_type: &ValueType, path: &str) {
        for_each_table(value, value_type, &mut |table, keys| self.complete(table, &TableKeys::nested(keys), path));
    }

    fn add_default(&mut self, table: &mut Table, spec: &KeySpec, path: &str) {
        let default = self.default_of(spec);
        let has_default = default.is_some();
        // A table that is not in the file may be all variables. One that is optional, or that has a default as a whole and keys
        // that are required, is there if one of its settings is.
        let may_be_variables = match (&spec.value_type, spec.default) {
            (ValueType::Table(keys), KeyDefault::None) => self.has_variable_of(keys),
            (ValueType::Table(keys), KeyDefault::Inherited(_)) if !all_keys_optional(&spec.value_type) => {
                self.has_variable_of(keys)
            }
            (ValueType::Table(_), _) => true,
            _ => false,
        };
        let Some(mut value) = default.or_else(|| may_be_variables.then(|| Value::empty_table(None))) else { return };
        if let Content::Table(nested) = &mut value.content {
            // An error of a table that is not in the file is shown at the table that it belongs in.
            (nested.span, value.span) = (table.span.clone(), table.span.clone());
        }
        self.complete_within(&mut value, &spec.value_type, path);
        if has_default || has_variables(&value) {
            table.set(spec.name, value);
        }
    }

    /// Whether a variable sets one of these settings, or one of the tables within. Secrets do not count: one of the same name
    /// may be there for another table.
    fn has_variable_of(&mut self, keys: &[KeySpec]) -> bool {
        !self.is_sample
            && keys.iter().any(|spec| match (spec.source, &spec.value_type) {
                (ValueSource::FileOrVariable(name), _) => self.variable(name).is_some(),
                (ValueSource::File, ValueType::Table(keys)) => self.has_variable_of(keys),
                _ => false,
            })
    }

    /// Whether the file is the sample and needs no variable for a key: who tries a connector with the sample does not expect it to
    /// write to the target that the environment has for another purpose.
    fn is_complete_sample(&mut self, spec: &KeySpec, has_value: bool, variable: &str) -> bool {
        if !self.is_sample || !has_value && spec.is_required() {
            return false;
        }
        let names = [variable.to_owned(), file_variable(variable)];
        let is_set =
            |name: &String| self.environment.and_then(|all| all.variable(name)).is_some_and(|it| !it.is_empty());
        self.own_variables.unread.extend(names.into_iter().filter(is_set));
        true
    }

    fn add_secret(&mut self, table: &mut Table, spec: &KeySpec, path: &str) {
        let of_table = table.value(&format!("{}{VARIABLE_KEY_SUFFIX}", spec.name)).and_then(|name| name.as_str().ok());
        let variable = of_table.map(str::to_owned).or_else(|| spec.variable(path).map(|name| name.to_string()));
        let variable = variable.unwrap_or_default();
        if let Some(index) = table.entries.iter().position(|entry| entry.key == spec.name) {
            let entry = table.entries.remove(index);
            return report_in_file(&entry, &format!("`{}`", entry.key), &variable, &mut self.diagnostics);
        }
        if self.environment.is_none() {
            if spec.is_required() {
                let placeholder = Content::Secret("placeholder".to_owned());
                table.set(spec.name, Value::new(placeholder, Origin::Variable(variable)));
            }
            return;
        }
        if self.is_complete_sample(spec, false, &variable) {
            return;
        }
        let reported = self.diagnostics.len();
        if let Some(secret) = self.read_secret(&variable) {
            table.set(spec.name, secret);
        } else if spec.is_required() && self.diagnostics.len() == reported {
            let message = format!("missing secret `{}`", spec.name);
            self.diagnostics.push(Diagnostic::new(message, how_to_set(&variable)));
        }
    }
}

/// Whether a value, or one in its table, comes from the environment.
fn has_variables(value: &Value) -> bool {
    match &value.content {
        Content::Table(table) => table.entries.iter().any(|entry| has_variables(&entry.value)),
        _ => matches!(value.origin, Origin::Variable(_) | Origin::VariableFile(_)),
    }
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
