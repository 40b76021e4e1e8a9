//! Reads the array of topic mappings: the common keys of each, and the connector's own.

use std::ops::Range;

use super::{core_keys::Core, cross_checks, loader::Loader};
use crate::{
    core::{
        ConnectorConfig, MappingSettings, SubscriptionType,
        key::{MAPPING_LISTS, Section, mapping_keys, names_in},
    },
    report::{Diagnostic, Diagnostics},
    schema::{KeyDefault, KeySpec, TableKeys},
    value::{Content, Entry, Origin, Table, Value},
};

/// The length of a quotation mark around a string of the file.
const QUOTE: usize = 1;

/// A topic mapping whose common keys have been read.
#[derive(Debug)]
pub(crate) struct ParsedMapping<'a> {
    /// The title of its table in messages.
    pub(crate) title: String,
    /// The table in the file.
    pub(crate) file_table: &'a Table,
    /// The common keys, with their values and origins.
    pub(crate) table: Table,
    pub(crate) settings: MappingSettings,
}

impl ParsedMapping<'_> {
    /// A diagnostic of the value of a key.
    pub(super) fn diagnostic(&self, key: &str, message: impl Into<String>, help: impl Into<String>) -> Diagnostic {
        Diagnostic::new(message, help).at(self.table.span_of(Some(key)))
    }
}

/// The entry of the mappings in a section.
pub(crate) fn entry(table: &Table) -> Option<&Entry> {
    MAPPING_LISTS.iter().find_map(|name| table.get(name))
}

impl Loader<'_> {
    /// The entry of the mappings in a section. `section` is its name.
    fn find_mappings<'t>(&mut self, table: &'t Table, section: &str) -> Option<&'t Entry> {
        let [guide, published] = MAPPING_LISTS.map(|name| table.get(name));
        if let (Some(_), Some(second)) = (guide, published) {
            let message = format!("`{}` and `{}` are two names of one array", MAPPING_LISTS[0], MAPPING_LISTS[1]);
            let help = "use one of them for all mappings";
            self.diagnostics.push(Diagnostic::new(message, help).at(second.key_span.clone()));
        }
        if let Some(published) = published {
            let note = format!("`{}` is read as `{}`", MAPPING_LISTS[1], MAPPING_LISTS[0]);
            self.diagnostics.note(note, published.key_span.as_ref());
        }
        let entry = entry(table);
        if entry.is_none() {
            let title = format!("`[{section}]`");
            let keys = TableKeys { title: &title, keys: &[], known: &MAPPING_LISTS };
            if !keys.is_misspelt(MAPPING_LISTS[0], &table.keys()) {
                let message = keys.missing(&KeySpec::new(MAPPING_LISTS[0])).message;
                self.diagnostics.push(Diagnostic::new(message.as_str(), example(section)).at(table.span.clone()));
            }
        }
        entry
    }

    /// Reads the common keys of each mapping in a section, of which `section` is the name; none if there is no array of tables.
    /// `own_names` are the connector's own keys, as far as they are known.
    pub(crate) fn parse_mappings<'t>(
        &mut self,
        table: &'t Table,
        section: &str,
        core: &Core,
        own_names: &[&str],
    ) -> Option<Vec<ParsedMapping<'t>>> {
        let entry = self.find_mappings(table, section)?;
        let header = format!("[[{section}.{}]]", entry.key);
        let not_an_array = |value: &Value| {
            let help = format!("begin each mapping with a line `{header}`");
            value.unexpected("an array of topic mappings", &help)
        };
        let Content::Array(items) = &entry.value.content else {
            self.diagnostics.append(Diagnostics::from(not_an_array(&entry.value)).of_key(&entry.key));
            return None;
        };
        if items.is_empty() {
            self.diagnostics.push(entry.value.diagnostic("there are no topic mappings", example(section)));
        }
        let mut mappings = Vec::with_capacity(items.len());
        for item in items {
            match &item.content {
                Content::Table(table) => {
                    mappings.push(self.parse_mapping(table, format!("`{header}`"), core, own_names));
                }
                _ => self.diagnostics.push(not_an_array(item)),
            }
        }
        cross_checks::of_mappings(&mappings, &core.config, &mut self.diagnostics);
        (mappings.len() == items.len()).then_some(mappings)
    }

    pub(crate) fn parse_mapping<'t>(
        &mut self,
        file_table: &'t Table,
        title: String,
        core: &Core,
        own_names: &[&str],
    ) -> ParsedMapping<'t> {
        let Core { config, table: core_table, mapping_defaults } = core;
        let inherited = |spec: &KeySpec| {
            let root = core_table.value(spec.name);
            let of_file = root.filter(|value| matches!(value.origin, Origin::File | Origin::Variable(_)));
            let of_code = mapping_defaults.value(spec.name);
            let value = of_file.or(of_code).or(root)?;
            let is_inherited = matches!(spec.default, KeyDefault::Inherited(_)) || of_code.is_some();
            let origin = if value.origin == Origin::Code { Origin::Code } else { Origin::Inherited("the root") };
            is_inherited.then(|| value.clone().with_origin(&origin))
        };
        let mut table = self.resolve_core(&[(Section::Mapping, file_table)], mapping_keys(), &inherited);
        let mut settings = MappingSettings::of_table(&table, config, &mut self.diagnostics);
        name_consumer(&mut table, &mut settings, config, &self.host);
        let known = [common_names().as_slice(), own_names].concat();
        self.require(Section::Mapping, file_table, &table, &TableKeys { title: &title, keys: &[], known: &known });
        for error in (self.checks.mapping)(&settings) {
            let key = error.key.unwrap_or_default();
            let span = table.value(key).and_then(|value| part(value, error.offset));
            self.diagnostics.push(Diagnostic::new(format!("`{key}`: {}", error.message), error.help).at(span));
        }
        ParsedMapping { title, file_table, table, settings }
    }
}

