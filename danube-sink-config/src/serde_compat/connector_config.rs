//! `Deserialize` of the core settings, which an author flattens into a struct.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IgnoredAny, MapAccess, Visitor},
};

use super::{RESOLVED, core_names};
use crate::{
    ConfigError, ConnectorConfig, ExternalChecks, ProcessEnvironment,
    load::root::{self, CoreContext},
    report::diagnostic::Diagnostics,
    value::value::{Content, Table, Value},
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

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ConnectorConfig, A::Error> {
        let mut table = Table::EMPTY;
        let mut others = Vec::new();
        let mut diagnostics = Diagnostics::default();
        while let Some(key) = map.next_key::<String>()? {
            if key == RESOLVED || core_names().any(|name| name == key) {
                let value = map.next_value::<toml::Value>()?;
                table.set(&key, Value::from(value));
            } else {
                map.next_value::<IgnoredAny>()?;
                others.push(key);
            }
        }
        let config = match table.value(RESOLVED).map(|value| &value.content) {
            // The loader reports the other keys.
            Some(Content::Table(resolved)) => ConnectorConfig::of_resolved(resolved, &mut diagnostics),
            _ => {
                for key in others {
                    table.set(&key, Value::empty_table(None));
                }
                let context = CoreContext {
                    environment: Some(&ProcessEnvironment),
                    package: None,
                    sections: &[],
                    checks: ExternalChecks::SKIP,
                };
                root::read(&table, context, &mut diagnostics).config
            }
        };
        if diagnostics.is_empty() { Ok(config) } else { Err(A::Error::custom(ConfigError::in_one_line(diagnostics))) }
    }
}
