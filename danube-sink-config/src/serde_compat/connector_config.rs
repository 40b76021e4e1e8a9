//! `Deserialize` of the core settings, which an author flattens into a struct.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};

use super::{MAPPINGS, RESOLVED, core_names, topic_mappings::OwnEntries};
use crate::{
    ConfigError, ConnectorConfig, ExternalChecks, MappingSettings, ProcessEnvironment,
    load::loader::Loader,
    value::{Content, Value},
};

impl<'de> Deserialize<'de> for ConnectorConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(CoreVisitor)
    }
}

struct CoreVisitor;

impl<'de> Visitor<'de> for CoreVisitor {
    type Value = ConnectorConfig;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the core settings of a connector")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ConnectorConfig, A::Error> {
        let mut entries = OwnEntries::new(map, core_names().collect());
        entries.ignore()?;
        let OwnEntries { common: mut table, own_keys, .. } = entries;
        let mut loader = Loader::new(Some(&ProcessEnvironment), ExternalChecks::SKIP);
        if let Some(Content::Table(resolved)) = table.value(RESOLVED).map(|value| &value.content) {
            // The loader of files has reported what is wrong.
            let mut config = loader.read_core(resolved).config;
            for mapping in resolved.value(MAPPINGS).and_then(|list| list.as_array().ok()).unwrap_or_default() {
                if let Content::Table(table) = &mapping.content {
                    config.mappings.push(MappingSettings::of_table(table, &config, &mut loader.diagnostics));
                }
            }
            return Ok(config);
        }
        for key in own_keys {
            table.set(&key, Value::empty_table(None));
        }
        let config = loader.read_core(&table).config;
        let read = loader.diagnostics.into_result();
        read.map_err(|wrong| A::Error::custom(ConfigError::in_one_line(wrong)))?;
        Ok(config)
    }
}
