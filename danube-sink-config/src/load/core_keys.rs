//! Reads the core settings: the keys at the root, in `[processing]` and in `[retry]`; and resolves their keys and those of topic
//! mappings: aliases, tables that may hold them, variables, validation, defaults.

use std::ptr;

use super::{
    cross_checks,
    environment::TOKEN,
    loader::Loader,
    secrets::{SecretSource, report_in_file},
    validate::{of_entry, validate, validate_name},
};
use crate::{
    core::{
        BrokerTarget, ConnectorConfig, Token,
        key::{CORE_TABLES, CoreKey, MAPPING_LISTS, ROOT, Section, UNUSED_IN_PROCESSING, keys_in, names_in},
    },
    report::{Diagnostic, Diagnostics},
    schema::{KeySpec, TableKeys, ValueType, suggest},
    setting::Secret,
    value::{Content, Entry, Origin, Table, Value},
};

/// A key by which a file may hold the token.
const TOKEN_KEY: &str = "danube_token";

/// Core keys that are required; some follow from others, if those have a value.
const REQUIRED: [&str; 4] = ["danube_service_url", "connector_name", "topic", "subscription"];

/// A table of the file that may hold core keys.
pub(crate) type CoreTable<'a> = (Section, &'a Table);

/// The core settings, as the loader keeps them.
pub(crate) struct Core {
    pub(crate) config: ConnectorConfig,
    /// Each key with its value and origin.
    pub(crate) table: Table,
    /// Defaults of the connector's code for common keys of a topic mapping.
    pub(crate) mapping_defaults: Table,
}

impl Core {
    /// The settings of a file without keys.
    pub(crate) fn defaults() -> Self {
        Self { config: ConnectorConfig::defaults(), table: Table::default(), mapping_defaults: Table::default() }
    }
}

impl<'a> Loader<'a> {
    /// Reads the core settings. An invalid value is reported, and has its default in the result.
    pub(crate) fn read_core(&mut self, root: &Table) -> Core {
        let tables = self.core_tables(root);
        let package = self.package.map(str::to_owned);
        let inherited = |spec: &KeySpec| {
            let package = package.clone().filter(|_| spec.name == "connector_name")?;
            Some(Value::new(Content::String(package), Origin::Inherited("the connector's package")))
        };
        let table = self.resolve_core(&tables, ConnectorConfig::KEYS.iter().copied(), &inherited);
        let mut config = ConnectorConfig::defaults();
        config.read(&table, &mut self.diagnostics);
        if self.environment.is_some() {
            let names = self.known_names(Section::Root);
            self.require(Section::Root, root, &table, &TableKeys { title: ROOT, keys: &[], known: &names });
        }
        cross_checks::of_core(&table, &mut self.diagnostics);
        self.read_external(root, &table, &mut config);
        let of_another = self.section_of_another(root);
        for (section, table) in &tables {
            let names = self.known_names(*section);
            let keys = TableKeys { title: section.title(), keys: &[], known: &names };
            for entry in table.entries.iter().filter(|entry| of_another.is_none_or(|another| !ptr::eq(another, *entry)))
            {
                validate_name(entry, &keys, &mut self.diagnostics);
            }
        }
        if let Some(entry) = of_another {
            self.report_section_of_another(entry);
        }
        for entry in UNUSED_IN_PROCESSING.iter().filter_map(|key| tables[1].1.get(key)) {
            let note = format!("`{}` in `[processing]` has no effect: the runtime decides by itself", entry.key);
            self.diagnostics.note(note, entry.key_span.as_ref());
        }
        let mut mapping_defaults = Table::default();
        for (key, literal) in self.mapping_defaults {
            if let Some(value) = self.literal_of_code(key, literal, Origin::Code) {
                mapping_defaults.set(key, value);
            }
        }
        Core { config, table, mapping_defaults }
    }

