//! JSON Schema validation of payloads, for topics with untrusted producers.

use std::collections::HashSet;

use jsonschema::paths::{Location, LocationSegment};
use serde_json::Value;

use super::Problem;

/// Maximum length of a position in a message, in bytes.
const MAX_POSITION: usize = 200;

/// A compiled JSON Schema. References are resolved within it only: nothing is fetched.
#[derive(Debug)]
pub(crate) struct JsonSchema {
    validator: jsonschema::Validator,
    /// The names of all properties in the schema: other names in a payload are its own.
    names: HashSet<String>,
}

impl JsonSchema {
    /// Compiles a JSON Schema.
    ///
    /// # Errors
    /// Why the definition is not a JSON Schema.
    pub(crate) fn compile(definition: &str) -> Result<Self, String> {
        let schema: Value = serde_json::from_str(definition).map_err(|error| format!("not JSON: {error}"))?;
        let validator = jsonschema::validator_for(&schema).map_err(|error| format!("not a JSON Schema: {error}"))?;
        let mut names = HashSet::new();
        add_names(&schema, &mut names);
        Ok(Self { validator, names })
    }

    /// Validates a value.
    ///
    /// # Errors
    /// The first violation: its position in the value, and the keyword of the schema.
    pub(crate) fn check(&self, value: &Value) -> Result<(), Problem> {
        self.validator.validate(value).map_err(|error| {
            let position = match self.position(error.instance_path()) {
                root if root.is_empty() => "the payload".to_owned(),
                pointer => format!("`{pointer}`"),
            };
            let rule = shorten(error.schema_path().to_string());
            Problem::new(format!("{position} violates #{rule} of its JSON Schema"))
        })
    }

    /// A pointer to a value, without names that the payload chose.
    fn position(&self, path: &Location) -> String {
        let segments = path.segments().map(|segment| match segment {
            LocationSegment::Property(name) if self.names.contains(&*name) => {
                format!("/{}", name.replace('~', "~0").replace('/', "~1"))
            }
            LocationSegment::Property(_) => "/{}".to_owned(),
            LocationSegment::Index(index) => format!("/{index}"),
        });
        shorten(segments.collect())
    }
}

fn add_names(schema: &Value, names: &mut HashSet<String>) {
    match schema {
        Value::Object(members) => {
            if let Some(properties) = schema["properties"].as_object() {
                names.extend(properties.keys().cloned());
            }
            members.values().for_each(|member| add_names(member, names));
        }
        Value::Array(items) => items.iter().for_each(|item| add_names(item, names)),
        _ => {}
    }
}

/// The end of a path that is too long, which says more than its beginning.
fn shorten(path: String) -> String {
    let too_many = path.len().saturating_sub(MAX_POSITION);
    match (too_many..path.len()).find(|index| path.is_char_boundary(*index)) {
        Some(start @ 1..) => format!("…{}", &path[start..]),
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_violation_is_reported_with_position_and_rule_but_without_values() {
        let definition = r#"{"type":"object","properties":{"user":{"properties":{"age":{"minimum":0}}}}}"#;
        let schema = JsonSchema::compile(definition).unwrap();
        assert_eq!(schema.check(&json!({"user":{"age":1}})), Ok(()));
        let error = schema.check(&json!({"user":{"age":-77}})).unwrap_err().to_string();
        assert!(error.contains("/user/age") && error.contains("minimum") && !error.contains("77"), "{error}");
    }

    #[test]
    fn a_key_that_the_payload_chose_is_not_shown() {
        let definition = r#"{"properties":{"by/user":{"additionalProperties":{"type":"array","items":{"type":"integer"}}}},
            "patternProperties":{"^x":{"type":"integer"}}}"#;
        let schema = JsonSchema::compile(definition).unwrap();
        let error = |value| schema.check(&value).unwrap_err().to_string();
        let nested = error(json!({"by/user":{"s3cret/~1":[1,"2"]}}));
        assert!(nested.contains("`/by~1user/{}/1` violates "), "{nested}");
        let pattern = error(json!({"xs3cret":"y"}));
        assert!(pattern.contains("`/{}` violates ") && !pattern.contains("s3cret"), "{pattern}");
        let deep = r##"{"properties":{"child":{"$ref":"#"},"n":{"type":"integer"}}}"##;
        let value = (0..100).fold(json!({"n":"x"}), |child, _| json!({ "child": child }));
        let long = JsonSchema::compile(deep).unwrap().check(&value).unwrap_err().to_string();
        assert!(long.len() < 600, "{long}");
    }

    #[test]
    fn invalid_schemas_and_remote_references_are_errors() {
        assert!(JsonSchema::compile("{").unwrap_err().contains("not JSON"));
        assert!(JsonSchema::compile(r#"{"type":7}"#).unwrap_err().contains("not a JSON Schema"));
        assert!(JsonSchema::compile(r#"{"$ref":"http://127.0.0.1:9/x.json"}"#).is_err());
    }
}
