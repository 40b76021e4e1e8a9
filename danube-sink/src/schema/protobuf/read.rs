//! Deserialization of a Protobuf message directly into the requested type.

use serde::{
    Deserializer,
    de::{DeserializeSeed, MapAccess, SeqAccess, Visitor, value::BorrowedStrDeserializer},
    forward_to_deserialize_any,
};

use super::{
    plan::{Field, Id, Kind, Message, Plan, Rule, Symbols, WellKnown},
    well_known,
    wire::{self, Parts, Raw, Sent},
};
use crate::schema::{
    Problem,
    limits::Limits,
    requested::{Requested, bytes, deserialize_as_requested, float},
    text::Text,
};

/// Deserializer of one value of a payload.
pub(super) struct Reader<'c, 'de> {
    plan: &'de Plan,
    limits: &'c mut Limits,
    what: What<'c, 'de>,
}

enum What<'c, 'de> {
    One(&'de Kind, Raw<'de>),
    Message(Id, Parts<'de>),
    List(&'de Kind, &'c [Sent<'de>]),
    Map(Id, &'c [Sent<'de>]),
}

/// Reads a whole payload.
pub(super) fn whole<'de, T>(
    plan: &'de Plan,
    payload: &'de [u8],
    read: impl FnOnce(Reader<'_, 'de>) -> Result<T, Problem>,
) -> Result<T, Problem> {
    let mut limits = Limits::PAYLOAD;
    let parts = Parts { first: payload, more: Vec::new() };
    read(Reader { plan, limits: &mut limits, what: What::Message(0, parts) })
}

impl<'de> Reader<'_, 'de> {
    fn read<V: Visitor<'de>>(self, requested: Requested, visitor: V) -> Result<V::Value, Problem> {
        let Self { plan, limits, what } = self;
        match what {
            What::One(kind, raw) => scalar(kind, raw, requested, visitor),
            What::Message(id, parts) => {
                limits.descend()?;
                let message = &plan.messages[id];
                let value = match &message.known {
                    None => {
                        let sent = wire::scan(message, &parts, limits)?;
                        visitor.visit_map(Fields { plan, limits, message, sent, at: 0, field: 0, value: 0..0 })?
                    }
                    Some(WellKnown::Wrapper) => {
                        let sent = wire::scan(message, &parts, limits)?;
                        let kind = &message.fields[0].kind;
                        let raw = sent.last().map_or_else(|| kind.zero(), |sent| sent.raw);
                        scalar(kind, raw, requested, visitor)?
                    }
                    Some(known) => {
                        let sent = |limits| wire::scan(message, &parts, limits);
                        match known {
                            WellKnown::Other(described) => well_known::other(described, &parts, limits, visitor)?,
                            WellKnown::Duration => {
                                visitor.visit_string(well_known::duration(message, &sent(limits)?)?)?
                            }
                            _ => visitor.visit_string(well_known::timestamp(message, &sent(limits)?)?)?,
                        }
                    }
                };
                limits.rise();
                Ok(value)
            }
            What::List(kind, sent) => visitor.visit_seq(Items { plan, limits, kind, sent, packed: &[], index: 0 }),
            What::Map(entry, sent) => visitor.visit_map(Entries { plan, limits, entry, sent, value: None }),
        }
    }
}

fn scalar<'de, V: Visitor<'de>>(
    kind: &'de Kind,
    raw: Raw<'de>,
    requested: Requested,
    visitor: V,
) -> Result<V::Value, Problem> {
    let zigzag = |bits: u64| (bits >> 1) as i64 ^ -((bits & 1) as i64);
    match (kind, raw) {
        (Kind::Double, Raw::Number(bits)) => float(f64::from_bits(bits), requested, visitor),
        (Kind::Float, Raw::Number(bits)) => float(f32::from_bits(bits as u32).into(), requested, visitor),
        (Kind::Int32 | Kind::Sfixed32, Raw::Number(bits)) => visitor.visit_i32(bits as i32),
        (Kind::Int64 | Kind::Sfixed64, Raw::Number(bits)) => visitor.visit_i64(bits as i64),
        (Kind::Uint32 | Kind::Fixed32, Raw::Number(bits)) => visitor.visit_u32(bits as u32),
        (Kind::Uint64 | Kind::Fixed64, Raw::Number(bits)) => visitor.visit_u64(bits),
        (Kind::Sint32, Raw::Number(bits)) => visitor.visit_i32(zigzag(bits & 0xffff_ffff) as i32),
        (Kind::Sint64, Raw::Number(bits)) => visitor.visit_i64(zigzag(bits)),
        (Kind::Bool, Raw::Number(bits)) => visitor.visit_bool(bits != 0),
        (Kind::Enum(symbols), Raw::Number(bits)) => symbol(symbols, bits as i32, requested, visitor),
        (Kind::String, Raw::Bytes(text)) => {
            let text = std::str::from_utf8(text).map_err(|_| Problem::new("a string that is not UTF-8"))?;
            visitor.visit_borrowed_str(text)
        }
        (Kind::Bytes, Raw::Bytes(held)) => bytes(held, requested, visitor),
        _ => Err(Problem::new("not encoded as its type is")),
    }
}

