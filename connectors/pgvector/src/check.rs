//! Validation of records before they are written.

use danube_sink::prelude::*;

use super::mapping::Vectors;

impl Vectors {
    /// Validates the id and the embedding of a record.
    ///
    /// # Errors
    /// [`ConnectorError::InvalidRecord`] with the path of the invalid value.
    pub(crate) fn check(&self, record: &SinkRecord) -> ConnectorResult<()> {
        let Some(reason) = self.invalid_embedding(record).or_else(|| self.invalid_id(record)) else { return Ok(()) };
        // A payload that is not JSON has neither.
        record.as_json()?;
        Err(ConnectorError::invalid_record(record, reason))
    }

    fn invalid_embedding(&self, record: &SinkRecord) -> Option<String> {
        let path = &self.embedding;
        let Some(numbers) = path.of(record.payload()).and_then(|embedding| embedding.as_array()) else {
            return Some(format!("{path} is not an array of numbers"));
        };
        if numbers.len() != self.dimensions {
            return Some(format!("the embedding has {} dimensions, not {}", numbers.len(), self.dimensions));
        }
        numbers.iter().enumerate().find_map(|(number, value)| match value.as_f64() {
            None => Some(format!("the value at {path}/{number} is not a number")),
            #[allow(clippy::cast_possible_truncation, reason = "a number that becomes infinite is what is looked for")]
            Some(value) if !(value as f32).is_finite() => {
                Some(format!("the value at {path}/{number} is out of the range of float4"))
            }
            Some(_) => None,
        })
    }

    fn invalid_id(&self, record: &SinkRecord) -> Option<String> {
        let id = self.id.of(record.payload());
        let is_id = id.is_some_and(|id| id.is_string() || id.is_number());
        (!is_id).then(|| format!("invalid value for column \"id\": {} is neither a string nor a number", self.id))
    }
}
