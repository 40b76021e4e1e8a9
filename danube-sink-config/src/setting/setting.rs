//! The types that the value of a key can have.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Display,
    hash::{BuildHasher, Hash},
    net::IpAddr,
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

#[cfg(feature = "url")]
use url::Url;

use super::{byte_size::ByteSize, parsed::short_name};
use crate::{
    report::Diagnostics,
    schema::{self, KeyDefault, ValueType, validate},
    value::Value,
};

/// A type that the value of a key can have.
///
/// Derive it on an enum whose variants are words, and on a struct whose fields are the keys of a table. A type with `FromStr`
/// is one inside of [`Parsed`](crate::Parsed). Any other type becomes one like this:
///
/// ```
/// use danube_sink_config::{Diagnostics, Setting, Value};
///
/// struct Percent(u8);
///
/// impl Setting for Percent {
///     fn read(value: &Value) -> Result<Self, Diagnostics> {
///         let text = value.as_str()?;
///         let number = text.strip_suffix('%').and_then(|number| number.parse().ok()).filter(|number| *number <= 100);
///         number.map(Self).ok_or_else(|| value.diagnostic("not a percentage", "write one such as `\"50%\"`").into())
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a setting of a connector",
    label = "not a type that a key of the configuration can have",
    note = "use a number, `bool`, `String`, `PathBuf`, `Url`, `Duration`, `ByteSize`, `Pointer`, `Field`, `Parsed` of a type with `FromStr`, or `Option`, `Vec`, `BTreeMap` of one",
    note = "a secret needs `#[setting(secret)]`, and what is not configuration needs `#[state]`",
    note = "or put `#[derive(Setting)]` on `{Self}`, if it is an enum of words or a struct of keys"
)]
pub trait Setting: Sized {
    /// The values that the type allows, as far as a constant can say it: the build validates them, and templates print them.
    /// Default: any value that [`read`](Self::read) accepts.
    const VALUE_TYPE: ValueType = ValueType::Any;

    /// The value of a key that is missing. Default: none, so that the key is required.
    const DEFAULT: KeyDefault = KeyDefault::Required;

    /// Converts a value.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    fn read(value: &Value) -> Result<Self, Diagnostics>;

    /// The value of a key that is missing and has no other default. It is `None` for a required key, and agrees with
    /// [`DEFAULT`](Self::DEFAULT).
    fn default_if_missing() -> Option<Self> {
        None
    }
}

impl Setting for bool {
    const VALUE_TYPE: ValueType = ValueType::Bool;

    fn read(value: &Value) -> Result<Self, Diagnostics> {
        Ok(value.as_bool()?)
    }
}

macro_rules! integers {
    ($($number:ident)+) => {$(
        impl Setting for $number {
            #[allow(clippy::cast_possible_wrap, clippy::cast_lossless, reason = "no file holds a number beyond i128")]
            const VALUE_TYPE: ValueType = ValueType::Integer {
                min: $number::MIN as i128,
                max: if size_of::<$number>() == 16 { i128::MAX } else { $number::MAX as i128 },
            };

            fn read(value: &Value) -> Result<Self, Diagnostics> {
                value.convert(&Self::VALUE_TYPE, |value| value.as_integer().ok()?.try_into().ok())
            }
        }
    )+};
}

integers! { u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize }

impl Setting for f64 {
    const VALUE_TYPE: ValueType = ValueType::FLOAT;

    fn read(value: &Value) -> Result<Self, Diagnostics> {
        Ok(value.as_float()?)
    }
}

impl Setting for f32 {
    #[allow(clippy::cast_lossless, reason = "`From` is not for constants")]
    const VALUE_TYPE: ValueType =
        ValueType::Float { min: f32::MIN as f64, max: f32::MAX as f64, range: "within the range of 32 bits" };

    fn read(value: &Value) -> Result<Self, Diagnostics> {
        value.validate(&Self::VALUE_TYPE)?;
        #[allow(clippy::cast_possible_truncation, reason = "a setting of this type has its precision")]
        Ok(value.as_float()? as Self)
    }
}

impl Setting for String {
    const VALUE_TYPE: ValueType = ValueType::STRING;

    fn read(value: &Value) -> Result<Self, Diagnostics> {
        Ok(value.as_str()?.to_owned())
    }
}

impl Setting for PathBuf {
    const VALUE_TYPE: ValueType = ValueType::Path;

