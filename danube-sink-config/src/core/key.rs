//! The keys that every connector has, and the tables that they are allowed in.

use std::time::Duration;

use super::{ConnectorConfig, ConsumerConfig, DecodeOptions, MappingSettings};
use crate::{
    report::Diagnostics,
    schema::{KeySpec, ValueType},
    value::Value,
};

/// A key that every connector has.
#[derive(Debug)]
pub(crate) struct CoreKey {
    pub(crate) spec: KeySpec,
    /// The first one is where it belongs; the others are accepted.
    pub(crate) allowed_in: &'static [Section],
    /// Other names, each for one table.
    pub(crate) aliases: &'static [(Section, &'static str)],
}

/// A table that may hold core keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Root,
    Processing,
    Retry,
    Mapping,
}

/// The title of the root in messages.
pub(crate) const ROOT: &str = "the root of the file";

/// The tables beside the connector's own section.
pub(crate) const CORE_TABLES: [(&str, Section); 2] = [("processing", Section::Processing), ("retry", Section::Retry)];

/// The array of mappings, as the guide calls it and as the published connectors do.
pub(crate) const MAPPING_LISTS: [&str; 2] = ["topic_mappings", "routes"];

/// Keys of the published connectors in `[processing]` without effect: the runtime decides when to check the target's health,
/// and receives messages without polling.
pub(crate) const UNUSED_IN_PROCESSING: &[&str] =
    &["health_check_interval_ms", "health_check_failure_threshold", "poll_interval_ms"];

impl Section {
    /// The title of the table in messages.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Root => ROOT,
            Self::Processing => "`[processing]`",
            Self::Retry => "`[retry]`",
            Self::Mapping => "a topic mapping",
        }
    }
}

impl CoreKey {
    /// The key's names in a table; none if it is not allowed there.
    pub(crate) fn names(&self, section: Section) -> impl Iterator<Item = &'static str> {
        let own = self.allowed_in.contains(&section).then_some(self.spec.name);
        own.into_iter().chain(self.aliases.iter().filter(move |(at, _)| *at == section).map(|(_, alias)| *alias))
    }
}

/// The common keys of a topic mapping, in the order of the template.
pub(crate) fn mapping_keys() -> impl Iterator<Item = &'static CoreKey> + Clone {
    [ConsumerConfig::KEYS, MappingSettings::KEYS, DecodeOptions::KEYS].into_iter().flatten().copied()
}

/// The core keys that a table may have.
pub(crate) fn keys_in(section: Section) -> impl Iterator<Item = &'static CoreKey> {
    ConnectorConfig::KEYS.iter().copied().chain(mapping_keys()).filter(move |key| key.names(section).next().is_some())
}

/// The names of the core keys that a table may have.
pub(crate) fn names_in(section: Section) -> impl Iterator<Item = &'static str> {
    keys_in(section).flat_map(move |key| key.names(section))
}

/// The help for a key that belongs in another table.
pub(crate) fn misplaced_key_help(name: &str) -> Option<String> {
    if name == "schemas" {
        return Some("remove it: a sink gets the schemas of messages from the registry".to_owned());
    }
    let sections = [Section::Root, Section::Processing, Section::Retry, Section::Mapping].into_iter();
    let allows = |section: &Section| names_in(*section).any(|own| own == name);
    let titles: Vec<&str> = sections.filter(allows).map(Section::title).collect();
    (!titles.is_empty()).then(|| format!("move it: `{name}` is a key of {}", titles.join(" or ")))
}

/// A day: a longer time is a typing error.
const DAY_MS: i128 = 24 * 60 * 60 * 1000;
pub(super) const MILLISECONDS: ValueType = ValueType::integer(1, DAY_MS);
pub(super) const COUNT: ValueType = ValueType::integer(1, u32::MAX as i128);
/// Bytes on a disk: more than 1 PiB is a typing error.
pub(super) const DISK_BYTES: ValueType = ValueType::integer(1, 1 << 50);

/// A number of milliseconds.
pub(super) fn milliseconds(value: &Value) -> Result<Duration, Diagnostics> {
    value.convert(&MILLISECONDS, |value| value.as_integer().ok()?.try_into().ok().map(Duration::from_millis))
}
