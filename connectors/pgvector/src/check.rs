//! Validation of ids and embeddings before they are written.

use danube_sink_postgres::numbers;
use serde_json::value::RawValue;

use super::mapping::{VectorType, Vectors};

/// From here on a number is infinite in two bytes.
const BEYOND_HALF: f64 = 65_520.0;

/// What an id and an embedding must be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    dimensions: usize,
    kind: VectorType,
    /// Whether a record may leave the embedding out, as a change of other columns does.
    is_optional: bool,
}

impl Rules {
    pub(crate) fn of(vectors: &Vectors) -> Self {
        let is_optional = vectors.operation.is_some();
        Self { dimensions: vectors.dimensions, kind: vectors.vector_type(), is_optional }
    }

    /// Why the value of a column is invalid, to follow the name of its field. `numbers` are those of the value, if they are read
    /// already.
    pub(crate) fn violation(self, column: &str, json: Option<&str>, numbers: Option<&[f32]>) -> Option<String> {
        match (column, json) {
            ("embedding", None) if self.is_optional => None,
            // A string with an array in it has numbers, too.
            ("embedding", Some(json)) if json.starts_with('[') && numbers.is_some_and(|read| self.allows(read)) => None,
            ("embedding", json) => self.of_embedding(json.unwrap_or("null")),
            ("id", Some(json)) => {
                let is_id = json == "null" || json.starts_with(|first| matches!(first, '"' | '-' | '0'..='9'));
                (!is_id).then(|| "is neither a string nor a number".to_owned())
            }
            _ => None,
        }
    }

    fn allows(self, numbers: &[f32]) -> bool {
        let is_stored = |number: &f32| self.kind == VectorType::Vector || f64::from(number.abs()) < BEYOND_HALF;
        numbers.len() == self.dimensions && numbers.iter().all(is_stored)
    }

    fn of_embedding(self, json: &str) -> Option<String> {
        if numbers(json).is_some_and(|numbers| self.allows(&numbers)) {
            return None;
        }
        let Ok(numbers) = serde_json::from_str::<Vec<f64>>(json) else {
            let is_number = |item: &&RawValue| serde_json::from_str::<f64>(item.get()).is_ok();
            let items = serde_json::from_str::<Vec<&RawValue>>(json).ok();
            let place = items.and_then(|items| items.iter().position(|item| !is_number(item)));
            return Some(match place {
                Some(place) => format!("is invalid: the value at /{place} is not a number"),
                None => "is not an array of numbers".to_owned(),
            });
        };
        if numbers.len() != self.dimensions {
            return Some(format!("has {} dimensions, not {}", numbers.len(), self.dimensions));
        }
        let (is_stored, range): (fn(&f64) -> bool, _) = match self.kind {
            #[allow(clippy::cast_possible_truncation, reason = "a number that becomes infinite is what is looked for")]
            VectorType::Vector => (|number| (*number as f32).is_finite(), "float4"),
            VectorType::Halfvec => (|number| number.abs() < BEYOND_HALF, "halfvec"),
        };
        let place = numbers.iter().position(|number| !is_stored(number))?;
        Some(format!("is invalid: the value at /{place} is out of the range of {range}"))
    }
}
