//! `Deserialize` of topic mappings, each with a struct of the author's own, and of the core settings, which an author flattens
//! into a struct.

use std::{cell::Cell, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeOwned, DeserializeSeed, Error as _, IgnoredAny, IntoDeserializer, MapAccess, Visitor,
        value::{MapAccessDeserializer, StringDeserializer},
    },
    forward_to_deserialize_any,
};

use super::{MAPPINGS, RESOLVED, core_names};
use crate::{
    ConfigError, ConnectorConfig, ExternalChecks, Mapping, MappingSettings, ProcessEnvironment, TopicMappings,
    load::{core_keys::Core, loader::Loader, mappings::common_names},
    schema::TableKeys,
    value::{Content, Table, Value},
};

/// The name by which the deserializer of files knows a mapping.
pub(super) const MAPPING: &str = "\0Mapping";

impl<'de, T: DeserializeOwned> Deserialize<'de> for TopicMappings<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<Mapping<T>>::deserialize(deserializer).map(Self::from_iter)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Mapping<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = fields_of::<T>();
        let visitor = MappingVisitor { fields, own: PhantomData };
        match fields {
            Some(fields) => deserializer.deserialize_struct(MAPPING, fields, visitor),
            None => deserializer.deserialize_map(visitor),
        }
    }
}

struct MappingVisitor<T> {
    /// The fields of `T`, if it has a fixed set.
    fields: Option<&'static [&'static str]>,
    own: PhantomData<T>,
}

impl<'de, T: DeserializeOwned> Visitor<'de> for MappingVisitor<T> {
    type Value = Mapping<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a topic mapping")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Mapping<T>, A::Error> {
        let mut entries = OwnEntries::new(map, common_names());
        let own = match unit() {
            Some(unit) => {
                entries.ignore()?;
                unit
            }
            None => T::deserialize(MapAccessDeserializer::new(&mut entries))?,
        };
        let OwnEntries { common, own_keys, .. } = entries;
        let mut loader = Loader::new(Some(&ProcessEnvironment), ExternalChecks::SKIP);
        let settings = loader.parse_mapping(&common, "this mapping".to_owned(), &Core::defaults(), &[]).settings;
        // In a file, the loader has validated the common keys, and reports unknown ones.
        if common.get(RESOLVED).is_none() {
            if let Some(fields) = self.fields {
                let keys = TableKeys { title: "this mapping", keys: &[], known: fields };
                let unknown = own_keys.iter().filter_map(|key| keys.unknown_key(key, None));
                unknown.for_each(|violation| loader.diagnostics.push(violation.into()));
            }
            let read = loader.diagnostics.into_result();
            read.map_err(|wrong| A::Error::custom(ConfigError::in_one_line(wrong)))?;
        }
        Ok(Mapping { settings, own })
    }
}

/// `()`, if that is the type.
fn unit<T: DeserializeOwned>() -> Option<T> {
    T::deserialize(IntoDeserializer::<serde::de::value::Error>::into_deserializer(())).ok()
}

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

/// The entries of a map that are the author's own; the others are collected.
struct OwnEntries<A> {
    map: A,
    common_names: Vec<&'static str>,
    common: Table,
    own_keys: Vec<String>,
}

impl<'de, A: MapAccess<'de>> OwnEntries<A> {
    fn new(map: A, common_names: Vec<&'static str>) -> Self {
        Self { map, common_names, common: Table::default(), own_keys: Vec::new() }
    }

    /// Reads the entries without the values of the author's own.
    fn ignore(mut self: &mut Self) -> Result<(), A::Error> {
        while self.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for &mut OwnEntries<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        while let Some(key) = self.map.next_key::<String>()? {
            if key == RESOLVED || self.common_names.contains(&key.as_str()) {
                let value = self.map.next_value::<toml::Value>()?;
                self.common.set(&key, Value::from(value));
                continue;
            }
            self.own_keys.push(key.clone());
            let key: StringDeserializer<A::Error> = key.into_deserializer();
            return seed.deserialize(key).map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

/// The names of the fields of a struct; none for a type whose keys are not fixed.
fn fields_of<T: DeserializeOwned>() -> Option<&'static [&'static str]> {
    if unit::<T>().is_some() {
        return Some(&[]);
    }
    let fields = Cell::new(None);
    // The deserializer only listens, and always fails.
    let _ = T::deserialize(FieldNames(&fields));
    fields.get()
}

struct FieldNames<'c>(&'c Cell<Option<&'static [&'static str]>>);

impl<'de> Deserializer<'de> for FieldNames<'_> {
    type Error = serde::de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(Self::Error::custom("only the names of fields are asked for"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.0.set(Some(fields));
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
