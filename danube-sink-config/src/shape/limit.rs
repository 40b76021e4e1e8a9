//! What a connector's author allows of a key, where the type allows more.

use std::time::Duration;

use super::{Scalar, Shape, byte_size, duration};

/// A `range`, a `length` or a `one_of` of a setting.
#[derive(Debug, Clone, Copy)]
pub enum Limit {
    /// The least and the greatest of numbers, times and sizes.
    Range {
        /// The least; the type's if there is none.
        from: Option<Scalar<'static>>,
        /// The greatest; the type's if there is none.
        to: Option<Scalar<'static>>,
        /// Whether the greatest is itself beyond the range.
        below: bool,
        /// The range in words, such as `from 1s to 5m`.
        words: &'static str,
    },
    /// How many characters of a text, values of a list or keys of a table.
    Length {
        /// The fewest.
        min: usize,
        /// The most.
        max: usize,
    },
    /// The texts or whole numbers that there are.
    OneOf(&'static [Scalar<'static>]),
}

/// Why a limit cannot hold for a shape.
#[derive(Debug, Clone, Copy)]
pub struct Refusal {
    /// What is wrong.
    pub message: &'static str,
    /// What to write instead.
    pub help: &'static str,
}

const EMPTY: Refusal = Refusal { message: "the range is empty", help: "write the smaller limit first" };
const TOO_WIDE: Refusal =
    Refusal { message: "the range is wider than the type", help: "leave out the limit that the type has anyway" };

const fn no<T>(message: &'static str, help: &'static str) -> Result<T, Refusal> {
    Err(Refusal { message, help })
}

impl Shape {
    /// The shape with a further limit.
    ///
    /// # Errors
    /// The limit is none that this shape can have.
    pub const fn narrowed(&self, limit: &Limit) -> Result<Self, Refusal> {
        match *limit {
            Limit::Range { from, to, below, words } => self.within(from, to, below, words),
            Limit::Length { min, max } => self.of_length(min, max),
            Limit::OneOf(values) => self.one_of(values),
        }
    }

    const fn within(
        &self,
        from: Option<Scalar<'static>>,
        to: Option<Scalar<'static>>,
        below: bool,
        limits: &'static str,
    ) -> Result<Self, Refusal> {
        match *self {
            Self::Whole { min: least, max: greatest } => {
                let (Some(min), Some(mut max)) = (whole_or(from, least), whole_or(to, greatest)) else {
                    return no("a whole number has whole limits", "write a range such as `1..=100`");
                };
                if below {
                    max = max.saturating_sub(1);
                }
                if min > max {
                    return Err(EMPTY);
                }
                if min < least || max > greatest { Err(TOO_WIDE) } else { Ok(Self::Whole { min, max }) }
            }
            Self::Real { min, max, .. } => {
                let (Some(min), Some(mut max)) = (real_or(from, min), real_or(to, max)) else {
                    return no("a number has numbers as its limits", "write a range such as `0.0..=1.0`");
                };
                if below {
                    max = max.next_down();
                }
                if min > max { Err(EMPTY) } else { Ok(Self::Real { min, max, limits }) }
            }
            Self::Duration { min, max, .. } => {
                let (Some(min), Some(mut max)) = (time_or(from, min), time_or(to, max)) else {
                    return no("a time has times as its limits", "write a range such as `\"250ms\"..=\"5m\"`");
                };
                if below {
                    max = max.saturating_sub(Duration::from_nanos(1));
                }
                if min.as_nanos() > max.as_nanos() { Err(EMPTY) } else { Ok(Self::Duration { min, max, limits }) }
            }
            Self::ByteSize { min, max, .. } => {
                let (Some(min), Some(mut max)) = (size_or(from, min), size_or(to, max)) else {
                    return no("a size has sizes as its limits", "write a range such as `\"1KiB\"..=\"5MiB\"`");
                };
                if below {
                    max = max.saturating_sub(1);
                }
                if min > max { Err(EMPTY) } else { Ok(Self::ByteSize { min, max, limits }) }
            }
            _ => no(
                "only numbers, times and sizes have a range",
                "write `length` for texts, lists and maps, or remove it",
            ),
        }
    }

    const fn of_length(&self, min: usize, max: usize) -> Result<Self, Refusal> {
        if min > max {
            return Err(EMPTY);
        }
        match *self {
            Self::Text { .. } => Ok(Self::Text { min, max }),
            Self::List { of, .. } => Ok(Self::List { of, min, max }),
            Self::Map { of, .. } => Ok(Self::Map { of, min, max }),
            _ => no(
                "only texts, lists and maps have a length",
                "write `range` for numbers, times and sizes, or remove it",
            ),
        }
    }

