//! Constraints that a connector's author puts on the values of a key.

use std::time::Duration;

use super::{ValueRef, ValueType, duration};

/// A constraint on the values of a key, or on the items of an array or map: `range`, `length` or `one_of`.
#[derive(Debug, Clone, Copy)]
pub enum Constraint {
    /// The least and the greatest of numbers, durations and sizes.
    Range {
        /// The least; the type's if there is none.
        from: Option<ValueRef<'static>>,
        /// The greatest; the type's if there is none.
        to: Option<ValueRef<'static>>,
        /// Whether the range excludes the greatest.
        below: bool,
        /// The range in words, such as `from 1s to 5m`.
        words: &'static str,
    },
    /// The number of characters of a string, values of an array or keys of a map.
    Length {
        /// The fewest.
        min: usize,
        /// The most.
        max: usize,
    },
    /// The allowed strings or integers.
    OneOf(&'static [ValueRef<'static>]),
}

/// The reason why a type cannot have a constraint.
#[derive(Debug, Clone, Copy)]
pub struct InvalidConstraint {
    /// What is wrong.
    pub message: &'static str,
    /// What to write instead.
    pub help: &'static str,
}

const EMPTY: InvalidConstraint = invalid("the range is empty", "write the smaller bound first");
const TOO_WIDE: InvalidConstraint =
    invalid("the range is wider than the type", "leave out the end that the type has anyway");
/// The error of constraints on the items of another type.
pub(crate) const NO_ITEMS: InvalidConstraint =
    invalid("only arrays and maps have items", "write the constraint without `items(…)`, or remove it");

const fn invalid(message: &'static str, help: &'static str) -> InvalidConstraint {
    InvalidConstraint { message, help }
}

impl ValueType {
    /// The type with a further constraint.
    ///
    /// # Errors
    /// The type cannot have the constraint.
    pub const fn constrain(&self, constraint: &Constraint) -> Result<Self, InvalidConstraint> {
        match *constraint {
            Constraint::Range { from, to, below, words } => self.with_range(from, to, below, words),
            Constraint::Length { min, max } => self.with_length(min, max),
            Constraint::OneOf(values) => self.with_choices(values),
        }
    }

    const fn with_range(
        &self,
        from: Option<ValueRef<'static>>,
        to: Option<ValueRef<'static>>,
        below: bool,
        range: &'static str,
    ) -> Result<Self, InvalidConstraint> {
        if let Self::Float { min: least, max: greatest, .. } = *self {
            let (Some(min), Some(max)) = (float_or(from, least), float_or(to, greatest)) else {
                return Err(invalid("the range of a number has numbers", "write a range such as `0.0..=1.0`"));
            };
            let max = if below { max.next_down() } else { max };
            return match invalid_range(min > max, min < least || max > greatest) {
                Some(invalid) => Err(invalid),
                None => Ok(Self::Float { min, max, range }),
            };
        }
        let (least, greatest, other_ends) = match *self {
            Self::Integer { min, max } => {
                (min, max, invalid("the range of an integer has integers", "write a range such as `1..=100`"))
            }
            Self::Duration { min, max, .. } => {
                let help = "write a range such as `\"250ms\"..=\"5m\"`";
                let other_ends = invalid("the range of a duration has durations", help);
                (min.as_nanos() as i128, max.as_nanos() as i128, other_ends)
            }
            Self::ByteSize { min, max, .. } => {
                let help = "write a range such as `\"1KiB\"..=\"5MiB\"`";
                (min as i128, max as i128, invalid("the range of a size has sizes", help))
            }
            _ => {
                let help = "write `length` for strings, arrays and maps, or remove it";
                return Err(invalid("only numbers, durations and sizes have a range", help));
            }
        };
        let (Some(min), Some(max)) = (self.number_or(from, least), self.number_or(to, greatest)) else {
            return Err(other_ends);
        };
        let max = max.saturating_sub(below as i128);
        if let Some(invalid) = invalid_range(min > max, min < least || max > greatest) {
            return Err(invalid);
        }
        Ok(match self {
            Self::Duration { .. } => Self::Duration { min: nanoseconds(min), max: nanoseconds(max), range },
            Self::ByteSize { .. } => Self::ByteSize { min: min as u64, max: max as u64, range },
            _ => Self::Integer { min, max },
        })
    }

    /// The end of a range: an integer, the nanoseconds of a duration, the bytes of a size.
    const fn number_or(&self, end: Option<ValueRef<'static>>, otherwise: i128) -> Option<i128> {
        match (self, end) {
            (_, None) => Some(otherwise),
            (Self::Integer { .. }, Some(ValueRef::Integer(number))) => Some(number),
            (Self::Duration { .. }, Some(ValueRef::String(text))) => match duration(text) {
                Some(duration) => Some(duration.as_nanos() as i128),
                None => None,
            },
            (Self::ByteSize { .. }, Some(size)) => match size.as_byte_size() {
                Some(size) => Some(size as i128),
                None => None,
            },
            _ => None,
        }
    }

