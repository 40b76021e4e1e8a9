//! Payloads checked against their JSON Schema, for topics whose producers are not trusted.

use serde_json::Value;

use super::Problem;

/// A compiled JSON Schema. References are followed within it only: nothing is fetched.
#[derive(Debug)]
pub(crate) struct JsonSchema(jsonschema::Validator);

impl JsonSchema {
    /// # Errors
    /// Why the definition is not a JSON Schema.
    pub(crate) fn compile(definition: &str) -> Result<Self, String> {
        let schema: Value = serde_json::from_str(definition).map_err(|error| format!("not JSON: {error}"))?;
        let validator = jsonschema::validator_for(&schema).map_err(|error| format!("not a JSON Schema: {error}"))?;
        Ok(Self(validator))
    }

    /// # Errors
    /// The first place that does not fit, and the keyword of the schema that says so.
    pub(crate) fn check(&self, value: &Value) -> Result<(), Problem> {
        self.0.validate(value).map_err(|error| {
            let mut rule = error.schema_path().to_string();
            rule.insert(0, '#');
            let place = match error.instance_path().to_string() {
                root if root.is_empty() => "the whole".to_owned(),
                place => format!("`{place}`"),
            };
            Problem::new(format!("{place} is not what {rule} of its JSON Schema says"))
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_place_and_the_rule_are_named_and_the_contents_are_not() {
        let definition = r#"{"type":"object","properties":{"user":{"properties":{"age":{"minimum":0}}}}}"#;
        let schema = JsonSchema::compile(definition).unwrap();
        assert_eq!(schema.check(&json!({"user":{"age":1}})), Ok(()));
        let told = schema.check(&json!({"user":{"age":-77}})).unwrap_err().to_string();
        assert!(told.contains("/user/age") && told.contains("minimum") && !told.contains("77"), "{told}");
    }

    #[test]
    fn what_is_no_schema_and_what_is_elsewhere_is_told() {
        assert!(JsonSchema::compile("{").unwrap_err().contains("not JSON"));
        assert!(JsonSchema::compile(r#"{"type":7}"#).unwrap_err().contains("not a JSON Schema"));
        assert!(JsonSchema::compile(r#"{"$ref":"http://127.0.0.1:9/x.json"}"#).is_err());
    }
}
