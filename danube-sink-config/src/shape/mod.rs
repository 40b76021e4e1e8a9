//! What the value of a key may be, said in constants: one description for the reader of a file, for the check of a
//! file while a connector is built, and for what is printed of it.
//!
//! ```text
//!  Shape + Scalar ──▶ misfit ──▶ message and help       (const: the compiler runs it too)
//!  Shape + Given ───▶ mistake ─▶ an error of the build  (const: only the compiler runs it)
//! ```

#[doc(hidden)]
pub mod given;
mod limit;
mod misfit;
mod quantity;
mod status;
pub mod suggest;
mod text;
mod url;

use std::time::Duration;

#[cfg(feature = "url")]
pub(crate) use self::misfit::A_URL;
#[cfg(feature = "start")]
pub(crate) use self::misfit::LEVELS;
pub(crate) use self::misfit::{A_FIELD, A_POINTER, AN_ADDRESS, ATTRIBUTE, NO_ADDRESS, alternatives};
pub use self::{
    limit::{Limit, Refusal},
    misfit::{Misfit, Scalar},
    quantity::{byte_size, duration},
    status::http_statuses,
    text::Text,
};
use crate::generated::SettingInfo;

/// What a value may be.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Shape {
    /// `true` or `false`.
    Truth,
    /// A whole number from `min` to `max`.
    Whole {
        /// The least.
        min: i128,
        /// The greatest.
        max: i128,
    },
    /// A number, whole or not, from `min` to `max`.
    Real {
        /// The least.
        min: f64,
        /// The greatest.
        max: f64,
        /// The limits in words, such as `from 0.0 to 1.0`; empty if there are none.
        limits: &'static str,
    },
    /// A text of `min` to `max` characters.
    Text {
        /// The fewest characters.
        min: usize,
        /// The most characters.
        max: usize,
    },
    /// One word out of a few, in any case, with `_`, `-` or nothing between its parts.
    Word {
        /// What they are words for, such as `subscription type`.
        what: &'static str,
        /// The words.
        words: &'static [&'static str],
    },
    /// The path of a file or folder.
    Path,
    /// A URL.
    Url,
    /// The URL of a broker.
    ServiceUrl,
    /// The URL of an endpoint that is reached by HTTP.
    HttpUrl {
        /// One, for help and templates.
        example: &'static str,
    },
    /// An IP address, of version 4 or 6, without a port.
    IpAddress,
    /// A status of HTTP answers from 200 to 599, or several: `409`, `"4xx"` or `"500-504"`.
    HttpStatuses,
    /// `/namespace/name`.
    Topic,
    /// Where in a payload a value stands, as `/user/id`.
    Pointer,
    /// Where in a record a value stands: a pointer, `attribute:NAME`, or what the record says of itself.
    Field,
    /// A level of log lines, or levels by target as in `info,danube_sink=debug`.
    LogLevel,
    /// A time with its unit, such as `"10s"`, from `min` to `max`.
    Duration {
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
        /// The limits in words, such as `from 1s to 5m`; empty if there are none.
        limits: &'static str,
    },
    /// A number of bytes with its unit, such as `"5MiB"`, from `min` to `max`.
    ByteSize {
        /// The least.
        min: u64,
        /// The greatest.
        max: u64,
        /// The limits in words, such as `from 1KiB to 5MiB`; empty if there are none.
        limits: &'static str,
    },
    /// A list of `min` to `max` values of one shape.
    List {
        /// What each value may be.
        of: &'static Shape,
        /// The fewest values.
        min: usize,
        /// The most values.
        max: usize,
    },
    /// A table with `min` to `max` keys of the user's choice and values of one shape.
    Map {
        /// What each value may be.
        of: &'static Shape,
        /// The fewest keys.
        min: usize,
        /// The most keys.
        max: usize,
    },
    /// One of these texts or whole numbers, to the letter.
    OneOf(&'static [Scalar<'static>]),
    /// A table with these keys.
    Table(&'static [SettingInfo]),
    /// Whatever the type's own reader takes.
    Any,
}

impl Shape {
    /// A text of any length.
    pub const TEXT: Self = Self::Text { min: 0, max: usize::MAX };
    /// Any number.
    pub const REAL: Self = Self::Real { min: f64::NEG_INFINITY, max: f64::INFINITY, limits: "" };
    /// Any time.
    pub const DURATION: Self = Self::Duration { min: Duration::ZERO, max: Duration::MAX, limits: "" };
    /// Any number of bytes.
    pub const BYTE_SIZE: Self = Self::ByteSize { min: 0, max: u64::MAX, limits: "" };

    /// A list of any length.
    pub const fn list(of: &'static Self) -> Self {
        Self::List { of, min: 0, max: usize::MAX }
    }
    /// A table of any number of keys.
    pub const fn map(of: &'static Self) -> Self {
        Self::Map { of, min: 0, max: usize::MAX }
    }

    /// What each value in the list may be.
    pub const fn item(&self) -> &Self {
        match self {
            Self::List { of, .. } => of,
            _ => &Self::Any,
        }
    }
}
