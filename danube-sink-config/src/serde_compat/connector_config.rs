//! `Deserialize` of the core settings, which an author flattens into a struct.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};

use super::{RESOLVED, core_names, topic_mappings::OwnEntries};
use crate::{
    ConfigError, ConnectorConfig, ExternalChecks, ProcessEnvironment,
    load::loader::Loader,
    report::Diagnostics,
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
        let mut diagnostics = Diagnostics::default();
        let config = match table.value(RESOLVED).map(|value| &value.content) {
            // The loader reports the other keys.
            Some(Content::Table(resolved)) => ConnectorConfig::of_resolved(resolved, &mut diagnostics),
            _ => {
                for key in own_keys {
                    table.set(&key, Value::empty_table(None));
                }
                let mut loader = Loader::new(Some(&ProcessEnvironment), ExternalChecks::SKIP);
                let core = loader.read_core(&table);
                diagnostics = loader.diagnostics;
                core.config
            }
        };
        diagnostics.into_result().map_err(|wrong| A::Error::custom(ConfigError::in_one_line(wrong)))?;
        Ok(config)
    }
}
