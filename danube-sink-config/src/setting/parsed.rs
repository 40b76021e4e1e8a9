//! Settings of types with `FromStr`.

use std::{any::type_name, fmt::Display, ops::Deref, str::FromStr};

use super::Setting;
use crate::{report::Diagnostics, schema::ValueType, value::Value};

/// A setting of a type with [`FromStr`]: `Parsed<SocketAddr>`, or `Parsed<HeaderName>` of another crate. It dereferences to
/// the value. A string that the type refuses is reported at start, with its line and the type's error; the build accepts any
/// string.
///
/// ```
/// use std::net::SocketAddr;
///
/// use danube_sink_config::Parsed;
///
/// let address = Parsed("127.0.0.1:80".parse::<SocketAddr>()?);
/// assert_eq!(address.port(), 80);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Parsed<T>(pub T);

impl<T> Deref for Parsed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: FromStr<Err: Display>> Setting for Parsed<T> {
    const VALUE_TYPE: ValueType = ValueType::STRING;

    fn read(value: &Value) -> Result<Self, Diagnostics> {
        value.validate(&Self::VALUE_TYPE)?;
        let message = |error| format!("not a {}: {error}", short_name::<T>());
        let wrong = |error| value.diagnostic(message(error), "write another string").into();
        value.as_str()?.parse().map(Self).map_err(wrong)
    }
}

/// The name of a type without its modules.
#[doc(hidden)]
pub fn short_name<T>() -> &'static str {
    let full = type_name::<T>();
    let generic = full.find('<').unwrap_or(full.len());
    full[..generic].rfind("::").map_or(full, |at| &full[at + 2..])
}
