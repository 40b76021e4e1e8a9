//! The parts of a payload that an expression reads, as values of CEL.

use std::{
    cell::Cell,
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

use crate::record::SinkRecord;

/// The part of a value that an expression reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    All,
    /// These fields of an object.
    Fields(BTreeMap<String, Wanted>),
}

impl Wanted {
    pub(super) fn nothing() -> Self {
        Self::Fields(BTreeMap::new())
    }

    /// Adds the value at a path.
    pub(super) fn add(&mut self, path: &[&str]) {
        match (path, &mut *self) {
            (_, Self::All) => {}
            ([], _) => *self = Self::All,
            ([first, rest @ ..], Self::Fields(fields)) => {
                fields.entry((*first).to_owned()).or_insert_with(Self::nothing).add(rest);
            }
        }
    }
}

/// The wanted part of a record's payload. Only fields that are not wanted are missing.
///
/// # Errors
/// The payload has more than so many values in the wanted part.
pub(super) fn of<'r>(
    record: &'r SinkRecord,
    wanted: &Wanted,
    values: &Cell<usize>,
) -> Result<Box<dyn Val + 'r>, String> {
    // Without a schema its payload is an empty text.
    if record.is_tombstone() {
        return Ok(Box::new(CelNull));
    }
    let part = Part { wanted, values };
    if let Some(json) = record.possible_json() {
        // One pass for the values and for whether it is JSON.
        let (mut deserializer, most) = (serde_json::Deserializer::from_str(json), values.get());
        let built = part.deserialize(&mut deserializer);
        match built.and_then(|built| deserializer.end().map(|()| built)) {
            Ok(built) => return Ok(built),
            Err(_) => values.set(most),
        }
    }
    let text = record.borrowed_json();
    let built = match text {
        Some(json) => part.deserialize(&mut serde_json::Deserializer::from_str(json)).map_err(drop),
        None => part.deserialize(record.payload()).map_err(drop),
    };
    let reason = match values.get() {
        0 => "the payload has too many values for the loops of the expression",
        _ => "the payload cannot be read",
    };
    built.map_err(|()| reason.to_owned())
}

#[derive(Clone, Copy)]
struct Part<'w> {
    wanted: &'w Wanted,
    /// How many values may follow.
    values: &'w Cell<usize>,
}

type Built<'de> = Box<dyn Val + 'de>;

impl<'de> DeserializeSeed<'de> for Part<'_> {
    type Value = Built<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Built<'de>, D::Error> {
        let left = self.values.get().checked_sub(1).filter(|left| *left > 0);
        self.values.set(left.unwrap_or_default());
        left.ok_or_else(|| de::Error::custom("too many values"))?;
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
        Ok(Box::new(CelString::from(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Built<'de>, E> {
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
            let wanted = match self.wanted {
                Wanted::All => Some(&Wanted::All),
                Wanted::Fields(wanted) => wanted.get(&name),
            };
            if let Some(wanted) = wanted {
                let value = fields.next_value_seed(Part { wanted, ..self })?;
                map.insert(CelMapKey::from(name), value);
            } else {
                fields.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Box::new(CelMap::from(map)))
    }
}
