//! A key with the type of its value: a declaration, a conversion, and a check of the author's.

use std::{marker::PhantomData, ops::Deref};

use super::Setting;
use crate::{
    report::Diagnostics,
    schema::{
        Constraint, InvalidConstraint, KeyDefault, KeySpec, ValueType, constraint::NO_ITEMS,
        key_spec::all_keys_optional,
    },
    value::Value,
};

/// A key with the type of its value. Only here is the type asked for what it allows, so that a type that is no setting is one
/// error.
#[derive(Debug, Clone, Copy)]
pub struct Key<T> {
    /// Its declaration.
    pub spec: KeySpec,
    /// The first constraint that the type cannot have, and its number.
    pub invalid: Option<(usize, InvalidConstraint)>,
    read: fn(&Value) -> Result<T, Diagnostics>,
    check: Option<CheckValue<T>>,
    default_if_missing: fn() -> Option<T>,
}

type CheckValue<T> = fn(&T) -> Result<(), Diagnostics>;

/// A key whose type declares which values it takes.
pub const fn key<T: Setting>(spec: KeySpec) -> Key<T> {
    let default = if matches!(spec.default, KeyDefault::Required) { T::DEFAULT } else { spec.default };
    let spec = KeySpec { value_type: T::VALUE_TYPE, default, ..spec };
    Key { spec, invalid: None, read: T::read, check: None, default_if_missing: T::default_if_missing }
}

/// A key with the default of its Rust type, which is not validated.
pub const fn or_default<T: DefaultValue>(key: Key<T>) -> Key<T> {
    let default = match key.spec.default {
        KeyDefault::Required | KeyDefault::OfType => KeyDefault::Inherited("that of its type"),
        default => default,
    };
    Key { spec: KeySpec { default, ..key.spec }, default_if_missing: || Some(T::default_value()), ..key }
}

impl<T> Key<T> {
    /// The key with a constraint of this number. The first invalid one is kept for the compiler.
    #[must_use]
    pub const fn constrained(self, number: usize, constraint: Constraint) -> Self {
        match self.spec.value_type.constrain(&constraint) {
            Ok(value_type) => self.of_type(value_type),
            Err(invalid) => self.with_invalid(Some((number, invalid))),
        }
    }

    /// A key of the items of its array or map, for constraints on them.
    pub const fn items(&self) -> Self {
        let spec = KeySpec { value_type: *self.spec.value_type.item(), ..self.spec };
        Self { spec, invalid: None, ..*self }
    }

    /// The key with these items, if it is an array or a map. `number` is that of their first constraint.
    #[must_use]
    pub const fn with_items(self, number: usize, items: &'static Self) -> Self {
        let of = &items.spec.value_type;
        let value_type = match self.spec.value_type {
            ValueType::Array { min, max, .. } => ValueType::Array { of, min, max },
            ValueType::Map { min, max, .. } => ValueType::Map { of, min, max },
            _ => return self.with_invalid(Some((number, NO_ITEMS))),
        };
        self.of_type(value_type).with_invalid(items.invalid)
    }

    const fn with_invalid(self, invalid: Option<(usize, InvalidConstraint)>) -> Self {
        Self { invalid: if self.invalid.is_some() { self.invalid } else { invalid }, ..self }
    }

    /// The key with other defaults for the keys of its table, which needs no key in the file if each has a default.
    #[must_use]
    pub const fn with_keys(self, keys: &'static [KeySpec]) -> Self {
        let ValueType::Table(_) = self.spec.value_type else { return self };
        let value_type = ValueType::Table(keys);
        let default = match self.spec.default {
            KeyDefault::Required if all_keys_optional(&value_type) => KeyDefault::OfType,
            default => default,
        };
        Self { spec: KeySpec { value_type, default, ..self.spec }, ..self }
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

/// A type whose default a key without one has.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no `Default`",
    label = "no `Default`",
    note = "derive or implement `Default` for it, write `default = …`, or `Option<{Self}>` as the type"
)]
pub trait DefaultValue {
    /// The default.
    fn default_value() -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: Default> DefaultValue for T {
    fn default_value() -> Self {
        T::default()
    }
}

/// A check of the author's: of a value, or of the value in an `Option`. It may see what the value stands beside, such as the
/// common settings of a topic mapping.
#[diagnostic::on_unimplemented(
    message = "this is not a check of `{T}`",
    label = "takes or returns something else",
    note = "write `fn …(&{T}) -> Result<(), E>`, whose error is a string, a `Diagnostic` or `Diagnostics`; for an `Option`, it takes what is in it",
    note = "the check of a topic mapping may take `&MappingSettings` as well"
)]
pub trait Check<T, Beside, Arguments> {
    /// Validates a value.
    ///
    /// # Errors
    /// What is wrong.
    fn check(&self, value: &T, beside: &Beside) -> Result<(), Diagnostics>;
}

#[diagnostic::do_not_recommend]
impl<T, B, F: Fn(&T) -> Result<(), E>, E: Into<Diagnostics>> Check<T, B, (T,)> for F {
    fn check(&self, value: &T, _: &B) -> Result<(), Diagnostics> {
        self(value).map_err(Into::into)
    }
}

#[diagnostic::do_not_recommend]
impl<T, B, F: Fn(&T) -> Result<(), E>, E: Into<Diagnostics>> Check<Option<T>, B, (T,)> for F {
    fn check(&self, value: &Option<T>, _: &B) -> Result<(), Diagnostics> {
        value.as_ref().map_or(Ok(()), |value| self(value).map_err(Into::into))
    }
}

#[diagnostic::do_not_recommend]
impl<T, B, F: Fn(&T, &B) -> Result<(), E>, E: Into<Diagnostics>> Check<T, B, (T, B)> for F {
    fn check(&self, value: &T, beside: &B) -> Result<(), Diagnostics> {
        self(value, beside).map_err(Into::into)
    }
}

// Checks of what a value dereferences to: `fn …(&str)` of a `String`, `fn …(&Path)` of a `PathBuf`. `PhantomData` tells the impls
// from those above.

#[diagnostic::do_not_recommend]
impl<T: Deref, B, F: Fn(&T::Target) -> Result<(), E>, E: Into<Diagnostics>> Check<T, B, PhantomData<T>> for F {
    fn check(&self, value: &T, _: &B) -> Result<(), Diagnostics> {
        self(value).map_err(Into::into)
    }
}

#[diagnostic::do_not_recommend]
impl<T: Deref, B, F: Fn(&T::Target) -> Result<(), E>, E: Into<Diagnostics>> Check<Option<T>, B, PhantomData<T>> for F {
    fn check(&self, value: &Option<T>, _: &B) -> Result<(), Diagnostics> {
        value.as_deref().map_or(Ok(()), |value| self(value).map_err(Into::into))
    }
}
