//! The values of a column as `Native` has them: one after the other, each in binary.

use std::net::{Ipv4Addr, Ipv6Addr};

use danube_sink::json::{items, members, string};

use super::super::column::{ColumnType, date, decimal, is_utc, ticks};

/// The values of a column.
#[derive(Debug)]
pub(super) struct Cells {
    /// ClickHouse's name of the type that they have here.
    kind: String,
    parts: Parts,
    /// How many there are, and how many of them records have.
    all: u64,
    of_records: usize,
    /// Whether a value is right only in a column of exactly this type, of which the server does not compare everything.
    is_exact: bool,
}

#[derive(Debug)]
enum Parts {
    Plain {
        form: Form,
        bytes: Vec<u8>,
    },
    /// A byte for each value says whether it is null.
    Nullable {
        nulls: Vec<u8>,
        values: Box<Cells>,
    },
    /// For each value, the number of items up to its end.
    Array {
        ends: Vec<u64>,
        items: Box<Cells>,
    },
    Map {
        ends: Vec<u64>,
        keys: Box<Cells>,
        values: Box<Cells>,
    },
}

/// How a value is encoded.
#[derive(Debug)]
enum Form {
    /// Two's complement in so many bytes.
    Integer {
        bytes: usize,
    },
    Unsigned {
        bytes: usize,
    },
    Float32,
    Float64,
    /// Units of the last decimal place, in so many bytes.
    Decimal {
        bytes: usize,
        behind: usize,
    },
    Bool,
    /// Its length, and its bytes.
    String,
    FixedString {
        bytes: usize,
    },
    /// Days since 1970, in so many bytes.
    Days {
        bytes: usize,
    },
    Ticks {
        digits: usize,
        is_utc: bool,
    },
    /// The number of each name, in so many bytes.
    Enum {
        bytes: usize,
        names: Vec<(String, i64)>,
    },
    Uuid,
    Ipv4,
    Ipv6,
}

impl Cells {
    /// For a column; `None` if the format does not carry the type.
    pub(super) fn of(kind: &ColumnType) -> Option<Self> {
        let (kind, parts) = match kind {
            ColumnType::Nullable(kind) => {
                let values = Self::of(kind)?;
                // Nothing else has a null of its own.
                let Parts::Plain { .. } = values.parts else { return None };
                (format!("Nullable({})", values.kind), Parts::Nullable { nulls: Vec::new(), values: Box::new(values) })
            }
            ColumnType::Array(kind) => {
                let items = Self::of(kind)?;
                (format!("Array({})", items.kind), Parts::Array { ends: Vec::new(), items: Box::new(items) })
            }
            ColumnType::Map(key, value) => {
                let (keys, values) = (Self::of(key)?, Self::of(value)?);
                let kind = format!("Map({}, {})", keys.kind, values.kind);
                (kind, Parts::Map { ends: Vec::new(), keys: Box::new(keys), values: Box::new(values) })
            }
            kind => {
                let (name, form) = Form::of(kind)?;
                (name, Parts::Plain { form, bytes: Vec::new() })
            }
        };
        // Of enums, it compares the size alone.
        let is_exact = matches!(parts, Parts::Plain { form: Form::Enum { .. }, .. });
        Some(Self { kind, parts, all: 0, of_records: 0, is_exact })
    }

    pub(super) fn kind(&self) -> &str {
        &self.kind
    }

    /// How many values of records there are.
    pub(super) fn values(&self) -> usize {
        self.of_records
    }

    /// How many bytes they have.
    pub(super) fn len(&self) -> usize {
        match &self.parts {
            Parts::Plain { bytes, .. } => bytes.len(),
            Parts::Nullable { nulls, values } => nulls.len() + values.len(),
            Parts::Array { ends, items } => size_of_val(&ends[..]) + items.len(),
            Parts::Map { ends, keys, values } => size_of_val(&ends[..]) + keys.len() + values.len(),
        }
    }

    /// Whether the server would not notice that they are wrong, if the column has a similar type by now.
    pub(super) fn are_exact(&self) -> bool {
        self.is_exact
            || match &self.parts {
                Parts::Plain { .. } => false,
                Parts::Nullable { values, .. } => values.are_exact(),
                Parts::Array { items, .. } => items.are_exact(),
                Parts::Map { keys, values, .. } => keys.are_exact() || values.are_exact(),
            }
    }

    /// Appends the type's default so many times.
    pub(super) fn append_default(&mut self, times: usize) {
        self.all += times as u64;
        match &mut self.parts {
            Parts::Plain { form, bytes } => (0..times).for_each(|_| form.put_default(bytes)),
            Parts::Nullable { nulls, values } => {
                nulls.resize(nulls.len() + times, 1);
                values.append_default(times);
            }
            Parts::Array { ends, items } | Parts::Map { ends, keys: items, .. } => {
                ends.resize(ends.len() + times, items.all);
            }
        }
    }