/// The bytes of the file that a part of a value begins with. The whole value, if it is not written as it is read.
fn part(value: &Value, offset: Option<usize>) -> Option<Range<usize>> {
    let span = value.span.clone()?;
    match (&value.content, offset) {
        (Content::String(text), Some(offset)) if span.len() == text.len() + 2 * QUOTE && offset < text.len() => {
            let start = span.start + QUOTE + offset;
            Some(start..start + 1)
        }
        _ => Some(span),
    }
}

/// The names of the common keys, which are no keys of the connector's own.
pub(crate) fn common_names() -> Vec<&'static str> {
    names_in(Section::Mapping).collect()
}

/// Adds the names that follow from the connector's. A process has the same consumer name on every start, so that it replaces
/// itself: an Exclusive or Failover subscription has one consumer at a time, so that any process may continue; the other types
/// have one a host.
fn name_consumer(table: &mut Table, settings: &mut MappingSettings, core: &ConnectorConfig, host: &str) {
    let connector = &core.connector_name;
    let consumer = &mut settings.consumer;
    let consumer_name = match consumer.subscription_type {
        SubscriptionType::Exclusive | SubscriptionType::Failover => connector.clone(),
        SubscriptionType::Shared | SubscriptionType::KeyShared => format!("{connector}-{host}"),
    };
    let names = [
        ("subscription", &mut consumer.subscription, connector.clone()),
        ("consumer_name", &mut consumer.consumer_name, consumer_name),
    ];
    for (key, field, name) in names {
        if table.get(key).is_none() && !connector.is_empty() {
            table.set(key, Value::new(Content::String(name.clone()), Origin::Inherited("connector_name")));
            *field = name;
        }
    }
}

/// The help for a section without mappings.
pub(crate) fn example(section: &str) -> String {
    format!("add a mapping: a line `[[{section}.topic_mappings]]`, and below it `topic = \"/namespace/name\"`")
}