/// An enum's symbol, or its number if a number is requested or it has no name.
fn symbol<'de, V: Visitor<'de>>(
    symbols: &'de Symbols,
    number: i32,
    requested: Requested,
    visitor: V,
) -> Result<V::Value, Problem> {
    match symbols.name(number) {
        _ if symbols.is_null => visitor.visit_unit(),
        Some(name) if requested != Requested::Number => visitor.visit_borrowed_str(name),
        _ => visitor.visit_i32(number),
    }
}

impl Kind {
    /// The raw default value of a field that was not sent.
    fn zero(&self) -> Raw<'static> {
        match self {
            Self::String | Self::Bytes | Self::Message(_) => Raw::Bytes(&[]),
            Self::Enum(symbols) => Raw::Number(symbols.first as u64),
            _ => Raw::Number(0),
        }
    }

    /// The value of a field that may have been sent several times or not at all.
    fn last<'c, 'de>(&'de self, sent: &[Sent<'de>]) -> What<'c, 'de> {
        match self {
            Self::Message(id) => {
                let mut parts = sent.iter().filter_map(|sent| match sent.raw {
                    Raw::Bytes(bytes) => Some(bytes),
                    Raw::Number(_) => None,
                });
                let first = parts.next().unwrap_or_default();
                What::Message(*id, Parts { first, more: parts.collect() })
            }
            _ => What::One(self, sent.last().map_or_else(|| self.zero(), |sent| sent.raw)),
        }
    }
}

impl<'de> Deserializer<'de> for Reader<'_, 'de> {
    type Error = Problem;