    const fn with_length(&self, min: usize, max: usize) -> Result<Self, InvalidConstraint> {
        if min > max {
            return Err(EMPTY);
        }
        match *self {
            Self::String { .. } => Ok(Self::String { min, max }),
            Self::Array { of, .. } => Ok(Self::Array { of, min, max }),
            Self::Map { of, .. } => Ok(Self::Map { of, min, max }),
            _ => Err(invalid(
                "only strings, arrays and maps have a length",
                "write `range` for numbers, durations and sizes, or remove it",
            )),
        }
    }

    const fn with_choices(&self, values: &'static [ValueRef<'static>]) -> Result<Self, InvalidConstraint> {
        if !matches!(self, Self::String { .. } | Self::Integer { .. }) {
            let help = "remove it, or use an enum that derives `Setting`";
            return Err(invalid("`one_of` is for strings and integers", help));
        }
        let mut rest = values;
        while let [value, behind @ ..] = rest {
            rest = behind;
            if self.violation(value).is_some() {
                let help = "write values of the type, within its `range` or `length`";
                return Err(invalid("one of the values does not fit the type", help));
            }
            if value.is_among(rest) {
                return Err(invalid("one of the values is repeated", "write each value once"));
            }
        }
        if values.is_empty() {
            let help = "write the values in brackets: `one_of = [\"a\", \"b\"]`";
            return Err(invalid("there is no allowed value", help));
        }
        Ok(Self::OneOf(values))
    }
}

const fn invalid_range(is_empty: bool, is_wider: bool) -> Option<InvalidConstraint> {
    match (is_empty, is_wider) {
        (true, _) => Some(EMPTY),
        (false, true) => Some(TOO_WIDE),
        (false, false) => None,
    }
}

#[allow(clippy::cast_sign_loss, reason = "no end of a range of durations is negative")]
const fn nanoseconds(number: i128) -> Duration {
    Duration::from_nanos_u128(number as u128)
}

#[allow(clippy::cast_precision_loss, reason = "a float's setting has a float's precision")]
const fn float_or(end: Option<ValueRef<'static>>, otherwise: f64) -> Option<f64> {
    match end {
        None => Some(otherwise),
        Some(ValueRef::Float(number)) => Some(number),
        Some(ValueRef::Integer(number)) => Some(number as f64),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn range(from: Option<ValueRef<'static>>, to: Option<ValueRef<'static>>, below: bool) -> Constraint {
        Constraint::Range { from, to, below, words: "in between" }
    }

    fn fits(value_type: ValueType, constraint: Constraint, value: ValueRef<'_>) -> bool {
        value_type.constrain(&constraint).unwrap().violation(&value).is_none()
    }

    #[test]
    fn a_range_has_ends_as_rust_has_them() {
        let byte = ValueType::Integer { min: 0, max: 255 };
        let half_open = range(Some(ValueRef::Integer(1)), Some(ValueRef::Integer(10)), true);
        assert!(fits(byte, half_open, ValueRef::Integer(9)) && !fits(byte, half_open, ValueRef::Integer(10)));
        let open = range(Some(ValueRef::Integer(1)), None, false);
        assert!(fits(byte, open, ValueRef::Integer(255)) && !fits(byte, open, ValueRef::Integer(0)));
        let below_one = range(None, Some(ValueRef::Integer(1)), true);
        assert!(
            fits(ValueType::FLOAT, below_one, ValueRef::Float(0.999))
                && !fits(ValueType::FLOAT, below_one, ValueRef::Float(1.0))
        );
        let seconds = range(Some(ValueRef::String("1s")), Some(ValueRef::String("5m")), true);
        assert!(fits(ValueType::DURATION, seconds, ValueRef::String("299s")));
        assert!(!fits(ValueType::DURATION, seconds, ValueRef::String("5m")));
        let kilobytes = range(Some(ValueRef::String("1KiB")), None, false);
        assert!(!fits(ValueType::BYTE_SIZE, kilobytes, ValueRef::String("1kB")));
    }

    #[test]
    fn an_invalid_constraint_is_refused() {
        let byte = ValueType::Integer { min: 0, max: 255 };
        let message =
            |value_type: ValueType, constraint: Constraint| value_type.constrain(&constraint).unwrap_err().message;
        assert_eq!(message(byte, range(None, Some(ValueRef::Integer(256)), false)), "the range is wider than the type");
        assert_eq!(
            message(byte, range(Some(ValueRef::Integer(5)), Some(ValueRef::Integer(5)), true)),
            "the range is empty"
        );
        assert_eq!(
            message(byte, range(Some(ValueRef::String("1s")), None, false)),
            "the range of an integer has integers"
        );
        assert_eq!(
            message(ValueType::STRING, range(Some(ValueRef::Integer(1)), None, false)),
            "only numbers, durations and sizes have a range"
        );
        assert_eq!(message(byte, Constraint::Length { min: 1, max: 2 }), "only strings, arrays and maps have a length");
        assert_eq!(
            message(byte, Constraint::OneOf(&[ValueRef::Integer(1), ValueRef::Integer(300)])),
            "one of the values does not fit the type"
        );
        assert_eq!(
            message(ValueType::STRING, Constraint::OneOf(&[ValueRef::String("a"), ValueRef::String("a")])),
            "one of the values is repeated"
        );
    }
}