    const fn one_of(&self, values: &'static [Scalar<'static>]) -> Result<Self, Refusal> {
        if !matches!(self, Self::Text { .. } | Self::Whole { .. }) {
            return no(
                "`one_of` is for texts and whole numbers",
                "remove it; an enum that derives `Setting` has a fixed set of words too",
            );
        }
        let mut index = 0;
        while index < values.len() {
            if self.misfit(&values[index]).is_some() {
                return no(
                    "one of the values is none that the key can have",
                    "write values of the type, within its `range` or `length`",
                );
            }
            let mut before = 0;
            while before < index {
                if values[before].equals(&values[index]) {
                    return no("one of the values is there twice", "write each value once");
                }
                before += 1;
            }
            index += 1;
        }
        if values.is_empty() {
            return no("there is no value to choose", "write the values in brackets: `one_of = [\"a\", \"b\"]`");
        }
        Ok(Self::OneOf(values))
    }
}

const fn whole_or(limit: Option<Scalar<'static>>, otherwise: i128) -> Option<i128> {
    match limit {
        None => Some(otherwise),
        Some(Scalar::Whole(number)) => Some(number),
        Some(_) => None,
    }
}

#[allow(clippy::cast_precision_loss, reason = "a setting of a real number has a float's precision")]
const fn real_or(limit: Option<Scalar<'static>>, otherwise: f64) -> Option<f64> {
    match limit {
        None => Some(otherwise),
        Some(Scalar::Real(number)) => Some(number),
        Some(Scalar::Whole(number)) => Some(number as f64),
        Some(_) => None,
    }
}

const fn time_or(limit: Option<Scalar<'static>>, otherwise: Duration) -> Option<Duration> {
    match limit {
        None => Some(otherwise),
        Some(Scalar::Text(text)) => duration(text),
        Some(_) => None,
    }
}

const fn size_or(limit: Option<Scalar<'static>>, otherwise: u64) -> Option<u64> {
    match limit {
        None => Some(otherwise),
        Some(Scalar::Text(text)) => byte_size(text),
        Some(Scalar::Whole(number)) if number >= 0 && number <= u64::MAX as i128 => Some(number as u64),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn range(from: Option<Scalar<'static>>, to: Option<Scalar<'static>>, below: bool) -> Limit {
        Limit::Range { from, to, below, words: "in between" }
    }

    fn fits(shape: Shape, limit: Limit, value: Scalar<'_>) -> bool {
        shape.narrowed(&limit).unwrap().misfit(&value).is_none()
    }

    #[test]
    fn a_range_has_ends_as_rust_has_them() {
        let byte = Shape::Whole { min: 0, max: 255 };
        let half_open = range(Some(Scalar::Whole(1)), Some(Scalar::Whole(10)), true);
        assert!(fits(byte, half_open, Scalar::Whole(9)) && !fits(byte, half_open, Scalar::Whole(10)));
        let open = range(Some(Scalar::Whole(1)), None, false);
        assert!(fits(byte, open, Scalar::Whole(255)) && !fits(byte, open, Scalar::Whole(0)));
        let below_one = range(None, Some(Scalar::Whole(1)), true);
        assert!(fits(Shape::REAL, below_one, Scalar::Real(0.999)) && !fits(Shape::REAL, below_one, Scalar::Real(1.0)));
        let seconds = range(Some(Scalar::Text("1s")), Some(Scalar::Text("5m")), true);
        assert!(fits(Shape::DURATION, seconds, Scalar::Text("299s")));
        assert!(!fits(Shape::DURATION, seconds, Scalar::Text("5m")));
        let kilobytes = range(Some(Scalar::Text("1KiB")), None, false);
        assert!(!fits(Shape::BYTE_SIZE, kilobytes, Scalar::Text("1kB")));
    }

    #[test]
    fn a_limit_that_cannot_hold_is_refused() {
        let byte = Shape::Whole { min: 0, max: 255 };
        let told = |shape: Shape, limit: Limit| shape.narrowed(&limit).unwrap_err().message;
        assert_eq!(told(byte, range(None, Some(Scalar::Whole(256)), false)), "the range is wider than the type");
        assert_eq!(told(byte, range(Some(Scalar::Whole(5)), Some(Scalar::Whole(5)), true)), "the range is empty");
        assert_eq!(told(byte, range(Some(Scalar::Text("1s")), None, false)), "a whole number has whole limits");
        assert_eq!(
            told(Shape::TEXT, range(Some(Scalar::Whole(1)), None, false)),
            "only numbers, times and sizes have a range"
        );
        assert_eq!(told(byte, Limit::Length { min: 1, max: 2 }), "only texts, lists and maps have a length");
        assert_eq!(
            told(byte, Limit::OneOf(&[Scalar::Whole(1), Scalar::Whole(300)])),
            "one of the values is none that the key can have"
        );
        assert_eq!(
            told(Shape::TEXT, Limit::OneOf(&[Scalar::Text("a"), Scalar::Text("a")])),
            "one of the values is there twice"
        );
    }
}