    /// The names that a table may have.
    fn known_names(&self, section: Section) -> Vec<&'a str> {
        let mut names: Vec<&str> = names_in(section).collect();
        match section {
            Section::Root => {
                names.extend(CORE_TABLES.iter().map(|(name, _)| *name));
                names.extend(&self.sections);
                // It has a report of its own.
                names.push(TOKEN_KEY);
            }
            Section::Processing => names.extend(UNUSED_IN_PROCESSING),
            Section::Retry | Section::Mapping => {}
        }
        names
    }

    fn core_tables<'t>(&mut self, root: &'t Table) -> Vec<CoreTable<'t>> {
        let mut tables = vec![(Section::Root, root)];
        for (name, section) in CORE_TABLES {
            let table = root.value(name).and_then(|value| self.as_table(value, name, "its keys"));
            tables.push((section, table.unwrap_or(Table::EMPTY)));
        }
        tables
    }

    /// The table of the connector's section; none if it is reported as something else. A section that is not in the file is a
    /// table without keys, so that its missing keys are reported.
    pub(crate) fn section<'t>(&mut self, root: &'t Table, name: &str) -> Option<&'t Table> {
        if let Some(value) = root.value(name) {
            return self.as_table(value, name, "the connector's settings");
        }
        // Its misspelt name is reported as an unknown key, and a file for another connector as that.
        let is_misspelt = other_tables(root).any(|(entry, _)| suggest::is_close(&entry.key, name));
        (!is_misspelt && self.section_of_another(root).is_none()).then_some(Table::EMPTY)
    }

    /// The section of another connector, which has topic mappings, in a file that has none for this one.
    fn section_of_another<'t>(&self, root: &'t Table) -> Option<&'t Entry> {
        // A struct of serde's has its keys at the root as well.
        let (Some(_), [own]) = (self.package, self.sections.as_slice()) else { return None };
        let is_section = |table: &Table| MAPPING_LISTS.iter().any(|list| table.get(list).is_some());
        let mut sections = other_tables(root).filter(|(_, table)| is_section(table));
        let is_for_this = other_tables(root).any(|(entry, _)| suggest::is_close(&entry.key, own));
        if is_for_this { None } else { sections.next().map(|(entry, _)| entry) }
    }

    fn report_section_of_another(&mut self, entry: &Entry) {
        let (other, own) = (&entry.key, self.sections.first().copied().unwrap_or_default());
        let message = format!("the file is for another connector: it has `[{other}]`, and this one reads `[{own}]`");
        let command = self.commands.iter().find(|(section, _)| section == other);
        let help = match command {
            Some((_, command)) => format!("use `{command}`, or a file with `[{own}]`"),
            None => format!("use the program of that connector, or a file with `[{own}]`"),
        };
        self.diagnostics.push(Diagnostic::new(message, help).at(entry.key_span.clone()));
    }

    /// The table of a name at the root; none if it is reported as something else. `content` is what belongs in it.
    fn as_table<'t>(&mut self, value: &'t Value, name: &str, content: &str) -> Option<&'t Table> {
        let Content::Table(table) = &value.content else {
            let help = format!("write {content} below a line `[{name}]`");
            let wrong = value.unexpected("a table", &help);
            self.diagnostics.append(Diagnostics::from(wrong).of_key(name));
            return None;
        };
        Some(table)
    }

    /// Reads the token, and checks what the settings name outside of the file.
    fn read_external(&mut self, root: &Table, table: &Table, config: &mut ConnectorConfig) {
        if let Some(entry) = root.get(TOKEN_KEY) {
            report_in_file(entry, "the token", TOKEN, &mut self.diagnostics);
        }
        if matches!(self.checks.broker, BrokerTarget::Embedded) {
            (config.tls_ca_file, config.tls_cert_file, config.tls_key_file) = Default::default();
            (config.danube_admin_url, config.broker_metrics_urls) = Default::default();
            return;
        }
        config.token = self.find_secret(TOKEN).map(|source| match source {
            SecretSource::Variable(token) => Token::Value(Secret::new(token.trim())),
            SecretSource::File(path) => Token::File(path),
        });
        if let BrokerTarget::Remote(check) = self.checks.broker {
            for error in check(config) {
                let span = error.key.and_then(|key| table.value(key)).and_then(|value| value.span.clone());
                self.diagnostics.push(Diagnostic::new(error.message, error.help).at(span));
            }
        }
    }
}

