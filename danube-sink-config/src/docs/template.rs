//! A configuration file to begin with: every key with its help and its default.

use std::mem;

use super::{
    example::example,
    key::{DocumentedKey, sentence},
};
use crate::{
    core::{
        ConnectorConfig,
        key::{MAPPING_LISTS, Section, mapping_keys},
    },
    load::{ConnectorInfo, GeneratedConnector, environment::TOKEN, secrets::how_to_set},
    schema::{KeyDefault, KeySpec, ValueSource, ValueType},
};

/// What a template shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateKind {
    /// Every key, with its default commented out.
    Complete,
    /// The required keys; of a table that requires none, but has examples, these as one way to set it, commented out.
    Minimal,
}

/// A complete, commented configuration of a connector. It is valid as it is: each required key has an example.
pub fn template<C: GeneratedConnector>() -> String {
    template_of(&C::INFO, TemplateKind::Complete)
}

/// A template of a connector without its type.
#[doc(hidden)]
pub fn template_of(connector: &ConnectorInfo, template: TemplateKind) -> String {
    let is_complete = template == TemplateKind::Complete;
    let mut out = Writer { text: String::new(), is_complete, shows_examples: false };
    if is_complete {
        out.comment(&format!("{} {}\n{}", connector.name, connector.version, connector.about));
        out.comment("\nEvery key is here with its default. Remove the `#` in front of a key to set it.");
    }
    for key in ConnectorConfig::KEYS {
        out.key(&DocumentedKey::core(key, Section::Root));
    }
    out.help(&format!(
        "The token that authenticates the connector at the broker, for `https`. Never in this file: {}.",
        how_to_set(TOKEN)
    ));
    out.line(&format!("\n[{}]", connector.section));
    out.keys(connector.section, connector.section, connector.keys);
    let list = format!("{}.{}", connector.section, MAPPING_LISTS[0]);
    out.line("");
    if is_complete {
        out.comment("The topics to read, and the settings for each: one such table a topic.");
    }
    out.line(&format!("[[{list}]]"));
    for key in mapping_keys() {
        out.key(&DocumentedKey::common(key, connector));
    }
    out.keys(&list, connector.section, connector.mapping_keys);
    out.text
}

/// The default of the root's key of this name.
fn default_of_root(name: &str) -> Option<String> {
    ConnectorConfig::KEYS.iter().find(|key| key.spec.name == name).and_then(|key| key.spec.default.to_toml())
}

struct Writer {
    text: String,
    /// Whether it shows every key, with its help.
    is_complete: bool,
    /// Whether a minimal template shows the keys with an example.
    shows_examples: bool,
}

impl Writer {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn comment(&mut self, text: &str) {
        for line in text.lines() {
            self.line(format!("# {line}").trim_end());
        }
    }

    /// A comment behind an empty line, unless the template is minimal.
    fn help(&mut self, text: &str) {
        if self.is_complete {
            self.line("");
            self.comment(text);
        }
    }

    /// Whether the template shows a key.
    fn shows(&self, spec: &KeySpec) -> bool {
        let is_example = self.shows_examples && spec.example.is_some();
        self.is_complete || spec.is_required() || is_example || has_alternatives(spec)
    }

    /// The keys of a table, before the tables in it. `path` is its header, `variables` the path of its variables.
    fn keys(&mut self, path: &str, variables: &str, keys: &[KeySpec]) {
        let shown: Vec<&KeySpec> = keys.iter().filter(|spec| self.shows(spec)).collect();
        for spec in &shown {
            match spec.source {
                ValueSource::Secret(_) => self.secret(spec, variables),
                _ if header(spec, path).is_some() => {}
                _ => self.key(&DocumentedKey::own(spec)),
            }
        }
        for spec in &shown {
            if let Some((header, inner)) = header(spec, path) {
                self.table(spec, &header, inner, &format!("{variables}.{}", spec.name));
            }
        }
    }

    /// A nested table. It is commented out if its presence would mean something: if it has required keys, or is optional without a
    /// default.
    fn table(&mut self, spec: &KeySpec, header: &str, inner: &[KeySpec], variables: &str) {
        let has_default = matches!(spec.value_type, ValueType::Table(_)) && !matches!(spec.default, KeyDefault::None);
        let is_commented_out = !spec.is_required() && (!has_default || inner.iter().any(KeySpec::is_required));
        self.line("");
        if self.is_complete {
            self.comment(&DocumentedKey::own(spec).help);
        }
        let begin = self.text.len();
        self.line(header);
        let path = header.trim_matches(['[', ']']).to_owned();
        let around = mem::replace(&mut self.shows_examples, has_alternatives(spec));
        self.keys(&path, variables, inner);
        self.shows_examples = around;
        if is_commented_out {
            let lines = self.text.split_off(begin);
            for line in lines.lines() {
                let mark = if line.is_empty() || line.starts_with('#') { "" } else { "#" };
                self.line(&format!("{mark}{line}"));
            }
        }
    }

    fn secret(&mut self, spec: &KeySpec, path: &str) {
        self.help(&DocumentedKey::own(spec).help);
        let need = if spec.is_required() { "Required" } else { "Optional" };
        let how = spec.variable(path).map(|variable| how_to_set(variable.as_str())).unwrap_or_default();
        self.comment(&format!("Secret `{}`, never in this file: {how}. {need}.", spec.name));
    }

    fn key(&mut self, key: &DocumentedKey) {
        let DocumentedKey { spec, names, help } = key;
        if !self.shows(spec) {
            return;
        }
        let example = || spec.example.map(str::to_owned).or_else(|| example(&spec.value_type));
        let (value, default) = match (spec.default.to_toml(), spec.default) {
            (Some(literal), _) => (Some(literal.clone()), format!("Default: {literal}")),
            (None, KeyDefault::Inherited(words)) => {
                (default_of_root(spec.name).or_else(example), format!("Default: {words}"))
            }
            (None, KeyDefault::Required) => (example(), "Required".to_owned()),
            (None, _) => (example(), "Optional".to_owned()),
        };
        let mut about = format!("{} {default}.", sentence(spec.value_type.description().as_str()));
        if let ValueSource::FileOrVariable(variable) = spec.source {
            about.push_str(&format!(" Overridden by {variable}."));
        }
        for alias in names.iter().filter(|name| **name != spec.name) {
            about.push_str(&format!(" Also written `{alias}`."));
        }
        self.help(format!("{help}\n{about}").trim_start());
        let mark = if spec.is_required() { "" } else { "#" };
        self.line(&format!("{mark}{} = {}", spec.name, value.as_deref().unwrap_or("\"…\"")));
    }
}

/// Whether a table needs some of its keys, such as a URL or a host, but no single one.
fn has_alternatives(table: &KeySpec) -> bool {
    let ValueType::Table(keys) = table.value_type else { return false };
    keys.iter().any(|spec| spec.example.is_some()) && !keys.iter().any(KeySpec::is_required)
}

/// The header of a key that is a table or an array of tables, and the keys in it.
fn header(spec: &KeySpec, path: &str) -> Option<(String, &'static [KeySpec])> {
    match spec.value_type {
        ValueType::Table(keys) => Some((format!("[{path}.{}]", spec.name), keys)),
        ValueType::Array { of: ValueType::Table(keys), .. } => Some((format!("[[{path}.{}]]", spec.name), keys)),
        ValueType::Map { of: ValueType::Table(keys), .. } => Some((format!("[{path}.{}.name]", spec.name), keys)),
        _ => None,
    }
}
