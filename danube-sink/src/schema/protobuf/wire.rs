//! Protobuf wire format: the encoded fields of a message.

use super::plan::{Field, Kind, Message, Rule};
use crate::schema::{Problem, limits::Limits};

/// The bytes of a message: one piece, or several of the same field that are merged.
#[derive(Clone)]
pub(super) struct Parts<'de> {
    pub(super) first: &'de [u8],
    pub(super) more: Vec<&'de [u8]>,
}

/// One field as it was sent.
pub(super) struct Sent<'de> {
    /// Index of the field in the message.
    pub(super) field: usize,
    pub(super) raw: Raw<'de>,
}

#[derive(Clone, Copy)]
pub(super) enum Raw<'de> {
    Number(u64),
    Bytes(&'de [u8]),
}

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const LENGTH: u8 = 2;
const GROUP: u8 = 3;
const GROUP_END: u8 = 4;
const FIXED32: u8 = 5;

/// Maximum nesting of groups, since each is a recursive call.
const MAX_UNKNOWN_GROUPS: usize = 100;

/// Scans the known fields of a message, sorted by field; the values of a field stay in the order sent.
pub(super) fn scan<'de>(message: &Message, parts: &Parts<'de>, limits: &mut Limits) -> Result<Vec<Sent<'de>>, Problem> {
    let mut found: Vec<Sent<'de>> = Vec::with_capacity(message.fields.len());
    let (mut sorted, mut near, mut chosen) = (true, 0, Chosen::default());
    for part in std::iter::once(&parts.first).chain(&parts.more) {
        let mut left = *part;
        while !left.is_empty() {
            let (number, wire) = tag(&mut left)?;
            let Some(index) = message.find(number, near) else {
                skip(&mut left, number, wire, MAX_UNKNOWN_GROUPS)?;
                continue;
            };
            let field = &message.fields[index];
            let raw = raw(field, number, wire, &mut left).map_err(|problem| problem.in_field(&field.name))?;
            sorted &= near <= index;
            near = index;
            if let Some(oneof) = field.oneof {
                chosen.set(oneof, index, found.len());
            }
            limits.count()?;
            found.push(Sent { field: index, raw });
        }
    }
    if chosen.conflicting {
        let mut places = 0..;
        found.retain(|sent| {
            let place = places.next();
            message.fields[sent.field].oneof.is_none_or(|oneof| place >= chosen.since(oneof))
        });
    }
    if !sorted {
        found.sort_by_key(|sent| sent.field);
    }
    Ok(found)
}

/// The last sent field of each oneof. Earlier ones are dropped, also what was sent of the same field before another one.
#[derive(Default)]
struct Chosen {
    last: Vec<Choice>,
    conflicting: bool,
}

struct Choice {
    oneof: usize,
    field: usize,
    /// The place among the sent fields since which no other field of the oneof was sent.
    since: usize,
}

impl Chosen {
    fn set(&mut self, oneof: usize, field: usize, place: usize) {
        match self.last.iter_mut().find(|choice| choice.oneof == oneof) {
            Some(choice) if choice.field == field => {}
            Some(choice) => {
                *choice = Choice { oneof, field, since: place };
                self.conflicting = true;
            }
            None => self.last.push(Choice { oneof, field, since: place }),
        }
    }

    fn since(&self, oneof: usize) -> Option<usize> {
        self.last.iter().find(|choice| choice.oneof == oneof).map(|choice| choice.since)
    }
}

fn raw<'de>(field: &Field, number: u32, wire: u8, left: &mut &'de [u8]) -> Result<Raw<'de>, Problem> {
    let own = field.kind.wire();
    Ok(match wire {
        LENGTH if own == LENGTH || field.rule == Rule::List => Raw::Bytes(bytes(left)?),
        GROUP if matches!(field.kind, Kind::Message(_)) => Raw::Bytes(group(left, number, MAX_UNKNOWN_GROUPS)?),
        wire if wire == own => Raw::Number(scalar(wire, left)?),
        _ => return Err(Problem::new("not encoded as its type is")),
    })
}

/// Reads the next element of a packed list.
pub(super) fn unpack(kind: &Kind, left: &mut &[u8]) -> Result<u64, Problem> {
    scalar(kind.wire(), left)
}

fn scalar(wire: u8, left: &mut &[u8]) -> Result<u64, Problem> {
    match wire {
        VARINT => varint(left),
        FIXED64 => fixed(left).map(u64::from_le_bytes),
        FIXED32 => fixed(left).map(|bytes| u32::from_le_bytes(bytes).into()),
        _ => Err(Problem::new("not encoded as its type is")),
    }
}

fn tag(left: &mut &[u8]) -> Result<(u32, u8), Problem> {
    let tag = u32::try_from(varint(left)?).map_err(|_| Problem::new("a tag of more than 32 bits"))?;
    match (tag >> 3, (tag & 7) as u8) {
        (0, _) => Err(Problem::new("a field with the number 0")),
        tag => Ok(tag),
    }
}

fn skip(left: &mut &[u8], number: u32, wire: u8, depth: usize) -> Result<(), Problem> {
    match wire {
        VARINT | FIXED64 | FIXED32 => scalar(wire, left).map(drop),
        LENGTH => bytes(left).map(drop),
        GROUP => group(left, number, depth).map(drop),
        _ => Err(Problem::new("an invalid tag")),
    }
}

/// Reads the content of a group whose start tag has been read.
fn group<'de>(left: &mut &'de [u8], number: u32, depth: usize) -> Result<&'de [u8], Problem> {
    let depth =
        depth.checked_sub(1).ok_or_else(|| Problem::new(format!("more than {MAX_UNKNOWN_GROUPS} nested groups")))?;
    let whole = *left;
    loop {
        let inside = whole.len() - left.len();
        match tag(left)? {
            (end, GROUP_END) if end == number => return Ok(&whole[..inside]),
            (inner, wire) => skip(left, inner, wire, depth)?,
        }
    }
}

fn varint(left: &mut &[u8]) -> Result<u64, Problem> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = left.split_first().ok_or_else(ends)?;
        *left = rest;
        let more = u64::from(byte & 0x7f);
        if shift == 63 && more > 1 {
            break;
        }
        number |= more << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(Problem::new("a number of more than 64 bits"))
}

fn fixed<const N: usize>(left: &mut &[u8]) -> Result<[u8; N], Problem> {
    let (bytes, rest) = left.split_first_chunk::<N>().ok_or_else(ends)?;
    *left = rest;
    Ok(*bytes)
}

fn bytes<'de>(left: &mut &'de [u8]) -> Result<&'de [u8], Problem> {
    let length = varint(left)?;
    let split = usize::try_from(length).ok().and_then(|length| left.split_at_checked(length));
    let (bytes, rest) = split.ok_or_else(|| {
        let held = left.len();
        Problem::new(format!("a length of {length} bytes, and {held} are left"))
    })?;
    *left = rest;
    Ok(bytes)
}

fn ends() -> Problem {
    Problem::new("unexpected end")
}

impl Kind {
    fn wire(&self) -> u8 {
        match self {
            Self::Double | Self::Fixed64 | Self::Sfixed64 => FIXED64,
            Self::Float | Self::Fixed32 | Self::Sfixed32 => FIXED32,
            Self::String | Self::Bytes | Self::Message(_) => LENGTH,
            _ => VARINT,
        }
    }
}
