//! Deserialization of an Avro datum directly into the requested type.

use serde::{
    Deserializer,
    de::{
        DeserializeSeed, EnumAccess, IgnoredAny, MapAccess, SeqAccess, VariantAccess, Visitor,
        value::BorrowedStrDeserializer,
    },
    forward_to_deserialize_any,
};

use super::{
    cursor::Cursor,
    logical,
    plan::{Absent, Field, Id, Node, Plan, Promotion},
};
use crate::schema::{
    Problem,
    requested::{Requested, bytes, deserialize_as_requested, float, moment},
    text::Text,
    time::{self, Unit},
};

/// Deserializer of a value of the schema's node at the cursor.
pub(super) struct Reader<'c, 'de> {
    pub(super) plan: &'de Plan,
    pub(super) node: Id,
    pub(super) cursor: &'c mut Cursor<'de>,
}

impl<'de> Reader<'_, 'de> {
    /// Reads the branch of a union, and continues with its value.
    fn resolve_union(mut self) -> Result<Self, Problem> {
        if let Node::Union(branches) = &self.plan.nodes[self.node] {
            self.node = branches[self.cursor.choice(branches.len(), "a union's branch")?].node;
        }
        Ok(self)
    }

    fn read<V: Visitor<'de>>(self, requested: Requested, visitor: V) -> Result<V::Value, Problem> {
        let this = self.resolve_union()?;
        let cursor = this.cursor;
        cursor.limits.count()?;
        match &this.plan.nodes[this.node] {
            Node::Null => visitor.visit_unit(),
            Node::Boolean => visitor.visit_bool(cursor.boolean()?),
            Node::Int => visitor.visit_i32(cursor.int()?),
            Node::Long => visitor.visit_i64(cursor.long()?),
            Node::Float => float(f32::from_le_bytes(cursor.array()?).into(), requested, visitor),
            Node::Double => float(f64::from_le_bytes(cursor.array()?), requested, visitor),
            Node::String => visitor.visit_borrowed_str(cursor.string()?),
            Node::Bytes => bytes(cursor.bytes()?, requested, visitor),
            Node::Fixed(fixed) => bytes(cursor.take(fixed.size)?, requested, visitor),
            Node::Array(items) => nested(cursor, |cursor| {
                visitor.visit_seq(Items { plan: this.plan, node: *items, cursor, left: 0, index: 0, ended: false })
            }),
            Node::Map(values) => nested(cursor, |cursor| {
                visitor.visit_map(Entries { plan: this.plan, node: *values, cursor, left: 0, ended: false })
            }),
            Node::Record(record) => nested(cursor, |cursor| {
                let fields = Fields {
                    plan: this.plan,
                    cursor,
                    fields: record.fields.iter(),
                    defaults: record.defaults.iter(),
                    next: None,
                };
                visitor.visit_map(fields)
            }),
            Node::Enum(symbols) => {
                let index = cursor.choice(symbols.symbols.len(), "an enum's symbol")?;
                visitor.visit_borrowed_str(symbol(&symbols.symbols, index)?)
            }
            Node::Union(_) => Err(Problem::new("a union nested in a union")),
            Node::Decimal { scale, fixed, .. } => {
                let unscaled = match fixed {
                    Some(fixed) => cursor.take(fixed.size)?,
                    None => cursor.bytes()?,
                };
                logical::deserialize_decimal(unscaled, *scale as i64, requested, visitor)
            }
            Node::BigDecimal => {
                let mut parts = Cursor::new(cursor.bytes()?);
                let unscaled = parts.bytes()?;
                logical::deserialize_decimal(unscaled, parts.long()?, requested, visitor)
            }
            Node::Uuid(None) => visitor.visit_borrowed_str(cursor.string()?),
            Node::Uuid(Some(_)) => {
                let uuid: [u8; 16] = cursor.array()?;
                match requested {
                    Requested::Bytes => visitor.visit_bytes(&uuid),
                    _ => visitor.visit_string(logical::uuid(uuid)),
                }
            }
            Node::Duration(_) => visitor.visit_string(logical::duration(cursor.array()?)),
            Node::Date => {
                let days = cursor.int()?;
                moment(days.into(), requested, || time::date(days.into()), visitor)
            }
            Node::Time(unit) => {
                let count = match unit {
                    Unit::Millis => cursor.int()?.into(),
                    Unit::Micros | Unit::Nanos => cursor.long()?,
                };
                time::check_time(count, *unit)?;
                moment(count, requested, || time::time(count, *unit), visitor)
            }
            Node::Timestamp(unit) => {
                let count = cursor.long()?;
                moment(count, requested, || time::timestamp(count, *unit) + "Z", visitor)
            }
            Node::LocalTimestamp(unit) => {
                let count = cursor.long()?;
                moment(count, requested, || time::timestamp(count, *unit), visitor)
            }
            Node::Promoted(from, promotion) => {
                promoted(&this.plan.nodes[*from], *promotion, cursor, requested, visitor)
            }
            Node::Mismatch(reason) => Err(Problem::new(reason)),
        }
    }

    /// Validates and skips the value.
    pub(super) fn skip(self) -> Result<(), Problem> {
        self.read(Requested::Ignored, IgnoredAny).map(drop)
    }
}

