//! JSON Schema validation of payloads, for topics with untrusted producers.

use serde_json::Value;

use super::Problem;

/// A compiled JSON Schema. References are resolved within it only: nothing is fetched.
#[derive(Debug)]
pub(crate) struct JsonSchema(jsonschema::Validator);

impl JsonSchema {
    /// Compiles a JSON Schema.
    ///
    /// # Errors
    /// Why the definition is not a JSON Schema.
    pub(crate) fn compile(definition: &str) -> Result<Self, String> {
        let schema: Value = serde_json::from_str(definition).map_err(|error| format!("not JSON: {error}"))?;
        let validator = jsonschema::validator_for(&schema).map_err(|error| format!("not a JSON Schema: {error}"))?;
        Ok(Self(validator))
    }

    /// Validates a value.
    ///
    /// # Errors
    /// The first violation: its position in the value, and the keyword of the schema.
    pub(crate) fn check(&self, value: &Value) -> Result<(), Problem> {
        self.0.validate(value).map_err(|error| {
            let mut rule = error.schema_path().to_string();
            rule.insert(0, '#');
            let position = match error.instance_path().to_string() {
                root if root.is_empty() => "the payload".to_owned(),
                pointer => format!("`{pointer}`"),
            };
            Problem::new(format!("{position} violates {rule} of its JSON Schema"))
        })
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
    fn invalid_schemas_and_remote_references_are_errors() {
        assert!(JsonSchema::compile("{").unwrap_err().contains("not JSON"));
        assert!(JsonSchema::compile(r#"{"type":7}"#).unwrap_err().contains("not a JSON Schema"));
        assert!(JsonSchema::compile(r#"{"$ref":"http://127.0.0.1:9/x.json"}"#).is_err());
    }
}
