//! What a record has to be before it is written.

use danube_sink::prelude::*;

use super::Vectors;

impl Vectors {
    /// Whether the record has an id and an embedding that the column holds.
    pub(crate) fn check(&self, record: &SinkRecord) -> ConnectorResult<()> {
        let Some(reason) = self.wrong_embedding(record).or_else(|| self.wrong_id(record)) else { return Ok(()) };
        // A payload that is not JSON has neither.
        record.as_json()?;
        Err(ConnectorError::invalid_record(record, reason))
    }

    fn wrong_embedding(&self, record: &SinkRecord) -> Option<String> {
        let place = &self.embedding;
        let Some(numbers) = place.of(record.payload()).and_then(|embedding| embedding.as_array()) else {
            return Some(format!("there is no list of numbers at {place}"));
        };
        if numbers.len() != self.dimensions {
            return Some(format!("the embedding has {} dimensions, not {}", numbers.len(), self.dimensions));
        }
        numbers.iter().enumerate().find_map(|(number, value)| match value.as_f64() {
            None => Some(format!("the value at {place}/{number} is not a number")),
            #[allow(clippy::cast_possible_truncation, reason = "a number that becomes infinite is what is looked for")]
            Some(value) if !(value as f32).is_finite() => {
                Some(format!("the value at {place}/{number} is out of the range of float4"))
            }
            Some(_) => None,
        })
    }

    fn wrong_id(&self, record: &SinkRecord) -> Option<String> {
        let id = self.id.of(record.payload());
        let is_id = id.is_some_and(|id| id.is_string() || id.is_number());
        (!is_id).then(|| format!("there is no value that column \"id\" can have at {}: a text or a number", self.id))
    }
}