fn nested<'de, T>(
    cursor: &mut Cursor<'de>,
    read: impl FnOnce(&mut Cursor<'de>) -> Result<T, Problem>,
) -> Result<T, Problem> {
    cursor.limits.descend()?;
    let value = read(cursor)?;
    cursor.limits.rise();
    Ok(value)
}

fn promoted<'de, V: Visitor<'de>>(
    from: &Node,
    promotion: Promotion,
    cursor: &mut Cursor<'de>,
    requested: Requested,
    visitor: V,
) -> Result<V::Value, Problem> {
    match (promotion, from) {
        (Promotion::Float, Node::Int) => float(cursor.int()?.into(), requested, visitor),
        (Promotion::Float, _) => float(cursor.long()? as f64, requested, visitor),
        (Promotion::Text, _) => visitor.visit_borrowed_str(cursor.string()?),
        (Promotion::Bytes, _) => bytes(cursor.bytes()?, requested, visitor),
    }
}

fn symbol(symbols: &[Option<String>], index: usize) -> Result<&str, Problem> {
    symbols[index].as_deref().ok_or_else(|| Problem::new("an enum's symbol that the reader schema does not have"))
}

impl<'de> Deserializer<'de> for Reader<'_, 'de> {
    type Error = Problem;

    deserialize_as_requested!();

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let (node, start) = (self.node, self.cursor.left);
        let this = self.resolve_union()?;
        match &this.plan.nodes[this.node] {
            Node::Null => visitor.visit_none(),
            _ => {
                // An enum needs the union: its branch is the variant.
                this.cursor.left = start;
                visitor.visit_some(Self { node, ..this })
            }
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Problem> {
        self.read(Requested::List, visitor)
    }

    /// An Avro enum becomes the unit variant of its symbol, a union the variant with Avro's name of its branch.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        let Node::Union(branches) = &self.plan.nodes[self.node] else {
            return match &self.plan.nodes[self.node] {
                Node::Enum(symbols) => {
                    let index = self.cursor.choice(symbols.symbols.len(), "an enum's symbol")?;
                    Text(symbol(&symbols.symbols, index)?).deserialize_enum(name, variants, visitor)
                }
                Node::String => Text(self.cursor.string()?).deserialize_enum(name, variants, visitor),
                _ => Err(Problem::new("neither an enum nor a union")),
            };
        };
        let branch = &branches[self.cursor.choice(branches.len(), "a union's branch")?];
        // Rust names have no namespace.
        let variant = branch.name.rsplit('.').next().unwrap_or(&branch.name);
        let reader = Reader { node: branch.node, ..self };
        match &reader.plan.nodes[branch.node] {
            // `["null", "E"]` is read into the Rust enum of `E`, and so is a string.
            Node::Enum(_) | Node::String if !variants.contains(&variant) => {
                reader.deserialize_enum(name, variants, visitor)
            }
            _ => visitor.visit_enum(Union { name: variant, reader }),
        }
    }

    forward_to_deserialize_any! {
        bool char str string unit unit_struct tuple_struct map struct identifier
    }
}

/// The branch of a union as an enum's variant.
struct Union<'c, 'de> {
    name: &'de str,
    reader: Reader<'c, 'de>,
}

impl<'c, 'de> EnumAccess<'de> for Union<'c, 'de> {
    type Error = Problem;
    type Variant = Reader<'c, 'de>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), Problem> {
        Ok((seed.deserialize(BorrowedStrDeserializer::new(self.name))?, self.reader))
    }
}

impl<'de> VariantAccess<'de> for Reader<'_, 'de> {
    type Error = Problem;

