//! How `Native` encodes a value.

use std::net::{Ipv4Addr, Ipv6Addr};

use danube_sink::json::string;

use super::{
    super::column::{ColumnType, Rules, date, decimal, is_short, is_short_float, is_utc, seconds, ticks, timestamp_64},
    cells::put_length,
};

/// How a value is encoded.
#[derive(Debug)]
pub(super) enum Form {
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
        /// Digits before the decimal point, and after it.
        before: i64,
        behind: i64,
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
    /// Since 1970, in four bytes.
    Seconds {
        is_utc: bool,
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

impl Form {
    /// The type's name, and how its values are encoded.
    pub(super) fn of(kind: &ColumnType) -> Option<(String, Self)> {
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
                let form = Self::Decimal { bytes, before: *before, behind: *behind };
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
            ColumnType::DateTime { is_utc } => ("DateTime", Self::Seconds { is_utc: *is_utc }),
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
    pub(super) fn is_exact(&self, json: &str) -> bool {
        match self {
            // `Bool` has 0 and 1.
            Self::Unsigned { bytes: 1 } => !matches!(json, "0" | "1"),
            // Decimals of one size and scale are alike, whatever their precision: not each has room for all digits.
            Self::Decimal { bytes, behind, .. } => {
                let least = match bytes {
                    4 => 1,
                    8 => 10,
                    _ => 19,
                };
                let whole = json.trim_start_matches(['-', '0']).split('.').next().map_or(0, str::len) as i64;
                whole + behind > least.max(*behind)
            }
            _ => false,
        }
    }

    /// Whether rows have its values as strings.
    pub(super) fn is_text(&self) -> bool {
        match self {
            Self::Integer { .. }
            | Self::Unsigned { .. }
            | Self::Float32
            | Self::Float64
            | Self::Decimal { .. }
            | Self::Bool
            | Self::Seconds { .. } => false,
            Self::String
            | Self::FixedString { .. }
            | Self::Days { .. }
            | Self::Ticks { .. }
            | Self::Enum { .. }
            | Self::Uuid
            | Self::Ipv4
            | Self::Ipv6 => true,
        }
    }

    /// Appends a value that is in a payload as most payloads have one, and that the column takes: what `put` appends of the row's JSON,
    /// in less time. `None` for any other value.
    pub(super) fn put_plain(&self, json: &str, rules: &Rules, to: &mut Vec<u8>) -> Option<()> {
        match self {
            Self::Integer { bytes: bytes @ ..=8 } => {
                let (number, unused) = (json.parse::<i64>().ok()?, 64 - 8 * bytes);
                let number = Some(number).filter(|number| (number << unused) >> unused == *number)?;
                to.extend_from_slice(&number.to_le_bytes()[..*bytes]);
            }
            Self::Unsigned { bytes: bytes @ ..=8 } => {
                let (number, unused) = (json.parse::<u64>().ok()?, 64 - 8 * bytes);
                let number = Some(number).filter(|number| (number << unused) >> unused == *number)?;
                to.extend_from_slice(&number.to_le_bytes()[..*bytes]);
            }
            Self::Float32 | Self::Float64 if is_short_float(json) => self.put(json, to)?,
            Self::Decimal { before, behind, .. } if is_short(json, *before, *behind) => self.put(json, to)?,
            Self::Bool if matches!(json, "true" | "false") => self.put(json, to)?,
            Self::String if json.starts_with('"') => self.put(json, to)?,
            Self::Seconds { is_utc } => {
                let seconds = seconds(&string(json)?, *is_utc, rules).ok()??;
                to.extend(u32::try_from(seconds).ok()?.to_le_bytes());
            }
            Self::Ticks { digits, is_utc } => {
                let text = string(json)?;
                let time = timestamp_64(&text, *digits, *is_utc, rules).ok()?;
                to.extend(time.ticks(*digits, *is_utc)?.to_le_bytes());
            }
            _ => return None,
        }
        Some(())
    }

    /// Appends the type's default.
    pub(super) fn put_default(&self, to: &mut Vec<u8>) {
        let zeros = match self {
            Self::Integer { bytes }
            | Self::Unsigned { bytes }
            | Self::Decimal { bytes, .. }
            | Self::FixedString { bytes }
            | Self::Days { bytes } => *bytes,
            Self::Bool | Self::String => 1,
            Self::Float32 | Self::Seconds { .. } | Self::Ipv4 => 4,
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

    /// Appends a value as rows have it; `None` if it is not carried.
    pub(super) fn put(&self, json: &str, to: &mut Vec<u8>) -> Option<()> {
        match self {
            Self::Integer { bytes } => to.extend_from_slice(json.parse::<i128>().ok()?.to_le_bytes().get(..*bytes)?),
            Self::Unsigned { bytes } => to.extend_from_slice(json.parse::<u128>().ok()?.to_le_bytes().get(..*bytes)?),
            // Infinity and NaN are strings, and may others be.
            Self::Float32 => to.extend(string(json).as_deref().unwrap_or(json).parse::<f32>().ok()?.to_le_bytes()),
            Self::Float64 => to.extend(string(json).as_deref().unwrap_or(json).parse::<f64>().ok()?.to_le_bytes()),
            Self::Decimal { bytes, behind, .. } => {
                let units = decimal(json, usize::try_from(*behind).ok()?)?;
                to.extend_from_slice(units.to_le_bytes().get(..*bytes)?);
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
            Self::Seconds { .. } => to.extend(json.parse::<u32>().ok()?.to_le_bytes()),
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
