//! `Deserialize` for the core settings, flattened into the author's struct, and for topic mappings.

use std::ops::Range;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _, IntoDeserializer},
};

use super::{scope, serde_error};

use crate::{
    beyond::Beyond,
    file::environment::{self, ProcessEnvironment},
    file::value::{Content, Entry, Table, Value},
    mapping::TopicMappings,
    read::keys::{self, MAPPING_LISTS},
    read::mapping_keys::Common,
    read::mapping_list::{self, Own},
    read::root,
    read::table::TableReader,
    report::error::ConfigError,
    report::mistake::{Mistake, Mistakes},
    settings::ConnectorConfig,
};

/// The keys that the surrounding struct does not claim must all be core settings.
impl<'de> Deserialize<'de> for ConnectorConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table = Table::from(toml::Table::deserialize(deserializer)?);
        let in_scope = scope::with(|scope| {
            scope.found.unclaimed = table.entries.iter().map(|entry| entry.key.clone()).collect();
            Self { mappings: std::mem::take(&mut scope.found.mappings), ..scope.core.clone() }
        });
        if let Some(core) = in_scope {
            return Ok(core);
        }
        let mut mistakes = Mistakes::default();
        let mut root = TableReader::new(&table, "the core settings");
        let core = root::read(&mut root, &ProcessEnvironment, None, Beyond::UNSEEN, &mut mistakes);
        root.finish(&[], &mut mistakes);
        if mistakes.is_empty() { Ok(core) } else { Err(D::Error::custom(ConfigError::in_one_line(mistakes))) }
    }
}

/// Each mapping is split: the common keys are read here, what is left is the author's own struct.
impl<'de, T: DeserializeOwned> Deserialize<'de> for TopicMappings<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let list = Vec::<toml::Table>::deserialize(deserializer)?;
        let plain = Value {
            span: None,
            content: Content::List(list.iter().cloned().map(toml::Value::Table).map(Value::from).collect()),
        };
        let in_scope = scope::with(|scope| {
            let (section, entry) = find(&scope.root, &plain);
            (section, entry, scope.core.clone(), scope.host.clone(), scope.decoding)
        });
        let inside = in_scope.is_some();
        let (section, entry, core, host, decoding) = in_scope.unwrap_or_else(|| {
            let core = ConnectorConfig::new("", "");
            ("…".to_owned(), None, core, environment::host_name(&ProcessEnvironment), Beyond::UNSEEN.decoding)
        });
        let entry = entry.unwrap_or(Entry { key: MAPPING_LISTS[0].to_owned(), key_span: None, value: plain });

        let mut mistakes = Mistakes::default();
        let mut own = |index: usize, span: Option<Range<usize>>, mistakes: &mut Mistakes| {
            own_keys(list.get(index)?.clone(), span, mistakes)
        };
        let common = Common { core: &core, host: &host, decoding, defaults: &[] };
        let read = mapping_list::read_list(&entry, &section, common, Own::Whole(&mut own), &mut mistakes);
        match read {
            Some(mappings) if mistakes.is_empty() => {
                scope::with(|scope| scope.found.mappings.extend(mappings.settings()));
                Ok(mappings)
            }
            // The mistakes are the answer of `load`; serde goes on, so that the rest of the file is read too.
            _ if inside => {
                scope::with(|scope| scope.found.mistakes.append(mistakes));
                Ok(Self::from_iter([]))
            }
            _ => Err(D::Error::custom(ConfigError::in_one_line(mistakes))),
        }
    }
}

/// The author's own struct, from the keys that are not common ones.
fn own_keys<T: DeserializeOwned>(
    mut table: toml::Table,
    span: Option<Range<usize>>,
    mistakes: &mut Mistakes,
) -> Option<T> {
    table.retain(|key, _| !is_common(key));
    let mut ignored = Vec::new();
    let keys: Vec<_> = table.keys().cloned().collect();
    let mut own = serde_ignored::deserialize(toml::Value::Table(table), |path| ignored.push(path.to_string()));
    // `TopicMappings<()>` has no keys of its own, and serde takes no table for `()`.
    let unit = IntoDeserializer::<toml::de::Error>::into_deserializer(());
    if let (Err(_), Ok(unit)) = (&own, T::deserialize(unit)) {
        (own, ignored) = (Ok(unit), keys);
    }
    for path in ignored {
        let help = "remove it, or add a field of this name to the mapping's struct";
        mistakes.push(Mistake::new(format!("unknown key `{path}` in this mapping"), help).at(span.clone()));
    }
    own.map_err(|error: toml::de::Error| mistakes.push(serde_error::mistake(error.message(), span))).ok()
}

fn is_common(key: &str) -> bool {
    keys::MAPPING.iter().any(|common| common.names(keys::Home::Mapping).any(|name| name == key))
}

/// The list of mappings in the file that says the same, with its places.
fn find(root: &Table, list: &Value) -> (String, Option<Entry>) {
    for section in &root.entries {
        let Content::Table(table) = &section.value.content else { continue };
        for entry in MAPPING_LISTS.iter().filter_map(|name| table.get(name)) {
            if entry.value.same(list) {
                return (section.key.clone(), Some(entry.clone()));
            }
        }
    }
    ("…".to_owned(), None)
}
