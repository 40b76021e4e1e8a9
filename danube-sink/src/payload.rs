//! Payload of a record as JSON text or as a type, with an error that names the record.

use std::borrow::Cow;

use danube_sink_config::short_name;
use serde::de::DeserializeOwned;

use crate::{
    error::{ConnectorError, ConnectorResult},
    record::SinkRecord,
};

impl SinkRecord {
    /// The payload as JSON text on one line, if it is valid JSON or has a schema or a `payload_format`.
    ///
    /// Unlike [`json`](Self::json) it does not make a JSON string of a payload that has neither a schema nor a
    /// `payload_format` and does not parse: one that is truncated, contains `NaN` or a lone surrogate, or is empty.
    ///
    /// ```
    /// use danube_sink::SinkRecord;
    ///
    /// let truncated = SinkRecord::builder("/default/t").payload(r#"{"price":0.1"#).build();
    /// assert!(truncated.as_json().is_err());
    /// ```
    ///
    /// # Errors
    /// [`ConnectorError::InvalidRecord`] with the position of the JSON error.
    pub fn as_json(&self) -> ConnectorResult<Cow<'_, str>> {
        if let Some(json) = self.own_json() {
            return Ok(json);
        }
        match self.decoded().content.not_json(self.bytes()) {
            Some(problem) => Err(ConnectorError::invalid_record(self, problem.to_string())),
            None => Ok(Cow::Owned(self.payload().to_string())),
        }
    }

    /// The payload deserialized into a type of your own, directly from its bytes, in any encoding.
    ///
    /// # Errors
    /// [`ConnectorError::InvalidRecord`] if the payload does not deserialize into `T`. Deserialize before you write: the
    /// runtime then writes the rest of the batch again.
    pub fn as_type<T: DeserializeOwned>(&self) -> ConnectorResult<T> {
        self.decoded().content.read(self.bytes()).map_err(|problem| {
            ConnectorError::invalid_record(self, format!("not of type `{}`: {problem}", short_name::<T>()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_json_without_a_format_is_an_error() {
        for (bytes, reason) in [
            (&br#"{"id":1,"name":"\ud83d"}"#[..], "a string has a lone surrogate"),
            (br#"{"v":NaN}"#, "not JSON"),
            (b"\xef\xbb\xbf{}", "not JSON"),
            (b"{\"a", "not JSON"),
            (b"1e400", "a number is beyond the range of 64-bit floating point"),
            (b"", "not JSON"),
            (b"text", "not JSON"),
            (b"\xff", "not JSON"),
        ] {
            let record = SinkRecord::builder("/default/t").offset(3).payload(bytes).build();
            let text = record.as_json().unwrap_err().to_string();
            assert!(text.contains("/default/t@3-") && text.contains(reason), "{text}");
        }
        let json = SinkRecord::builder("/default/t").payload("\n[1,\n2] ").build();
        assert_eq!(json.as_json().unwrap(), "[1, 2]");
    }

    #[test]
    fn an_invalid_payload_is_reported_with_record_and_type_but_without_its_values() {
        #[derive(Debug, serde::Deserialize)]
        struct User {
            #[allow(dead_code)]
            age: u8,
        }
        let record = SinkRecord::builder("/default/users").offset(3).payload(r#"{"age":"s3cret"}"#).build();
        let text = record.as_type::<User>().unwrap_err().to_string();
        assert!(text.contains("/default/users@3-0-0-0") && text.contains("User"), "{text}");
        assert!(!text.contains("s3cret"), "{text}");
    }
}