    /// Appends a value as rows have it; `None` if the format does not carry it.
    pub(super) fn append(&mut self, json: &str) -> Option<()> {
        match &mut self.parts {
            Parts::Nullable { nulls, values } if json == "null" => {
                nulls.push(1);
                values.append_default(1);
            }
            Parts::Nullable { nulls, values } => {
                nulls.push(0);
                values.append(json)?;
            }
            Parts::Plain { form, bytes } => {
                form.put(json, bytes)?;
                self.is_exact |= form.is_exact(json);
            }
            Parts::Array { ends, items: of } => {
                items(json)?.try_for_each(|item| of.append(item))?;
                ends.push(of.all);
            }
            Parts::Map { ends, keys, values } => {
                for (key, value) in members(json)? {
                    // Only texts are written as they are.
                    let text = string(key)?;
                    keys.append(if keys.is_text() { key } else { &text })?;
                    values.append(value)?;
                }
                ends.push(keys.all);
            }
        }
        self.all += 1;
        self.of_records += 1;
        Some(())
    }

    /// Whether rows have a value as a string.
    fn is_text(&self) -> bool {
        match self.parts {
            Parts::Plain { ref form, .. } => !matches!(
                form,
                Form::Integer { .. }
                    | Form::Unsigned { .. }
                    | Form::Float32
                    | Form::Float64
                    | Form::Decimal { .. }
                    | Form::Bool
            ),
            _ => false,
        }
    }
}

/// Appends the values of a column to a block: those of the parts of a batch, as one.
pub(super) fn write(parts: &[&Cells], block: &mut Vec<u8>) {
    let mut below: [Vec<&Cells>; 2] = Default::default();
    let mut before = 0;
    let mut put_ends = |ends: &[u64], items: &Cells, block: &mut Vec<u8>| {
        block.extend(ends.iter().flat_map(|end| (before + end).to_le_bytes()));
        before += items.all;
    };
    for part in parts {
        match &part.parts {
            Parts::Plain { bytes, .. } => block.extend_from_slice(bytes),
            Parts::Nullable { nulls, values } => {
                block.extend_from_slice(nulls);
                below[0].push(values);
            }
            Parts::Array { ends, items } => {
                put_ends(ends, items, block);
                below[0].push(items);
            }
            Parts::Map { ends, keys, values } => {
                put_ends(ends, keys, block);
                below[0].push(keys);
                below[1].push(values);
            }
        }
    }
    for below in below.iter().filter(|below| !below.is_empty()) {
        write(below, block);
    }
}

impl Form {
    /// The type's name, and how its values are encoded.
    fn of(kind: &ColumnType) -> Option<(String, Self)> {
        let (name, form) = match kind {
            ColumnType::Integer(range) => {
                let (bits, is_signed) = range.bits().filter(|(bits, _)| *bits <= 128)?;
                let bytes = usize::try_from(bits / 8).ok()?;
                return Some(match is_signed {
                    true => (format!("Int{bits}"), Self::Integer { bytes }),
                    false => (format!("UInt{bits}"), Self::Unsigned { bytes }),
                });
            }
            ColumnType::Decimal { before, behind } => {
                let bytes = match before + behind {
                    ..=9 => 4,
                    10..=18 => 8,
                    19..=38 => 16,
                    _ => return None,
                };
                let form = Self::Decimal { bytes, behind: usize::try_from(*behind).ok()? };
                return Some((format!("Decimal({}, {behind})", before + behind), form));
            }
            ColumnType::FixedString(bytes) => {
                return Some((format!("FixedString({bytes})"), Self::FixedString { bytes: *bytes }));
            }
            ColumnType::Enum { kind, names } => {
                let bytes = if kind.starts_with("Enum8") { 1 } else { 2 };
                return Some((kind.clone(), Self::Enum { bytes, names: names.clone() }));
            }
            // The time zone is for texts alone.
            ColumnType::DateTime64 { digits, zone } => {
                let form = Self::Ticks { digits: *digits, is_utc: is_utc(zone) };
                return Some((format!("DateTime64({digits}, 'UTC')"), form));
            }
            ColumnType::Float(largest) if *largest == f64::MAX => ("Float64", Self::Float64),
            ColumnType::Float(largest) if *largest == f64::from(f32::MAX) => ("Float32", Self::Float32),
            ColumnType::Bool => ("Bool", Self::Bool),
            ColumnType::String => ("String", Self::String),
            ColumnType::Date => ("Date", Self::Days { bytes: 2 }),
            ColumnType::Date32 => ("Date32", Self::Days { bytes: 4 }),
            // Rows have seconds, or a time in the column's zone, which is sent as JSON.
            ColumnType::DateTime { .. } => ("DateTime", Self::Unsigned { bytes: 4 }),
            ColumnType::Uuid => ("UUID", Self::Uuid),
            ColumnType::Ipv4 => ("IPv4", Self::Ipv4),
            ColumnType::Ipv6 => ("IPv6", Self::Ipv6),
            ColumnType::Float(_)
            | ColumnType::Time
            | ColumnType::Nullable(_)
            | ColumnType::Array(_)
            | ColumnType::Map(..)
            | ColumnType::Tuple(_)
            | ColumnType::Json(_)
            | ColumnType::Other => return None,
        };
        Some((name.to_owned(), form))
    }

