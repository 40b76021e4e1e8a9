//! A setting of a type that reads itself from a text.

use std::{any::type_name, fmt::Display, ops::Deref, str::FromStr};

use super::{file::value::Value, report::mistake::Mistakes, setting::Setting, shape::Shape};

/// A setting of any type that is read from a text by [`FromStr`]: `Parsed<SocketAddr>`, or `Parsed<HeaderName>` of a crate's.
/// It gives the value wherever `&T` is wanted. What the type refuses is told with its line and the type's own words; the
/// build, which cannot ask the type, takes any text.
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
    const SHAPE: Shape = Shape::TEXT;

    fn read(value: &Value) -> Result<Self, Mistakes> {
        value.fits(&Self::SHAPE)?;
        let message = |error| format!("not a {}: {error}", short_name::<T>());
        let wrong = |error| value.mistake(message(error), "write a text that is one").into();
        value.as_text()?.parse().map(Self).map_err(wrong)
    }
}

/// The name of a type without the modules that it is in.
#[doc(hidden)]
pub fn short_name<T>() -> &'static str {
    let full = type_name::<T>();
    let generic = full.find('<').unwrap_or(full.len());
    full[..generic].rfind("::").map_or(full, |at| &full[at + 2..])
}
