//! What the value of a key may be.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Display,
    hash::{BuildHasher, Hash},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

#[cfg(feature = "url")]
use url::Url;

use super::{
    byte_size::ByteSize,
    file::value::Value,
    parsed::short_name,
    report::mistake::Mistakes,
    shape::{self, Shape},
};

/// A type that one key of a configuration can have.
///
/// Derive it on an enum whose variants are words, and on a struct whose fields are the keys of a table. A type that is
/// written as a text, and has `FromStr`, is one inside of [`Parsed`](crate::Parsed). Any other becomes one like this:
///
/// ```
/// use danube_sink_config::{Mistakes, Setting, Value};
///
/// struct Percent(u8);
///
/// impl Setting for Percent {
///     fn read(value: &Value) -> Result<Self, Mistakes> {
///         let text = value.as_text()?;
///         let number = text.strip_suffix('%').and_then(|number| number.parse().ok()).filter(|number| *number <= 100);
///         number.map(Self).ok_or_else(|| value.mistake("not a percentage", "write one such as `\"50%\"`").into())
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
    /// What a value may be, as far as a constant can say it: checked when the connector is built, and printed in
    /// templates. Default: whatever [`read`](Self::read) takes.
    const SHAPE: Shape = Shape::Any;

    /// Reads the value.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    fn read(value: &Value) -> Result<Self, Mistakes>;

    /// Whether a key of this type may be left out: whether [`absent`](Self::absent) gives a value.
    const OPTIONAL: bool = false;

    /// What holds without the key, if nothing else is said; `None` makes the key a required one.
    /// [`OPTIONAL`](Self::OPTIONAL) says the same to the compiler.
    fn absent() -> Option<Self> {
        None
    }
}

impl Setting for bool {
    const SHAPE: Shape = Shape::Truth;

    fn read(value: &Value) -> Result<Self, Mistakes> {
        Ok(value.as_truth()?)
    }
}

macro_rules! whole_numbers {
    ($($number:ident)+) => {$(
        impl Setting for $number {
            #[allow(clippy::cast_possible_wrap, clippy::cast_lossless, reason = "no file holds a number beyond i128")]
            const SHAPE: Shape = Shape::Whole {
                min: $number::MIN as i128,
                max: if size_of::<$number>() == 16 { i128::MAX } else { $number::MAX as i128 },
            };

            fn read(value: &Value) -> Result<Self, Mistakes> {
                value.fits(&Self::SHAPE)?;
                let out_of_range = |_| value.mistake("the number is out of range", "write a smaller number").into();
                value.as_whole()?.try_into().map_err(out_of_range)
            }
        }
    )+};
}

whole_numbers! { u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize }

impl Setting for f64 {
    const SHAPE: Shape = Shape::REAL;

    fn read(value: &Value) -> Result<Self, Mistakes> {
        Ok(value.as_real()?)
    }
}

impl Setting for f32 {
    const SHAPE: Shape = Shape::REAL;

    fn read(value: &Value) -> Result<Self, Mistakes> {
        #[allow(clippy::cast_possible_truncation, reason = "a setting of this type has this type's precision")]
        Ok(value.as_real()? as Self)
    }
}

impl Setting for String {
    const SHAPE: Shape = Shape::TEXT;

    fn read(value: &Value) -> Result<Self, Mistakes> {
        Ok(value.as_text()?.to_owned())
    }
}

impl Setting for PathBuf {
    const SHAPE: Shape = Shape::Path;

    fn read(value: &Value) -> Result<Self, Mistakes> {
        value.fits(&Self::SHAPE)?;
        Ok(value.as_text()?.into())
    }
}

#[cfg(feature = "url")]
impl Setting for Url {
    const SHAPE: Shape = Shape::Url;

    fn read(value: &Value) -> Result<Self, Mistakes> {
        value.fits(&Self::SHAPE)?;
        let wrong = |error| value.mistake(format!("not a URL: {error}"), shape::A_URL).into();
        Url::parse(value.as_text()?).map_err(wrong)
    }
}

impl Setting for Duration {
    const SHAPE: Shape = Shape::DURATION;

    fn read(value: &Value) -> Result<Self, Mistakes> {
        value.fits(&Self::SHAPE)?;
        shape::duration(value.as_text()?).ok_or_else(|| value.mistake("not a time", "write `\"10s\"`").into())
    }
}

impl Setting for ByteSize {
    const SHAPE: Shape = Shape::BYTE_SIZE;

    fn read(value: &Value) -> Result<Self, Mistakes> {
        value.fits(&Self::SHAPE)?;
        let size = match value.as_whole() {
            Ok(number) => u64::try_from(number).ok(),
            Err(_) => shape::byte_size(value.as_text()?),
        };
        size.map(Self).ok_or_else(|| value.mistake("not a number of bytes", "write `\"5MiB\"`").into())
    }
}

impl<T: Setting> Setting for Option<T> {
    const SHAPE: Shape = T::SHAPE;
    const OPTIONAL: bool = true;

    fn read(value: &Value) -> Result<Self, Mistakes> {
        T::read(value).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<T: Setting> Setting for Vec<T> {
    const SHAPE: Shape = Shape::list(&T::SHAPE);

    fn read(value: &Value) -> Result<Self, Mistakes> {
        all(value.as_list()?.iter().map(T::read))
    }
}

/// Keys are of any type that is read from a text.
impl<K: FromStr<Err: Display> + Ord, T: Setting> Setting for BTreeMap<K, T> {
    const SHAPE: Shape = Shape::map(&T::SHAPE);

    fn read(value: &Value) -> Result<Self, Mistakes> {
        map(value, Self::insert)
    }
}

/// Keys are of any type that is read from a text.
impl<K: FromStr<Err: Display> + Eq + Hash, T: Setting, S: BuildHasher + Default> Setting for HashMap<K, T, S> {
    const SHAPE: Shape = Shape::map(&T::SHAPE);

    fn read(value: &Value) -> Result<Self, Mistakes> {
        map(value, Self::insert)
    }
}

/// Every mistake in it is told, also a key that means the same as one before. A value under a name that is refused is not
/// shown.
fn map<K, T, M>(value: &Value, insert: fn(&mut M, K, T) -> Option<T>) -> Result<M, Mistakes>
where
    K: FromStr<Err: Display>,
    T: Setting,
    M: Default,
{
    let (mut map, mut mistakes) = (M::default(), Mistakes::default());
    for (name, value) in value.as_table()? {
        let mut wrong = Mistakes::default();
        match name.parse() {
            Err(error) => {
                // Names may be refused for what people keep under them.
                wrong.hide(value);
                let message = format!("its name is not a {}: {error}", short_name::<K>());
                wrong.push(value.mistake(message, "write another name"));
            }
            Ok(key) => {
                if let Some(item) = wrong.keep(T::read(value))
                    && insert(&mut map, key, item).is_some()
                {
                    wrong.push(value.mistake("another key means the same", "keep one of them"));
                }
            }
        }
        mistakes.append(wrong.of_key(name));
    }
    mistakes.into_result().map(|()| map)
}

/// All items, or every mistake in them.
fn all<T, C: FromIterator<T>>(items: impl Iterator<Item = Result<T, Mistakes>>) -> Result<C, Mistakes> {
    let mut mistakes = Mistakes::default();
    let good = items.filter_map(|item| mistakes.keep(item)).collect();
    if mistakes.is_empty() { Ok(good) } else { Err(mistakes) }
}
