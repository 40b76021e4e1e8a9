//! A key with the type of its value: a declaration, a conversion, and a check of the author's.

use super::Setting;
use crate::{
    report::diagnostic::Diagnostics,
    schema::{Constraint, InvalidConstraint, KeyDefault, KeySpec, ValueType},
    value::value::Value,
};

/// A key with the type of its value. Only here is the type asked for what it allows, so that a type that is no setting is one
/// error.
#[derive(Debug, Clone, Copy)]
pub struct Key<T> {
    /// Its declaration.
    pub spec: KeySpec,
    /// The first constraint that the type cannot have, and its number.
    pub invalid: Option<(usize, InvalidConstraint)>,
    constraints: usize,
    read: fn(&Value) -> Result<T, Diagnostics>,
    check: Option<CheckValue<T>>,
    default_if_missing: fn() -> Option<T>,
}

type CheckValue<T> = fn(&T) -> Result<(), Diagnostics>;

/// A key whose type declares which values it takes.
pub const fn key<T: Setting>(spec: KeySpec) -> Key<T> {
    let default = if matches!(spec.default, KeyDefault::Required) { T::DEFAULT } else { spec.default };
    let spec = KeySpec { value_type: T::VALUE_TYPE, default, ..spec };
    Key { spec, invalid: None, constraints: 0, read: T::read, check: None, default_if_missing: T::default_if_missing }
}

impl<T> Key<T> {
    /// The key with a constraint. An invalid one is kept for the compiler.
    #[must_use]
    pub const fn constrained(self, constraint: Constraint) -> Self {
        let number = self.constraints;
        let next = Self { constraints: number + 1, ..self };
        match next.spec.value_type.constrain(&constraint) {
            Ok(value_type) => next.of_type(value_type),
            Err(invalid) if next.invalid.is_none() => Self { invalid: Some((number, invalid)), ..next },
            Err(_) => next,
        }
    }

    /// The key with other values than its type allows by itself.
    #[must_use]
    pub const fn of_type(self, value_type: ValueType) -> Self {
        Self { spec: KeySpec { value_type, ..self.spec }, ..self }
    }

    /// The key with another conversion than that of its type.
    #[must_use]
    pub(crate) const fn read_by(self, read: fn(&Value) -> Result<T, Diagnostics>) -> Self {
        Self { read, ..self }
    }

    /// The key with a check of the author's.
    #[must_use]
    pub const fn checked(self, check: fn(&T) -> Result<(), Diagnostics>) -> Self {
        Self { check: Some(check), ..self }
    }

    /// The value of a key that is missing and has no other default.
    pub(crate) fn default_if_missing(&self) -> Option<T> {
        (self.default_if_missing)()
    }

    /// Converts a value that the validator has passed, and applies the author's check.
    pub(crate) fn convert(&self, value: &Value) -> Result<T, Diagnostics> {
        let converted = (self.read)(value)?;
        match self.check.map_or(Ok(()), |check| check(&converted)) {
            Ok(()) => Ok(converted),
            Err(wrong) => Err(wrong.located(|key| value.span_of(key))),
        }
    }
}

impl<T: Default> Key<T> {
    /// The key with the default of its Rust type.
    #[must_use]
    pub const fn or_default(self) -> Self {
        let default =
            if matches!(self.spec.default, KeyDefault::Required) { KeyDefault::OfType } else { self.spec.default };
        Self { spec: KeySpec { default, ..self.spec }, default_if_missing: || Some(T::default()), ..self }
    }
}

/// A check of the author's.
#[diagnostic::on_unimplemented(
    message = "this is not a check of `{T}`",
    label = "takes or returns something else",
    note = "write `fn …(&{T}) -> Result<(), E>`, whose error is a string, a `Diagnostic` or `Diagnostics`"
)]
pub trait Check<T> {
    /// Validates a value.
    ///
    /// # Errors
    /// What is wrong.
    fn check(&self, value: &T) -> Result<(), Diagnostics>;
}

#[diagnostic::do_not_recommend]
impl<T, F: Fn(&T) -> Result<(), E>, E: Into<Diagnostics>> Check<T> for F {
    fn check(&self, value: &T) -> Result<(), Diagnostics> {
        self(value).map_err(Into::into)
    }
}
