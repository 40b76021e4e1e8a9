//! The unit of times that are numbers.

use std::fmt;

use danube_sink_config::{
    Diagnostics, Setting, Value,
    schema::{ValueType, suggest},
};

/// The unit of times that are numbers, as a setting: they count it since 1970 in UTC. A connector never guesses it: without the
/// setting, a number is no time.
///
/// ```toml
/// time_unit = "milliseconds"   # or "seconds", "microseconds", "nanoseconds"; "s", "ms", "us", "ns" for short
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimeUnit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Nanoseconds.
    Nanoseconds,
}

impl TimeUnit {
    const ALL: [Self; 4] = [Self::Seconds, Self::Milliseconds, Self::Microseconds, Self::Nanoseconds];

    /// The words of the units, and the short ones.
    const WORDS: &'static [&'static str] =
        &["seconds", "milliseconds", "microseconds", "nanoseconds", "s", "ms", "us", "ns"];

    /// The word in the configuration.
    pub const fn as_str(self) -> &'static str {
        Self::WORDS[self as usize]
    }

    /// Decimal digits of a second's fraction: 0, 3, 6 or 9.
    pub const fn digits(self) -> u32 {
        3 * self as u32
    }

    /// How many make a second.
    pub const fn per_second(self) -> i64 {
        10_i64.pow(self.digits())
    }
}

impl Setting for TimeUnit {
    const VALUE_TYPE: ValueType = ValueType::Enum { what: "unit of times", words: Self::WORDS };

    fn read(value: &Value) -> Result<Self, Diagnostics> {
        value.validate(&Self::VALUE_TYPE)?;
        let text = value.as_str()?;
        let index = Self::WORDS.iter().position(|word| suggest::same_word(word, text));
        let unit = index.and_then(|index| Self::ALL.get(index % Self::ALL.len()));
        unit.copied().ok_or_else(|| value.diagnostic("unknown unit of times", "write another word").into())
    }
}

/// The word in the configuration.
impl fmt::Display for TimeUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_has_two_words() {
        let read = |word: &str| TimeUnit::read(&Value::from(toml::Value::from(word))).ok();
        for (long, short, unit, digits) in [
            ("seconds", "s", TimeUnit::Seconds, 0),
            ("milliseconds", "ms", TimeUnit::Milliseconds, 3),
            ("microseconds", "us", TimeUnit::Microseconds, 6),
            ("nanoseconds", "NS", TimeUnit::Nanoseconds, 9),
        ] {
            assert_eq!((read(long), read(short), unit.digits()), (Some(unit), Some(unit), digits));
            assert_eq!((unit.per_second(), unit.to_string()), (10_i64.pow(digits), long.to_owned()));
        }
        assert_eq!(read("minutes"), None);
    }
}
