//! Metadata that a connector writes beside the payload, under names of the user's choice.

use std::collections::HashSet;

use danube_sink_config::{
    Diagnostic, Diagnostics, Setting, Value,
    schema::{KeyDefault, KeySpec, ValueType},
};

use super::{Field, Metadata};

/// The metadata that a connector writes beside the payload, each under its own name or another one, as a setting:
///
/// ```toml
/// metadata = ["topic", "offset"]
/// metadata = { offset = "_offset", publish_time = "_published_at" }
/// ```
///
/// By convention it is a key of the topic mapping. It is empty by default.
///
/// ```
/// use danube_sink::{Metadata, MetadataColumns};
///
/// let metadata = MetadataColumns::from_iter([(Metadata::Offset, "_offset"), (Metadata::Key, "key")]);
/// assert!(metadata.names().eq(["_offset", "key"]) && metadata.contains(Metadata::Key));
/// assert!(metadata.differ_from(["id"]).is_ok());
/// assert!(metadata.differ_from(["id", "key"]).is_err());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MetadataColumns(Vec<(Metadata, String)>);

impl MetadataColumns {
    /// Each piece of metadata with the name that it is written under, in the order of the file.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Metadata, &str)> + Clone {
        self.0.iter().map(|(metadata, name)| (*metadata, name.as_str()))
    }

    /// The names.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        self.iter().map(|(_, name)| name)
    }

    /// Each name with the field of a record that fills it.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = (&str, Field)> + Clone {
        self.iter().map(|(metadata, name)| (name, Field::Metadata(metadata)))
    }

    /// Whether this piece of metadata is written.
    pub fn contains(&self, metadata: Metadata) -> bool {
        self.iter().any(|(other, _)| other == metadata)
    }

    /// Whether no metadata is written.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks that no name repeats, and that none is one of these: those of the mapping's columns.
    ///
    /// # Errors
    /// The first such name, as an error of the key `metadata`.
    pub fn differ_from<'n>(&'n self, columns: impl IntoIterator<Item = &'n str>) -> Result<(), Diagnostic> {
        let mut names: HashSet<&str> = columns.into_iter().collect();
        let repeated = self.iter().find(|(_, name)| !names.insert(name));
        let help = |metadata: Metadata| format!("choose another name: `metadata = {{ {metadata} = \"_{metadata}\" }}`");
        repeated.map_or(Ok(()), |(metadata, name)| {
            Err(Diagnostic::of_key("metadata", format!("`{name}` would be written twice"), help(metadata)))
        })
    }
}

impl<N: Into<String>> FromIterator<(Metadata, N)> for MetadataColumns {
    fn from_iter<I: IntoIterator<Item = (Metadata, N)>>(metadata: I) -> Self {
        Self(metadata.into_iter().map(|(metadata, name)| (metadata, name.into())).collect())
    }
}

/// Each under its own name.
impl From<&[Metadata]> for MetadataColumns {
    fn from(metadata: &[Metadata]) -> Self {
        metadata.iter().map(|metadata| (*metadata, metadata.as_str())).collect()
    }
}

/// Each under its own name.
impl<const N: usize> From<&[Metadata; N]> for MetadataColumns {
    fn from(metadata: &[Metadata; N]) -> Self {
        metadata.as_slice().into()
    }
}

/// Each under its own name.
impl From<&Vec<Metadata>> for MetadataColumns {
    fn from(metadata: &Vec<Metadata>) -> Self {
        metadata.as_slice().into()
    }
}

impl From<&Self> for MetadataColumns {
    fn from(metadata: &Self) -> Self {
        metadata.clone()
    }
}

/// The keys of the table: the words for metadata, each with a name.
const NAMES: &[KeySpec] = &{
    let mut names = [KeySpec::new(""); Metadata::WORDS.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = KeySpec {
            value_type: ValueType::NON_EMPTY_STRING,
            default: KeyDefault::None,
            ..KeySpec::new(Metadata::WORDS[index])
        };
        index += 1;
    }
    names
};

impl Setting for MetadataColumns {
    const VALUE_TYPE: ValueType =
        ValueType::ArrayOrTable { items: &Metadata::VALUE_TYPE, table: &ValueType::Table(NAMES) };
    const DEFAULT: KeyDefault = KeyDefault::Literal("[]");

    fn read(value: &Value) -> Result<Self, Diagnostics> {
        let mut diagnostics = Diagnostics::default();
        let mut columns = Self::default();
        if let Ok(items) = value.as_array() {
            for item in items {
                let metadata = diagnostics.keep(Metadata::read(item));
                columns.0.extend(metadata.map(|metadata| (metadata, metadata.to_string())));
            }
        } else {
            for (word, name) in value.as_table()? {
                match (Metadata::from_word(word), name.as_str()) {
                    (Some(metadata), Ok(name)) => columns.0.push((metadata, name.to_owned())),
                    _ => diagnostics.push(name.diagnostic("unknown metadata", "write another word")),
                }
            }
        }
        diagnostics.into_result()?;
        columns.differ_from([]).map_err(|repeated| value.diagnostic(repeated.message(), "write each name once"))?;
        Ok(columns)
    }

    fn default_if_missing() -> Option<Self> {
        Some(Self::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(toml: &str) -> Result<MetadataColumns, String> {
        let table: toml::Table = format!("metadata = {toml}").parse().unwrap();
        let value = Value::from(table["metadata"].clone());
        MetadataColumns::read(&value).map_err(|wrong| format!("{wrong:?}"))
    }

    #[test]
    fn metadata_have_their_own_names_or_chosen_ones() {
        assert_eq!(
            read(r#"["offset", "Publish-Time"]"#).unwrap().names().collect::<Vec<_>>(),
            ["offset", "publish_time"]
        );
        let named = read(r#"{ offset = "_offset", publish_time = "at" }"#).unwrap();
        let expected = [(Metadata::Offset, "_offset"), (Metadata::PublishTime, "at")];
        assert_eq!(named, MetadataColumns::from_iter(expected));
        assert!(named.fields().any(|(name, field)| name == "at" && field == Field::Metadata(Metadata::PublishTime)));
        assert!(read("[]").unwrap().is_empty());
    }

    #[test]
    fn a_name_that_repeats_or_a_word_that_is_unknown_is_an_error() {
        for (wrong, message) in [
            (r#"["offset", "offset"]"#, "`offset` would be written twice"),
            (r#"{ offset = "a", key = "a" }"#, "`a` would be written twice"),
            (r#"{ ofset = "a" }"#, "unknown metadata"),
            (r#"["time"]"#, "metadata"),
            ("1", "expected"),
        ] {
            let error = read(wrong).unwrap_err();
            assert!(error.contains(message), "{wrong}: {error}");
        }
    }
}
