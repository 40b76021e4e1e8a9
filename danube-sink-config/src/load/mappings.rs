//! Reads the array of topic mappings: the common keys of each, and the connector's own.

use std::ops::Range;

use super::{
    core_keys::{self, Core, ParsedMapping},
    cross_checks,
    own_keys::literal_of_code,
};
use crate::{
    core::{
        CheckMapping, ConnectorConfig, ExternalChecks, MappingSettings, SubscriptionType,
        key::{MAPPING_LISTS, Section, mapping_keys, names_in},
    },
    report::{Diagnostic, Diagnostics},
    schema::{KeyDefault, KeySpec, TableKeys},
    value::{Content, Entry, Origin, Table, Value},
};

/// What the common keys of a mapping depend on.
#[derive(Clone, Copy)]
pub(crate) struct MappingContext<'r> {
    pub(crate) core: &'r Core,
    /// Defaults of the connector's code for common keys.
    pub(crate) defaults: &'r Table,
    /// The names of the connector's own keys, as far as they are known.
    pub(crate) own_names: &'r [&'r str],
    pub(crate) host: &'r str,
    pub(crate) checks: CheckMapping,
}

impl<'r> MappingContext<'r> {
    /// That of a connector of which nothing is known.
    pub(crate) fn new(core: &'r Core) -> Self {
        Self { core, defaults: Table::EMPTY, own_names: &[], host: "", checks: ExternalChecks::SKIP.mapping }
    }
}

/// Defaults of the connector's code for common keys of a mapping, from TOML.
pub(crate) fn code_defaults(defaults: &[(&str, &str)], diagnostics: &mut Diagnostics) -> Table {
    let mut table = Table::default();
    for (key, literal) in defaults {
        if let Some(value) = literal_of_code(key, literal, Origin::Code, diagnostics) {
            table.set(key, value);
        }
    }
    table
}

/// The length of a quotation mark around a string of the file.
const QUOTE: usize = 1;

/// The entry of the mappings in a section.
pub(crate) fn entry(table: &Table) -> Option<&Entry> {
    MAPPING_LISTS.iter().find_map(|name| table.get(name))
}

/// The entry of the mappings in a section. `section` is its name.
fn find<'a>(table: &'a Table, section: &str, diagnostics: &mut Diagnostics) -> Option<&'a Entry> {
    let [guide, published] = MAPPING_LISTS.map(|name| table.get(name));
    if let (Some(_), Some(second)) = (guide, published) {
        let message = format!("`{}` and `{}` are two names of one array", MAPPING_LISTS[0], MAPPING_LISTS[1]);
        let help = "use one of them for all mappings";
        diagnostics.push(Diagnostic::new(message, help).at(second.key_span.clone()));
    }
    if let Some(published) = published {
        let note = format!("`{}` is read as `{}`", MAPPING_LISTS[1], MAPPING_LISTS[0]);
        diagnostics.note(note, published.key_span.as_ref());
    }
    let entry = entry(table);
    if entry.is_none() {
        let title = format!("`[{section}]`");
        let keys = TableKeys { title: &title, keys: &[], known: &MAPPING_LISTS };
        if !keys.is_misspelt(MAPPING_LISTS[0], &table.keys()) {
            let message = keys.missing(&KeySpec::new(MAPPING_LISTS[0])).message;
            diagnostics.push(Diagnostic::new(message.as_str(), example(section)).at(table.span.clone()));
        }
    }
    entry
}

/// Reads the common keys of each mapping in a section, of which `section` is the name; none if there is no array of tables.
pub(crate) fn parse<'a>(
    table: &'a Table,
    section: &str,
    context: MappingContext<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<ParsedMapping<'a>>> {
    let entry = find(table, section, diagnostics)?;
    let header = format!("[[{section}.{}]]", entry.key);
    let not_an_array = |value: &Value| {
        let help = format!("begin each mapping with a line `{header}`");
        value.of_violation(&value.as_ref().unexpected("an array of topic mappings", &help))
    };
    let Content::Array(items) = &entry.value.content else {
        diagnostics.append(Diagnostics::from(not_an_array(&entry.value)).of_key(&entry.key));
        return None;
    };
    if items.is_empty() {
        diagnostics.push(entry.value.diagnostic("there are no topic mappings", example(section)));
    }
    let mut mappings = Vec::with_capacity(items.len());
    let mut complete = true;
    for item in items {
        match &item.content {
            Content::Table(table) => mappings.push(parse_one(table, format!("`{header}`"), context, diagnostics)),
            _ => {
                diagnostics.push(not_an_array(item));
                complete = false;
            }
        }
    }
    cross_checks::of_mappings(&mappings, &context.core.config, diagnostics);
    complete.then_some(mappings)
}

pub(crate) fn parse_one<'a>(
    file_table: &'a Table,
    title: String,
    context: MappingContext<'_>,
    diagnostics: &mut Diagnostics,
) -> ParsedMapping<'a> {
    let MappingContext { core: Core { config: core, table: core_table }, defaults, own_names, host, checks } = context;
    let inherited = |spec: &KeySpec| {
        let root = core_table.get(spec.name).map(|entry| &entry.value);
        let of_file = root.filter(|value| matches!(value.origin, Origin::File | Origin::Variable(_)));
        let value = of_file.or_else(|| defaults.value(spec.name)).or(root)?;
        let is_inherited = matches!(spec.default, KeyDefault::Inherited(_)) || defaults.get(spec.name).is_some();
        let origin = if value.origin == Origin::Code { Origin::Code } else { Origin::Inherited("the root") };
        is_inherited.then(|| value.clone().with_origin(&origin))
    };
    let tables = [(Section::Mapping, file_table)];
    let mut table = core_keys::resolve(&tables, mapping_keys(), None, &inherited, diagnostics);
    let mut settings = MappingSettings::of_table(&table, core, diagnostics);
    name_consumer(&mut table, &mut settings, core, host);
    let mut known = common_names();
    known.extend(own_names);
    let keys = TableKeys { title: &title, keys: &[], known: &known };
    core_keys::require(Section::Mapping, (file_table, &table), &keys, diagnostics);
    for error in checks(&settings) {
        let key = error.key.unwrap_or_default();
        let span = table.value(key).and_then(|value| part(value, error.offset));
        diagnostics.push(Diagnostic::new(format!("`{key}`: {}", error.message), error.help).at(span));
    }
    ParsedMapping { title, file_table, table, settings }
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
