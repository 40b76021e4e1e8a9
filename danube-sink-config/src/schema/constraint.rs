//! Constraints that a connector's author puts on the values of a key.

use std::time::Duration;

use super::{ValueRef, ValueType, byte_size, duration};

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

const EMPTY: InvalidConstraint =
    InvalidConstraint { message: "the range is empty", help: "write the smaller bound first" };
const TOO_WIDE: InvalidConstraint = InvalidConstraint {
    message: "the range is wider than the type",
    help: "leave out the end that the type has anyway",
};

const NO_ITEMS: InvalidConstraint = InvalidConstraint {
    message: "only arrays and maps have items",
    help: "write the constraint without `items(…)`, or remove it",
};

/// A type with constraints, and the first one that it cannot have.
#[derive(Debug, Clone, Copy)]
pub struct Constrained {
    /// The type with the valid constraints.
    pub value_type: ValueType,
    /// The first invalid constraint, and its number.
    pub invalid: Option<(usize, InvalidConstraint)>,
    /// The number of constraints, with the invalid ones.
    pub count: usize,
}

impl Constrained {
    /// A type without constraints.
    pub const fn new(value_type: ValueType) -> Self {
        Self { value_type, invalid: None, count: 0 }
    }

    /// The type with a further constraint. An invalid one is kept for the compiler.
    #[must_use]
    pub const fn constrained(self, constraint: Constraint) -> Self {
        let next = Self { count: self.count + 1, ..self };
        match self.value_type.constrain(&constraint) {
            Ok(value_type) => Self { value_type, ..next },
            Err(invalid) if self.invalid.is_none() => Self { invalid: Some((self.count, invalid)), ..next },
            Err(_) => next,
        }
    }

    /// The type with these items, if it is an array or a map. Their constraints count as further ones.
    #[must_use]
    pub const fn with_items(self, items: &'static Self) -> Self {
        let of = &items.value_type;
        let (value_type, invalid) = match self.value_type {
            ValueType::Array { min, max, .. } => (ValueType::Array { of, min, max }, items.invalid),
            ValueType::Map { min, max, .. } => (ValueType::Map { of, min, max }, items.invalid),
            other => (other, Some((0, NO_ITEMS))),
        };
        let invalid = match (self.invalid, invalid) {
            (None, Some((number, invalid))) => Some((self.count + number, invalid)),
            (first, _) => first,
        };
        Self { value_type, invalid, count: self.count + items.count }
    }
}

const fn invalid<T>(message: &'static str, help: &'static str) -> Result<T, InvalidConstraint> {
    Err(InvalidConstraint { message, help })
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
        match *self {
            Self::Integer { min: least, max: greatest } => {
                let (Some(min), Some(mut max)) = (integer_or(from, least), integer_or(to, greatest)) else {
                    return invalid("the range of an integer has integers", "write a range such as `1..=100`");
                };
                if below {
                    max = max.saturating_sub(1);
                }
                if min > max {
                    return Err(EMPTY);
                }
                if min < least || max > greatest { Err(TOO_WIDE) } else { Ok(Self::Integer { min, max }) }
            }
            Self::Float { min: least, max: greatest, .. } => {
                let (Some(min), Some(mut max)) = (float_or(from, least), float_or(to, greatest)) else {
                    return invalid("the range of a number has numbers", "write a range such as `0.0..=1.0`");
                };
                if below {
                    max = max.next_down();
                }
                if min > max {
                    return Err(EMPTY);
                }
                if min < least || max > greatest { Err(TOO_WIDE) } else { Ok(Self::Float { min, max, range }) }
            }
            Self::Duration { min, max, .. } => {
                let (Some(min), Some(mut max)) = (duration_or(from, min), duration_or(to, max)) else {
                    return invalid(
                        "the range of a duration has durations",
                        "write a range such as `\"250ms\"..=\"5m\"`",
                    );
                };
                if below {
                    max = max.saturating_sub(Duration::from_nanos(1));
                }
                if min.as_nanos() > max.as_nanos() { Err(EMPTY) } else { Ok(Self::Duration { min, max, range }) }
            }
            Self::ByteSize { min, max, .. } => {
                let (Some(min), Some(mut max)) = (size_or(from, min), size_or(to, max)) else {
                    return invalid("the range of a size has sizes", "write a range such as `\"1KiB\"..=\"5MiB\"`");
                };
                if below {
                    max = max.saturating_sub(1);
                }
                if min > max { Err(EMPTY) } else { Ok(Self::ByteSize { min, max, range }) }
            }
            _ => invalid(
                "only numbers, durations and sizes have a range",
                "write `length` for strings, arrays and maps, or remove it",
            ),
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
            _ => invalid(
                "only strings, arrays and maps have a length",
                "write `range` for numbers, durations and sizes, or remove it",
            ),
        }
    }

    const fn with_choices(&self, values: &'static [ValueRef<'static>]) -> Result<Self, InvalidConstraint> {
        if !matches!(self, Self::String { .. } | Self::Integer { .. }) {
            return invalid("`one_of` is for strings and integers", "remove it, or use an enum that derives `Setting`");
        }
        let mut index = 0;
        while index < values.len() {
            if self.violation(&values[index]).is_some() {
                return invalid(
                    "one of the values does not fit the type",
                    "write values of the type, within its `range` or `length`",
                );
            }
            let mut before = 0;
            while before < index {
                if values[before].equals(&values[index]) {
                    return invalid("one of the values is repeated", "write each value once");
                }
                before += 1;
            }
            index += 1;
        }
        if values.is_empty() {
            return invalid("there is no allowed value", "write the values in brackets: `one_of = [\"a\", \"b\"]`");
        }
        Ok(Self::OneOf(values))
    }
}

const fn integer_or(end: Option<ValueRef<'static>>, otherwise: i128) -> Option<i128> {
    match end {
        None => Some(otherwise),
        Some(ValueRef::Integer(number)) => Some(number),
        Some(_) => None,
    }
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

const fn duration_or(end: Option<ValueRef<'static>>, otherwise: Duration) -> Option<Duration> {
    match end {
        None => Some(otherwise),
        Some(ValueRef::String(text)) => duration(text),
        Some(_) => None,
    }
}

const fn size_or(end: Option<ValueRef<'static>>, otherwise: u64) -> Option<u64> {
    match end {
        None => Some(otherwise),
        Some(ValueRef::String(text)) => byte_size(text),
        Some(ValueRef::Integer(number)) if number >= 0 && number <= u64::MAX as i128 => Some(number as u64),
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
