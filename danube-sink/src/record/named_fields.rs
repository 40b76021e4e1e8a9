//! Fields of a record that a connector writes, under their own names or names of the user's choice.

use std::collections::HashSet;

use danube_sink_config::{Diagnostic, Diagnostics, Setting, Value, schema::ValueType};

use super::{Field, Pointer, pointer::NotAPointer};

/// Fields of a record that a connector writes, as a setting: an array of fields that keep their names, or a table with another
/// name for each.
///
/// ```toml
/// fields = ["id", "/customer/name"] # `id` and `name`
/// fields = { order_id = "/id", customer = "/customer/name", tenant = "attribute:tenant", at = "publish_time" }
/// ```
///
/// In an array, a name is a field of the payload, a JSON pointer a nested one under the last of its names, and `attribute:NAME` an
/// attribute. In a table, each value is a [`Field`].
///
/// ```
/// use danube_sink::{Field, NamedFields};
///
/// let fields = NamedFields::from_iter([("order_id", "/id".parse::<Field>().unwrap())]);
/// assert!(fields.names().eq(["order_id"]));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamedFields(Vec<(String, Field)>);

impl NamedFields {
    /// Each name with the field of a record that fills it, in the order of the file.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = (&str, Field)> + Clone {
        self.0.iter().map(|(name, field)| (name.as_str(), field.clone()))
    }

    /// The names.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<N: Into<String>> FromIterator<(N, Field)> for NamedFields {
    fn from_iter<I: IntoIterator<Item = (N, Field)>>(fields: I) -> Self {
        Self(fields.into_iter().map(|(name, field)| (name.into(), field)).collect())
    }
}

/// The name and the field that an item of an array stands for.
fn named(item: &Value) -> Result<(String, Field), Diagnostic> {
    let text = item.as_str()?;
    match text.parse() {
        Ok(Field::Attribute(name)) => Ok((name.clone(), Field::Attribute(name))),
        Ok(Field::Payload(pointer)) if text.starts_with('/') => {
            let name = pointer.steps.last().map(ToString::to_string);
            Ok((name.unwrap_or_default(), Field::Payload(pointer)))
        }
        Err(_) if text.starts_with('/') => Err(item.diagnostic(NotAPointer.to_string(), "correct it")),
        _ => Ok((text.to_owned(), Field::Payload(Pointer::from_iter([text])))),
    }
}

impl Setting for NamedFields {
    const VALUE_TYPE: ValueType =
        ValueType::ArrayOrTable { items: &ValueType::NON_EMPTY_STRING, table: &ValueType::map(&Field::VALUE_TYPE) };

    fn read(value: &Value) -> Result<Self, Diagnostics> {
        let mut diagnostics = Diagnostics::default();
        let mut fields = Self::default();
        if let Ok(items) = value.as_array() {
            let mut names = HashSet::new();
            for item in items {
                match named(item) {
                    Ok((name, _)) if !names.insert(name.clone()) => {
                        let help = "write a table, with a name for each: `{ name = \"/field\" }`";
                        diagnostics.push(item.diagnostic(format!("`{name}` would be written twice"), help));
                    }
                    Ok(field) => fields.0.push(field),
                    Err(diagnostic) => diagnostics.push(diagnostic),
                }
            }
        } else {
            for (name, field) in value.as_table()? {
                let field = diagnostics.keep(Field::read(field));
                fields.0.extend(field.map(|field| (name.to_owned(), field)));
            }
        }
        diagnostics.into_result()?;
        if fields.is_empty() {
            return Err(value.diagnostic("no field is named", "name one, or remove the key").into());
        }
        Ok(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(toml: &str) -> Result<Vec<(String, String)>, String> {
        let table: toml::Table = format!("fields = {toml}").parse().unwrap();
        let fields = NamedFields::read(&Value::from(table["fields"].clone())).map_err(|wrong| format!("{wrong:?}"))?;
        Ok(fields.fields().map(|(name, field)| (name.to_owned(), field.to_string())).collect())
    }

    #[test]
    fn fields_keep_their_names_or_have_others() {
        for (toml, expected) in [
            (r#"["id", "/customer/name"]"#, [("id", "/id"), ("name", "/customer/name")]),
            (r#"["attribute:tenant", "offset"]"#, [("tenant", "attribute:tenant"), ("offset", "/offset")]),
            (r#"["/a~1b", "a~b"]"#, [("a/b", "/a~1b"), ("a~b", "/a~0b")]),
            (r#"{ order_id = "/id", at = "publish_time" }"#, [("at", "publish_time"), ("order_id", "/id")]),
        ] {
            let expected = expected.map(|(name, field)| (name.to_owned(), field.to_owned()));
            assert_eq!(read(toml).unwrap(), expected, "{toml}");
        }
    }

    #[test]
    fn a_name_that_repeats_and_a_field_that_is_none_are_errors() {
        for (wrong, message) in [
            (r#"["id", "/order/id"]"#, "`id` would be written twice"),
            (r#"["/a~2"]"#, "not a JSON pointer"),
            (r#"{ a = "user.id" }"#, "not a record field"),
            ("[1]", "expected a string"),
            ("[]", "no field is named"),
            ("{}", "no field is named"),
            ("1", "expected"),
        ] {
            let error = read(wrong).unwrap_err();
            assert!(error.contains(message), "{wrong}: {error}");
        }
    }
}
