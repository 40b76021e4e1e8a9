//! The values that a key takes.

use std::time::Duration;

use super::{KeySpec, ValueRef};

/// The values that a key takes.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum ValueType {
    /// A boolean.
    Bool,
    /// An integer from `min` to `max`.
    Integer {
        /// The least.
        min: i128,
        /// The greatest.
        max: i128,
    },
    /// A float or an integer from `min` to `max`.
    Float {
        /// The least.
        min: f64,
        /// The greatest.
        max: f64,
        /// The range in words, such as `from 0.0 to 1.0`; empty if there is none.
        range: &'static str,
    },
    /// A string of `min` to `max` characters.
    String {
        /// The fewest characters.
        min: usize,
        /// The most characters.
        max: usize,
    },
    /// One of a few words, in any case, with `_`, `-` or nothing between its parts.
    Enum {
        /// The name of the choice in messages, such as `subscription type`.
        what: &'static str,
        /// The words.
        words: &'static [&'static str],
    },
    /// The path of a file or folder.
    Path,
    /// A URL.
    Url,
    /// The URL of a broker, without user, password, query and fragment.
    ServiceUrl,
    /// The URL of an HTTP endpoint, without user, password, query and fragment.
    HttpUrl {
        /// An example for help and templates.
        example: &'static str,
    },
    /// The URL of a broker's metrics, by HTTP without TLS, without user and password.
    MetricsUrl,
    /// An IP address, of version 4 or 6, without a port.
    IpAddress,
    /// An HTTP status from 200 to 599, or several: `409`, `"4xx"` or `"500-504"`.
    HttpStatuses,
    /// A topic, as `/namespace/name`.
    Topic,
    /// A JSON pointer into a payload, such as `/user/id`.
    Pointer,
    /// A record field: a JSON pointer, `attribute:NAME`, or one of these metadata words.
    Field {
        /// The words for metadata of a record.
        metadata: &'static [&'static str],
    },
    /// A log level, or levels by target as in `info,danube_sink=debug`.
    LogLevel,
    /// A duration with its unit, such as `"10s"`, from `min` to `max`.
    Duration {
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
        /// The range in words, such as `from 1s to 5m`; empty if there is none.
        range: &'static str,
    },
    /// A size in bytes with its unit, such as `"5MiB"`, from `min` to `max`.
    ByteSize {
        /// The least.
        min: u64,
        /// The greatest.
        max: u64,
        /// The range in words, such as `from 1KiB to 5MiB`; empty if there is none.
        range: &'static str,
    },
    /// A secret, which is never in the file.
    Secret,
    /// An array of `min` to `max` values of one type.
    Array {
        /// The type of each value.
        of: &'static ValueType,
        /// The fewest values.
        min: usize,
        /// The most values.
        max: usize,
    },
    /// A table of `min` to `max` keys of the user's choice, with values of one type.
    Map {
        /// The type of each value.
        of: &'static ValueType,
        /// The fewest keys.
        min: usize,
        /// The most keys.
        max: usize,
    },
    /// An array of values of one type, or a table of this type.
    ArrayOrTable {
        /// The type of each value of an array.
        items: &'static ValueType,
        /// The type of the table: `Table` or `Map`.
        table: &'static ValueType,
    },
    /// One of these strings or integers, to the letter.
    OneOf(&'static [ValueRef<'static>]),
    /// A table with these keys.
    Table(&'static [KeySpec]),
    /// Any value that the type's own reader accepts.
    Any,
}

impl ValueType {
    /// A string of any length.
    pub const STRING: Self = Self::String { min: 0, max: usize::MAX };
    /// A string that is not empty.
    pub const NON_EMPTY_STRING: Self = Self::String { min: 1, max: usize::MAX };
    /// Any number.
    pub const FLOAT: Self = Self::Float { min: f64::NEG_INFINITY, max: f64::INFINITY, range: "" };
    /// Any duration.
    pub const DURATION: Self = Self::Duration { min: Duration::ZERO, max: Duration::MAX, range: "" };
    /// Any size in bytes.
    pub const BYTE_SIZE: Self = Self::ByteSize { min: 0, max: u64::MAX, range: "" };

    /// An integer from `min` to `max`.
    pub const fn integer(min: i128, max: i128) -> Self {
        Self::Integer { min, max }
    }

    /// An array of any length.
    pub const fn array(of: &'static Self) -> Self {
        Self::Array { of, min: 0, max: usize::MAX }
    }

    /// A table of any number of keys.
    pub const fn map(of: &'static Self) -> Self {
        Self::Map { of, min: 0, max: usize::MAX }
    }

    /// The type of each value in an array or map.
    pub const fn item(&self) -> &Self {
        match self {
            Self::Array { of, .. } | Self::Map { of, .. } | Self::ArrayOrTable { items: of, .. } => of,
            _ => &Self::Any,
        }
    }

    /// The declared keys of a table, or of the tables in an array or map.
    pub const fn keys_within(&self) -> &'static [KeySpec] {
        match self {
            Self::Array { of, .. } | Self::Map { of, .. } => of.keys_within(),
            _ => self.keys(),
        }
    }

    /// The declared keys of a table.
    pub const fn keys(&self) -> &'static [KeySpec] {
        match self {
            Self::Table(keys) => keys,
            _ => &[],
        }
    }
}