    fn unit_variant(self) -> Result<(), Problem> {
        self.skip()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Problem> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Problem> {
        self.read(Requested::List, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Problem> {
        self.read(Requested::Any, visitor)
    }
}

struct Items<'c, 'de> {
    plan: &'de Plan,
    node: Id,
    cursor: &'c mut Cursor<'de>,
    left: u64,
    index: usize,
    ended: bool,
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = Problem;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Problem> {
        if !more(self.cursor, &mut self.left, &mut self.ended)? {
            return Ok(None);
        }
        let index = self.index;
        self.index += 1;
        let reader = Reader { plan: self.plan, node: self.node, cursor: self.cursor };
        seed.deserialize(reader).map(Some).map_err(|problem| problem.in_element(index))
    }

    /// An element may have no bytes, so the count alone is not reliable.
    fn size_hint(&self) -> Option<usize> {
        usize::try_from(self.left).ok().map(|left| left.min(self.cursor.left.len()))
    }
}

struct Entries<'c, 'de> {
    plan: &'de Plan,
    node: Id,
    cursor: &'c mut Cursor<'de>,
    left: u64,
    ended: bool,
}

impl<'de> MapAccess<'de> for Entries<'_, 'de> {
    type Error = Problem;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Problem> {
        if !more(self.cursor, &mut self.left, &mut self.ended)? {
            return Ok(None);
        }
        seed.deserialize(Text(self.cursor.string()?)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Problem> {
        let reader = Reader { plan: self.plan, node: self.node, cursor: self.cursor };
        seed.deserialize(reader).map_err(Problem::in_map)
    }
}

/// Whether an array or map has another element. Opens the next block at the end of one.
fn more(cursor: &mut Cursor<'_>, left: &mut u64, ended: &mut bool) -> Result<bool, Problem> {
    if *left == 0 && !*ended {
        *left = cursor.block()?;
    }
    *ended |= *left == 0;
    *left = left.saturating_sub(1);
    Ok(!*ended)
}

struct Fields<'c, 'de> {
    plan: &'de Plan,
    cursor: &'c mut Cursor<'de>,
    fields: std::slice::Iter<'de, Field>,
    defaults: std::slice::Iter<'de, Absent>,
    next: Option<Next<'de>>,
}

enum Next<'de> {
    Present(&'de Field),
    Absent(&'de Absent),
}

impl<'de> MapAccess<'de> for Fields<'_, 'de> {
    type Error = Problem;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Problem> {
        let next = loop {
            match self.fields.next() {
                Some(field) if field.skipped => Reader { plan: self.plan, node: field.node, cursor: self.cursor }
                    .skip()
                    .map_err(|problem| problem.in_field(&field.name))?,
                Some(field) => break Next::Present(field),
                None => match self.defaults.next() {
                    Some(absent) => break Next::Absent(absent),
                    None => return Ok(None),
                },
            }
        };
        let name = match &next {
            Next::Present(field) => &field.name,
            Next::Absent(absent) => &absent.name,
        };
        self.next = Some(next);
        seed.deserialize(BorrowedStrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Problem> {
        match self.next.take() {
            Some(Next::Present(field)) => seed
                .deserialize(Reader { plan: self.plan, node: field.node, cursor: self.cursor })
                .map_err(|problem| problem.in_field(&field.name)),
            Some(Next::Absent(absent)) => {
                self.cursor.limits.add_default(absent.datum.len()).map_err(|problem| problem.in_field(&absent.name))?;
                let mut cursor = Cursor { left: &absent.datum, limits: self.cursor.limits };
                let value = seed.deserialize(Reader { plan: self.plan, node: absent.node, cursor: &mut cursor });
                self.cursor.limits = cursor.limits;
                value.map_err(|problem| problem.in_field(&absent.name))
            }
            None => Err(Problem::new("a value without a key")),
        }
    }
}

/// Reads one datum that must use all of the bytes.
pub(super) fn whole<'de, T>(
    plan: &'de Plan,
    datum: &'de [u8],
    read: impl FnOnce(Reader<'_, 'de>) -> Result<T, Problem>,
) -> Result<T, Problem> {
    let mut cursor = Cursor::new(datum);
    let value = read(Reader { plan, node: 0, cursor: &mut cursor })?;
    match cursor.left.len() {
        0 => Ok(value),
        left => Err(Problem::new(format!("{left} unexpected bytes at the end"))),
    }
}

/// Reads one of several consecutive data, which share the limits of a payload.
pub(super) fn next<'de, S: DeserializeSeed<'de>>(
    plan: &'de Plan,
    cursor: &mut Cursor<'de>,
    seed: S,
) -> Result<S::Value, Problem> {
    seed.deserialize(Reader { plan, node: 0, cursor })
}
