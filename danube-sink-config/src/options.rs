//! Settings that are somebody else's.

use std::{collections::BTreeMap, ops::Deref};

use super::{file::value::Value, read::table::is_telltale, report::mistake::Mistakes, setting::Setting, shape::Shape};

/// Options of a library that the target is reached by, under the library's own names: a table of texts, which may be left
/// out. What sounds like a secret is refused and not shown: it belongs into a field with `#[setting(secret)]`.
///
/// ```text
/// [delta_lake.storage_options]
/// aws_region = "eu-central-1"
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options(pub BTreeMap<String, String>);

impl Deref for Options {
    type Target = BTreeMap<String, String>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Setting for Options {
    const SHAPE: Shape = Shape::map(&Shape::TEXT);
    const OPTIONAL: bool = true;

    fn read(value: &Value) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::default();
        for (name, value) in value.as_table()?.filter(|(name, _)| is_secret(name)) {
            mistakes.hide(value);
            let help = "remove it; `template` prints which variables hold the secrets";
            mistakes.push(value.mistake(format!("`{name}` is a secret and must not be in the file"), help));
        }
        let options = mistakes.keep(BTreeMap::read(value));
        mistakes.into_result().map(|()| Self(options.unwrap_or_default()))
    }

    fn absent() -> Option<Self> {
        Some(Self::default())
    }
}

/// Whether the value itself is one, and not the place of one.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    is_telltale(&name) && !["_file", "_path", "_uri", "_url"].iter().any(|place| name.ends_with(place))
}
