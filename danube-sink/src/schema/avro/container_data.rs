//! Deserialization of the data of a container as one value.

use serde::{
    Deserializer,
    de::{DeserializeSeed, IgnoredAny, SeqAccess, Visitor},
    forward_to_deserialize_any,
};

use super::{
    container::Block,
    cursor::Cursor,
    plan::{Node, Plan},
    read,
};
use crate::schema::Problem;

/// Deserializer of a container's data: the datum itself if there is exactly one, otherwise a list.
pub(super) struct ContainerData<'de> {
    pub(super) plan: &'de Plan,
    pub(super) blocks: &'de [Block],
}

impl<'de> ContainerData<'de> {
    fn is_one(&self) -> bool {
        self.blocks.iter().fold(0u64, |count, block| count.saturating_add(block.count)) == 1
    }

    fn all(self) -> All<'de> {
        All { plan: self.plan, blocks: self.blocks.iter(), left: 0, cursor: Cursor::new(&[]), index: 0 }
    }

    fn one<T>(self, read: impl FnOnce(read::Reader<'_, 'de>) -> Result<T, Problem>) -> Result<T, Problem> {
        let data = self.blocks.iter().find(|block| block.count == 1).map_or(&[][..], |block| &block.data[..]);
        read::whole(self.plan, data, read)
    }
}

macro_rules! one_or_all {
    ($($method:ident($($argument:ident: $type:ty),*))+) => {$(
        fn $method<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, Problem> {
            if self.is_one() {
                self.one(|reader| reader.$method($($argument,)* visitor))
            } else {
                self.all().visit(visitor)
            }
        }
    )+};
}

impl<'de> Deserializer<'de> for ContainerData<'de> {
    type Error = Problem;

    one_or_all! {
        deserialize_any() deserialize_ignored_any() deserialize_i64() deserialize_f64() deserialize_bytes()
        deserialize_option()
        deserialize_enum(name: &'static str, variants: &'static [&'static str])
    }

    /// A requested list contains all data, also a single one, unless the datum is a list itself.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let is_list = matches!(self.plan.root(), Node::Array(_) | Node::Bytes | Node::Fixed(_) | Node::Union(_));
        if self.is_one() && is_list {
            self.one(|reader| reader.deserialize_seq(visitor))
        } else {
            self.all().visit(visitor)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i128 u8 u16 u32 u64 u128 f32 char str string byte_buf unit unit_struct
        tuple tuple_struct map struct identifier
    }
}

struct All<'de> {
    plan: &'de Plan,
    blocks: std::slice::Iter<'de, Block>,
    left: u64,
    cursor: Cursor<'de>,
    index: usize,
}

impl<'de> All<'de> {
    fn visit<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Problem> {
        let value = visitor.visit_seq(&mut self)?;
        // A visitor may stop before the end.
        match self.next_element::<IgnoredAny>()? {
            None => Ok(value),
            Some(_) => Err(Problem::new("more data than requested")),
        }
    }
}

impl<'de> SeqAccess<'de> for All<'de> {
    type Error = Problem;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Problem> {
        while self.left == 0 {
            if !self.cursor.left.is_empty() {
                return Err(Problem::new("unexpected bytes at the end of a block"));
            }
            let Some(block) = self.blocks.next() else { return Ok(None) };
            self.left = block.count;
            self.cursor = Cursor { left: &block.data, limits: self.cursor.limits };
        }
        self.left -= 1;
        let index = self.index;
        self.index += 1;
        read::next(self.plan, &mut self.cursor, seed).map(Some).map_err(|problem| problem.in_element(index))
    }
}
