//! What a file is loaded with, and what is found to be wrong.

use super::{
    connector::ConnectorInfo,
    environment::{Environment, host_name},
    validate::default_in_code,
};
use crate::{
    core::ExternalChecks,
    report::{Diagnostic, Diagnostics},
    schema::{KeyDefault, KeySpec, ValueRef, ValueSource, ValueType},
    value::{Content, Origin, Table, Value},
};

/// Loads a file. Each step adds to the diagnostics, and none stops at them.
pub(crate) struct Loader<'a> {
    /// None if only the file is validated, as while a connector is built: then what the environment may set is not missing, and
    /// each required secret has a placeholder.
    pub(crate) environment: Option<&'a dyn Environment>,
    /// The name of the connector's package, if it has one.
    pub(crate) package: Option<&'a str>,
    /// The names at the root that are no core keys, such as that of the connector's section.
    pub(crate) sections: Vec<&'a str>,
    /// The commands of other connectors in the program, by their sections.
    pub(crate) commands: &'a [(&'static str, String)],
    /// Defaults of the connector's code for common keys of a topic mapping, as TOML.
    pub(crate) mapping_defaults: &'a [(&'a str, &'a str)],
    /// The name of the host, for names of consumers.
    pub(crate) host: String,
    /// Whether the file is the sample in the program: then the environment sets only what the sample leaves open.
    pub(crate) is_sample: bool,
    pub(crate) own_variables: OwnVariables,
    pub(crate) checks: ExternalChecks,
    pub(crate) diagnostics: Diagnostics,
}

/// The variables of a connector's own settings that are set.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct OwnVariables {
    /// Those that settings come from.
    pub read: Vec<String>,
    /// Those that are not read, since the sample in the program is complete without them.
    pub unread: Vec<String>,
}

impl<'a> Loader<'a> {
    /// That of a connector of which nothing is known.
    pub(crate) fn new(environment: Option<&'a dyn Environment>, checks: ExternalChecks) -> Self {
        Self {
            environment,
            package: None,
            sections: Vec::new(),
            commands: &[],
            mapping_defaults: &[],
            host: environment.map(host_name).unwrap_or_default(),
            is_sample: false,
            own_variables: OwnVariables::default(),
            checks,
            diagnostics: Diagnostics::default(),
        }
    }

    /// That of a connector.
    pub(crate) fn of(
        connector: &ConnectorInfo,
        environment: Option<&'a dyn Environment>,
        checks: ExternalChecks,
    ) -> Self {
        Self {
            package: Some(connector.name),
            sections: vec![connector.section],
            mapping_defaults: connector.mapping_defaults,
            ..Self::new(environment, checks)
        }
    }

    /// The text of a variable. An empty one counts as not set: that is how compose files pass on variables that are not set.
    pub(super) fn variable(&mut self, name: &str) -> Option<String> {
        match self.environment?.variable(name)?.into_string() {
            Ok(text) => Some(text).filter(|text| !text.is_empty()),
            Err(_) => {
                let message = format!("variable {name} is not UTF-8");
                self.diagnostics.push(Diagnostic::new(message, "set it to text in UTF-8"));
                None
            }
        }
    }

    /// The value of the variable that overrides a key: a string if the type takes it as one, else what TOML makes of the text.
    pub(super) fn value_of_variable(&mut self, spec: &KeySpec) -> Option<Value> {
        let ValueSource::FileOrVariable(name) = spec.source else { return None };
        let text = self.variable(name)?;
        let origin = Origin::Variable(name.to_owned());
        let literal = || {
            let value = Value::from_literal(&text, origin.clone()).ok();
            value.filter(|value| !matches!(value.content, Content::String(_)))
        };
        let parsed = if spec.value_type.violation(&ValueRef::String(&text)).is_none() { None } else { literal() };
        Some(parsed.unwrap_or_else(|| Value::new(Content::String(text), origin)))
    }

    /// The default of a key as a value, if it has one.
    pub(super) fn default_of(&mut self, spec: &KeySpec) -> Option<Value> {
        let content = match spec.default {
            KeyDefault::Str(text) => Content::String(text.to_owned()),
            KeyDefault::Integer(number) => Content::Integer(number),
            KeyDefault::Literal(literal) => return self.literal_of_code(spec.name, literal, Origin::Default),
            KeyDefault::OfType if matches!(spec.value_type, ValueType::Table(_)) => Content::Table(Table::default()),
            KeyDefault::OfType | KeyDefault::Required | KeyDefault::Inherited(_) | KeyDefault::None => return None,
        };
        Some(Value::new(content, Origin::Default))
    }

    /// A default that the connector's code gives to a key, as TOML.
    pub(super) fn literal_of_code(&mut self, key: &str, literal: &str, origin: Origin) -> Option<Value> {
        let value = Value::from_literal(literal, origin).map_err(Diagnostics::from);
        self.diagnostics.keep(value.map_err(|wrong| wrong.of_source(&default_in_code(key))))
    }
}