    fn read(value: &Value) -> Result<Self, Diagnostics> {
        value.convert(&Self::VALUE_TYPE, |value| value.as_str().ok().map(Self::from))
    }
}

impl Setting for IpAddr {
    const VALUE_TYPE: ValueType = ValueType::IpAddress;

    fn read(value: &Value) -> Result<Self, Diagnostics> {
        value.validate(&Self::VALUE_TYPE)?;
        let wrong = |_| value.diagnostic(validate::NOT_AN_ADDRESS, Self::VALUE_TYPE.help()).into();
        value.as_str()?.parse().map_err(wrong)
    }
}

#[cfg(feature = "url")]
impl Setting for Url {
    const VALUE_TYPE: ValueType = ValueType::Url;

    fn read(value: &Value) -> Result<Self, Diagnostics> {
        value.validate(&Self::VALUE_TYPE)?;
        let wrong = |error| value.diagnostic(format!("not a URL: {error}"), Self::VALUE_TYPE.help()).into();
        Url::parse(value.as_str()?).map_err(wrong)
    }
}

impl Setting for Duration {
    const VALUE_TYPE: ValueType = ValueType::DURATION;

    fn read(value: &Value) -> Result<Self, Diagnostics> {
        value.convert(&Self::VALUE_TYPE, |value| schema::duration(value.as_str().ok()?))
    }
}

impl Setting for ByteSize {
    const VALUE_TYPE: ValueType = ValueType::BYTE_SIZE;

    fn read(value: &Value) -> Result<Self, Diagnostics> {
        value.convert(&Self::VALUE_TYPE, |value| value.as_ref().as_byte_size().map(Self))
    }
}

impl<T: Setting> Setting for Option<T> {
    const VALUE_TYPE: ValueType = T::VALUE_TYPE;
    const DEFAULT: KeyDefault = KeyDefault::None;

    fn read(value: &Value) -> Result<Self, Diagnostics> {
        T::read(value).map(Some)
    }

    fn default_if_missing() -> Option<Self> {
        Some(None)
    }
}

impl<T: Setting> Setting for Vec<T> {
    const VALUE_TYPE: ValueType = ValueType::array(&T::VALUE_TYPE);

    fn read(value: &Value) -> Result<Self, Diagnostics> {
        let mut diagnostics = Diagnostics::default();
        let items = value.as_array()?.iter().filter_map(|item| diagnostics.keep(T::read(item))).collect();
        diagnostics.into_result().map(|()| items)
    }
}

/// Its keys are of any type with `FromStr`.
impl<K: FromStr<Err: Display> + Ord, T: Setting> Setting for BTreeMap<K, T> {
    const VALUE_TYPE: ValueType = ValueType::map(&T::VALUE_TYPE);

    fn read(value: &Value) -> Result<Self, Diagnostics> {
        map(value, Self::insert)
    }
}

/// Its keys are of any type with `FromStr`.
impl<K: FromStr<Err: Display> + Eq + Hash, T: Setting, S: BuildHasher + Default> Setting for HashMap<K, T, S> {
    const VALUE_TYPE: ValueType = ValueType::map(&T::VALUE_TYPE);

    fn read(value: &Value) -> Result<Self, Diagnostics> {
        map(value, Self::insert)
    }
}

/// Reports every error in it, also two keys with one meaning. A value under a name that is refused is redacted.
fn map<K, T, M>(value: &Value, insert: fn(&mut M, K, T) -> Option<T>) -> Result<M, Diagnostics>
where
    K: FromStr<Err: Display>,
    T: Setting,
    M: Default,
{
    let (mut map, mut diagnostics) = (M::default(), Diagnostics::default());
    for (name, value) in value.as_table()? {
        let mut wrong = Diagnostics::default();
        match name.parse() {
            Err(error) => {
                // A name may be refused because its value is a secret.
                wrong.hide(value);
                let message = format!("its name is not a {}: {error}", short_name::<K>());
                wrong.push(value.diagnostic(message, "write another name"));
            }
            Ok(key) => {
                if let Some(item) = wrong.keep(T::read(value))
                    && insert(&mut map, key, item).is_some()
                {
                    wrong.push(value.diagnostic("another key has the same meaning", "keep one of them"));
                }
            }
        }
        diagnostics.append(wrong.of_key(name));
    }
    diagnostics.into_result().map(|()| map)
}
