//! The parts of a payload that an expression reads, as values of CEL.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use cel::common::{
    types::{CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelUInt},
    value::Val,
};
use serde::{
    Deserializer,
    de::{self, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::{expression::TOO_MANY, loop_limit::LoopLimit};
use crate::record::SinkRecord;

/// The part of a value that an expression, or its loops, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    All,
    /// These fields of an object.
    Fields(BTreeMap<String, Wanted>),
}

/// Nothing of it.
impl Default for Wanted {
    fn default() -> Self {
        Self::Fields(BTreeMap::new())
    }
}

impl Wanted {
    /// The part of a field; `None` if nothing of it is wanted.
    fn of_field(&self, name: &str) -> Option<&Self> {
        match self {
            Self::All => Some(&Self::All),
            Self::Fields(fields) => fields.get(name),
        }
    }

    /// Adds the value at a path.
    pub(super) fn add(&mut self, path: &[&str]) {
        match (path, &mut *self) {
            (_, Self::All) => {}
            ([], _) => *self = Self::All,
            ([first, rest @ ..], Self::Fields(fields)) => {
                fields.entry((*first).to_owned()).or_default().add(rest);
            }
        }
    }
}

/// The wanted part of a record's payload, a part of which loops read. Only fields that are not wanted are missing.
///
/// # Errors
/// The wanted part has too many values, or the payload cannot be read.
pub(super) fn of<'r>(
    record: &'r SinkRecord,
    wanted: &Wanted,
    in_loops: &Wanted,
    limit: &LoopLimit,
) -> Result<Box<dyn Val + 'r>, &'static str> {
    // Without a schema its payload is an empty text.
    if record.is_tombstone() {
        return Ok(Box::new(CelNull));
    }
    let part = Part { wanted, in_loops: Some(in_loops), limit };
    if let Some(json) = record.possible_json() {
        // One pass for the values and for whether it is JSON.
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let built = part.deserialize(&mut deserializer);
        match built.and_then(|built| deserializer.end().map(|()| built)) {
            Ok(built) => return Ok(built),
            Err(_) => limit.reset(),
        }
    }
    let text = record.borrowed_json();
    let built = match text {
        Some(json) => part.deserialize(&mut serde_json::Deserializer::from_str(json)).map_err(drop),
        None => part.deserialize(record.payload()).map_err(drop),
    };
    built.map_err(|()| if limit.is_spent() { TOO_MANY } else { "the payload cannot be read" })
}

#[derive(Clone, Copy)]
struct Part<'w> {
    wanted: &'w Wanted,
    /// What loops read of it.
    in_loops: Option<&'w Wanted>,
    limit: &'w LoopLimit,
}

impl Part<'_> {
    /// Takes note of a string of it.
    fn string(&self, text: &str) {
        if self.in_loops == Some(&Wanted::All) {
            self.limit.string(text);
        }
    }
}

type Built<'de> = Box<dyn Val + 'de>;

impl<'de> DeserializeSeed<'de> for Part<'_> {
    type Value = Built<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Built<'de>, D::Error> {
        if !self.limit.count() {
            return Err(de::Error::custom(TOO_MANY));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Part<'_> {
    type Value = Built<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Built<'de>, E> {
        Ok(Box::new(CelBool::from(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Built<'de>, E> {
        Ok(Box::new(CelInt::from(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Built<'de>, E> {
        match i64::try_from(value) {
            Ok(value) => Ok(Box::new(CelInt::from(value))),
            Err(_) => Ok(Box::new(CelUInt::from(value))),
        }
    }

    fn visit_f64<E>(self, value: f64) -> Result<Built<'de>, E> {
        Ok(Box::new(CelDouble::from(value)))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Built<'de>, E> {
        self.string(value);
        Ok(Box::new(CelString::from(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Built<'de>, E> {
        self.string(value);
        Ok(Box::new(CelString::from(value.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Built<'de>, E> {
        Ok(Box::new(CelNull))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Built<'de>, A::Error> {
        let mut list = Vec::new();
        // Fields of a list are an error of the expression.
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Box::new(CelList::from(list)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Built<'de>, A::Error> {
        let mut map: HashMap<CelMapKey<'de>, Built<'de>> = HashMap::new();
        while let Some(name) = fields.next_key::<String>()? {
            if let Some(wanted) = self.wanted.of_field(&name) {
                self.string(&name);
                let in_loops = self.in_loops.and_then(|part| part.of_field(&name));
                let value = fields.next_value_seed(Part { wanted, in_loops, limit: self.limit })?;
                map.insert(CelMapKey::from(name), value);
            } else {
                fields.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Box::new(CelMap::from(map)))
    }
}