    deserialize_as_requested!();

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match &self.what {
            What::One(Kind::Enum(symbols), _) if symbols.is_null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Problem> {
        self.read(Requested::List, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        let text = match &self.what {
            What::One(Kind::Enum(symbols), Raw::Number(bits)) => symbols.name(*bits as i32),
            What::One(Kind::String, Raw::Bytes(bytes)) => std::str::from_utf8(bytes).ok(),
            _ => None,
        };
        let text = text.ok_or_else(|| Problem::new("not one of an enum's symbols"))?;
        Text(text).deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        bool char str string unit unit_struct tuple_struct map struct identifier
    }
}

struct Fields<'c, 'de> {
    plan: &'de Plan,
    limits: &'c mut Limits,
    message: &'de Message,
    sent: Vec<Sent<'de>>,
    /// Position in `sent`, and index of the next field.
    at: usize,
    field: usize,
    /// Range in `sent` of the current field's values.
    value: std::ops::Range<usize>,
}

impl<'de> MapAccess<'de> for Fields<'_, 'de> {
    type Error = Problem;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Problem> {
        while let Some(field) = self.message.fields.get(self.field) {
            let count = self.sent[self.at..].iter().take_while(|sent| sent.field == self.field).count();
            self.value = self.at..self.at + count;
            self.at += count;
            self.field += 1;
            if count == 0 && field.rule == Rule::Required {
                return Err(Problem::new("required field is missing").in_field(&field.name));
            }
            if count > 0 || field.rule != Rule::Optional {
                if count == 0 {
                    // What was sent is counted already.
                    self.limits.count_default()?;
                }
                return seed.deserialize(BorrowedStrDeserializer::<Problem>::new(&field.name)).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Problem> {
        let field: &'de Field = &self.message.fields[self.field - 1];
        let sent = &self.sent[self.value.clone()];
        let what = match (field.rule, &field.kind) {
            (Rule::List, kind) => What::List(kind, sent),
            (Rule::Map, Kind::Message(entry)) => What::Map(*entry, sent),
            (_, kind) => kind.last(sent),
        };
        let reader = Reader { plan: self.plan, limits: self.limits, what };
        seed.deserialize(reader).map_err(|problem| problem.in_field(&field.name))
    }
}

struct Items<'c, 'de> {
    plan: &'de Plan,
    limits: &'c mut Limits,
    kind: &'de Kind,
    sent: &'c [Sent<'de>],
    /// Remaining packed numbers.
    packed: &'de [u8],
    index: usize,
}

impl<'de> Items<'_, 'de> {
    fn next(&mut self) -> Result<Option<Raw<'de>>, Problem> {
        loop {
            if !self.packed.is_empty() {
                self.limits.count()?;
                return wire::unpack(self.kind, &mut self.packed).map(|number| Some(Raw::Number(number)));
            }
            let Some((first, rest)) = self.sent.split_first() else { return Ok(None) };
            self.sent = rest;
            match first.raw {
                Raw::Bytes(bytes) if !matches!(self.kind, Kind::String | Kind::Bytes | Kind::Message(_)) => {
                    self.packed = bytes;
                }
                raw => return Ok(Some(raw)),
            }
        }
    }
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = Problem;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Problem> {
        let Some(raw) = self.next()? else { return Ok(None) };
        let what = match (self.kind, raw) {
            (Kind::Message(id), Raw::Bytes(first)) => What::Message(*id, Parts { first, more: Vec::new() }),
            (kind, raw) => What::One(kind, raw),
        };
        let index = self.index;
        self.index += 1;
        let reader = Reader { plan: self.plan, limits: self.limits, what };
        seed.deserialize(reader).map(Some).map_err(|problem| problem.in_element(index))
    }
}

/// Entries of a map, which are messages with the key in field 1 and the value in field 2.
struct Entries<'c, 'de> {
    plan: &'de Plan,
    limits: &'c mut Limits,
    entry: Id,
    sent: &'c [Sent<'de>],
    value: Option<Vec<Sent<'de>>>,
}

impl<'de> MapAccess<'de> for Entries<'_, 'de> {
    type Error = Problem;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Problem> {
        let Some((first, rest)) = self.sent.split_first() else { return Ok(None) };
        self.sent = rest;
        let Raw::Bytes(entry) = first.raw else { return Err(Problem::new("not encoded as its type is")) };
        let message = &self.plan.messages[self.entry];
        let mut sent = wire::scan(message, &Parts { first: entry, more: Vec::new() }, self.limits)?;
        let keys = sent.partition_point(|sent| sent.field == 0);
        let value = sent.split_off(keys);
        let key = &message.fields[0].kind;
        let raw = sent.last().map_or_else(|| key.zero(), |sent| sent.raw);
        self.value = Some(value);
        seed.deserialize(Key(Reader { plan: self.plan, limits: self.limits, what: What::One(key, raw) })).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Problem> {
        let sent = self.value.take().unwrap_or_default();
        let what = self.plan.messages[self.entry].fields[1].kind.last(&sent);
        seed.deserialize(Reader { plan: self.plan, limits: self.limits, what }).map_err(Problem::in_map)
    }
}

/// Deserializer of a map's key: text as in JSON, unless a number or a boolean is requested.
struct Key<'c, 'de>(Reader<'c, 'de>);

impl<'de> Key<'_, 'de> {
    fn read<V: Visitor<'de>>(self, requested: Requested, visitor: V) -> Result<V::Value, Problem> {
        let text = match (requested, &self.0.what) {
            (Requested::Number, _) | (_, What::One(Kind::String, _)) => return self.0.read(requested, visitor),
            (_, What::One(Kind::Bool, Raw::Number(bits))) => (*bits != 0).to_string(),
            _ => self.0.read(Requested::Number, Digits)?,
        };
        visitor.visit_string(text)
    }
}

impl<'de> Deserializer<'de> for Key<'_, 'de> {
    type Error = Problem;

    deserialize_as_requested!();

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.0.read(Requested::Any, visitor)
    }

    forward_to_deserialize_any! {
        char str string option unit unit_struct tuple tuple_struct map struct enum identifier
    }
}

/// Visitor that formats an integer as text.
struct Digits;

impl Visitor<'_> for Digits {
    type Value = String;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an integer")
    }

    fn visit_i64<E>(self, number: i64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_u64<E>(self, number: u64) -> Result<String, E> {
        Ok(number.to_string())
    }
}