    /// Whether the server would store a value of this form in a column of a similar type, as a value that this does not have.
    fn is_exact(&self, json: &str) -> bool {
        match self {
            // `Bool` has 0 and 1.
            Self::Unsigned { bytes: 1 } => !matches!(json, "0" | "1"),
            // Decimals of one size and scale are alike, whatever their precision: not each has room for all digits.
            Self::Decimal { bytes, behind } => {
                let least = match bytes {
                    4 => 1,
                    8 => 10,
                    _ => 19,
                };
                json.trim_start_matches(['-', '0']).split('.').next().map_or(0, str::len) + behind > least.max(*behind)
            }
            _ => false,
        }
    }

    fn put_default(&self, to: &mut Vec<u8>) {
        let zeros = match self {
            Self::Integer { bytes }
            | Self::Unsigned { bytes }
            | Self::Decimal { bytes, .. }
            | Self::FixedString { bytes }
            | Self::Days { bytes } => *bytes,
            Self::Bool | Self::String => 1,
            Self::Float32 | Self::Ipv4 => 4,
            Self::Float64 | Self::Ticks { .. } => 8,
            Self::Uuid | Self::Ipv6 => 16,
            // The default of an enum is its lowest number.
            Self::Enum { bytes, names } => {
                let lowest = names.iter().map(|(_, number)| *number).min().unwrap_or_default();
                return to.extend(&lowest.to_le_bytes()[..*bytes]);
            }
        };
        to.resize(to.len() + zeros, 0);
    }

    fn put(&self, json: &str, to: &mut Vec<u8>) -> Option<()> {
        match self {
            Self::Integer { bytes: 8 } => to.extend(json.parse::<i64>().ok()?.to_le_bytes()),
            Self::Unsigned { bytes: 8 } => to.extend(json.parse::<u64>().ok()?.to_le_bytes()),
            Self::Integer { bytes } => to.extend_from_slice(json.parse::<i128>().ok()?.to_le_bytes().get(..*bytes)?),
            Self::Unsigned { bytes } => to.extend_from_slice(json.parse::<u128>().ok()?.to_le_bytes().get(..*bytes)?),
            // Infinity and NaN are strings, and may others be.
            Self::Float32 => to.extend(string(json).as_deref().unwrap_or(json).parse::<f32>().ok()?.to_le_bytes()),
            Self::Float64 => to.extend(string(json).as_deref().unwrap_or(json).parse::<f64>().ok()?.to_le_bytes()),
            Self::Decimal { bytes, behind } => {
                to.extend_from_slice(decimal(json, *behind)?.to_le_bytes().get(..*bytes)?)
            }
            Self::Bool => to.push(json.parse::<bool>().ok()?.into()),
            Self::String => {
                let text = string(json)?;
                put_length(text.len(), to);
                to.extend_from_slice(text.as_bytes());
            }
            Self::FixedString { bytes } => {
                let text = string(json)?;
                to.extend_from_slice(text.as_bytes());
                to.resize(to.len() + bytes.checked_sub(text.len())?, 0);
            }
            Self::Days { bytes } => to.extend_from_slice(date(&string(json)?)?.to_le_bytes().get(..*bytes)?),
            Self::Ticks { digits, is_utc } if json.starts_with('"') => {
                to.extend(ticks(json, *digits, *is_utc)?.to_le_bytes());
            }
            // Seconds, with a decimal point.
            Self::Ticks { digits, .. } => {
                let (_, fraction) = json.split_once('.')?;
                let kept = json.len() - fraction.len().saturating_sub(*digits);
                to.extend(i64::try_from(decimal(&json[..kept], *digits)?).ok()?.to_le_bytes());
            }
            Self::Enum { bytes, names } => {
                let text = string(json)?;
                let (_, number) = names.iter().find(|(name, _)| *name == text)?;
                to.extend_from_slice(number.to_le_bytes().get(..*bytes)?);
            }
            Self::Uuid => {
                let number = u128::from_str_radix(&string(json)?.replace('-', ""), 16).ok()?;
                to.extend(((number >> 64) as u64).to_le_bytes());
                to.extend((number as u64).to_le_bytes());
            }
            Self::Ipv4 => to.extend(u32::from(string(json)?.parse::<Ipv4Addr>().ok()?).to_le_bytes()),
            Self::Ipv6 => {
                let text = string(json)?;
                let address =
                    text.parse().or_else(|_| text.parse::<Ipv4Addr>().map(|address| address.to_ipv6_mapped()));
                to.extend(Ipv6Addr::octets(&address.ok()?));
            }
        }
        Some(())
    }
}

/// Appends a length, seven bits a byte, the lowest first.
pub(super) fn put_length(mut length: usize, to: &mut Vec<u8>) {
    while length > 0x7f {
        to.push(length as u8 | 0x80);
        length >>= 7;
    }
    to.push(length as u8);
}