/// The tables at the root that are not the core's.
fn other_tables(root: &Table) -> impl Iterator<Item = (&Entry, &Table)> {
    let is_core = |key: &str| CORE_TABLES.iter().any(|(core, _)| *core == key);
    root.entries.iter().filter_map(move |entry| match &entry.value.content {
        Content::Table(table) if !is_core(&entry.key) => Some((entry, table)),
        _ => None,
    })
}

impl Loader<'_> {
    /// Resolves core keys to one table, under their canonical names. An invalid value is reported, and its default put in its
    /// place. `inherited` gives the value of a key that is missing, before its default.
    pub(crate) fn resolve_core<'k>(
        &mut self,
        tables: &[CoreTable<'_>],
        keys: impl Iterator<Item = &'k CoreKey>,
        inherited: &dyn Fn(&KeySpec) -> Option<Value>,
    ) -> Table {
        let mut resolved =
            Table { span: tables.first().and_then(|(_, table)| table.span.clone()), entries: Vec::new() };
        for key in keys {
            let spec = &key.spec;
            let in_file = self.find_core(tables, key).cloned();
            let variable =
                self.value_of_variable(spec).map(|value| Entry { key: String::new(), key_span: None, value });
            let entry = variable.or(in_file).map(|entry| Entry { key: spec.name.to_owned(), ..entry });
            let valid = entry.filter(|entry| {
                let wrong = violations(&entry.value, spec);
                let valid = wrong.is_empty();
                self.diagnostics.append(of_entry(wrong, entry));
                valid
            });
            if let Some(entry) = valid {
                resolved.entries.push(entry);
            } else if let Some(value) = inherited(spec).or_else(|| self.default_of(spec)) {
                resolved.set(spec.name, value);
            }
        }
        resolved
    }

    /// The entry of a key that may be in several tables and under several names, but only once.
    fn find_core<'t>(&mut self, tables: &[CoreTable<'t>], key: &CoreKey) -> Option<&'t Entry> {
        let canonical = key.allowed_in[0];
        let mut first: Option<(&'t Entry, Section)> = None;
        for (section, table) in tables {
            for entry in key.names(*section).filter_map(|name| table.get(name)) {
                if *section != canonical || entry.key != key.spec.name {
                    let mut note = format!("`{}` in {} is read as `{}`", entry.key, section.title(), key.spec.name);
                    if *section != canonical {
                        note = format!("{note} in {}", canonical.title());
                    }
                    self.diagnostics.note(note, entry.key_span.as_ref());
                }
                match first {
                    None => first = Some((entry, *section)),
                    Some((other, at)) => {
                        let message = format!("`{}` is set twice", key.spec.name);
                        let help = format!("keep this one or `{}` in {}", other.key, at.title());
                        self.diagnostics.push(Diagnostic::new(message, help).at(entry.key_span.clone()));
                    }
                }
            }
        }
        first.map(|(entry, _)| entry)
    }

    /// Reports the required core keys that a table of the file does not have, and that have no other value. A misspelt key is
    /// unknown, not missing.
    pub(super) fn require(&mut self, section: Section, file: &Table, resolved: &Table, keys: &TableKeys<'_>) {
        for key in keys_in(section).filter(|key| REQUIRED.contains(&key.spec.name)) {
            let name = key.spec.name;
            let is_present = resolved.get(name).is_some() || key.names(section).any(|name| file.get(name).is_some());
            if !is_present && !keys.is_misspelt(name, &file.keys()) {
                self.diagnostics.push(Diagnostic::from(keys.missing(&key.spec)).at(file.span.clone()));
            }
        }
    }
}

/// As the validator's, and with the help that only a core key has: its meaning and its default.
fn violations(value: &Value, spec: &KeySpec) -> Diagnostics {
    if let Content::String(text) = &value.content
        && text.trim().is_empty()
        && matches!(spec.value_type, ValueType::String { .. })
    {
        let help = format!("write a string of at least 1 character: {}{}", spec.summary(), spec.default.as_help());
        return value.diagnostic("the string is empty", help).into();
    }
    validate(value, &spec.value_type).with_help(&spec.default.as_help())
}
