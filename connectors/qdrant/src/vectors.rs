//! The vectors of a collection, and which values of records they take.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    num::NonZero,
};

use danube_sink::json::{fields, has_duplicate};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

/// The name of the vector without a name.
pub(crate) const UNNAMED: &str = "";

/// The vectors of a collection by name.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Vectors(HashMap<String, Kind>);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Dense {
        size: usize,
    },
    /// Several vectors of one size.
    Multi {
        size: usize,
    },
    Sparse,
}

/// The vectors as Qdrant's API describes them.
#[derive(Deserialize)]
pub(crate) struct Params {
    #[serde(default)]
    vectors: Option<DenseParams>,
    #[serde(default)]
    sparse_vectors: Option<HashMap<String, IgnoredAny>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum DenseParams {
    Unnamed(VectorParams),
    Named(HashMap<String, VectorParams>),
}

#[derive(Deserialize)]
struct VectorParams {
    size: NonZero<usize>,
    #[serde(rename = "distance")]
    _distance: String,
    multivector_config: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Sparse {
    indices: Vec<u32>,
    values: Vec<f32>,
}

impl From<Params> for Vectors {
    fn from(Params { vectors, sparse_vectors }: Params) -> Self {
        let dense = match vectors {
            None => HashMap::new(),
            Some(DenseParams::Unnamed(params)) => HashMap::from([(UNNAMED.to_owned(), params)]),
            Some(DenseParams::Named(named)) => named,
        };
        let kind = |VectorParams { size, multivector_config, .. }: VectorParams| match multivector_config {
            Some(_) => Kind::Multi { size: size.get() },
            None => Kind::Dense { size: size.get() },
        };
        let dense = dense.into_iter().map(|(name, params)| (name, kind(params)));
        Self(dense.chain(sparse_vectors.into_iter().flatten().map(|(name, _)| (name, Kind::Sparse))).collect())
    }
}

impl Vectors {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Whether the vector of this name takes a value, given as JSON.
    ///
    /// # Errors
    /// Why it does not, without the value; nor the name, which may be from a payload, unless the collection has it.
    pub(crate) fn check(&self, name: &str, json: &str) -> Result<(), String> {
        let Some(kind) = self.0.get(name) else {
            return Err(match name {
                UNNAMED => "the collection has no vector without a name".to_owned(),
                _ => "the collection has no vector of a name that the record has".to_owned(),
            });
        };
        let checked = match kind {
            Kind::Dense { size } => has_size(json, *size),
            Kind::Multi { size } => all_have_size(json, *size),
            Kind::Sparse => is_sparse(json),
        };
        checked.map_err(|reason| match name {
            UNNAMED => format!("the vector {reason}"),
            name => format!("the vector `{name}` {reason}"),
        })
    }
}

fn has_size(json: &str, size: usize) -> Result<(), String> {
    match dimensions(json) {
        Some(dimensions) if dimensions == size => Ok(()),
        Some(dimensions) => Err(format!("has {dimensions} dimensions, and the collection's has {size}")),
        None => Err("is not an array of numbers within the range of 32 bits".to_owned()),
    }
}

fn all_have_size(json: &str, size: usize) -> Result<(), String> {
    match serde_json::from_str::<Vec<&RawValue>>(json).unwrap_or_default() {
        vectors if vectors.first().is_some_and(|first| first.get().starts_with('[')) => {
            vectors.into_iter().try_for_each(|vector| has_size(vector.get(), size))
        }
        // One vector alone is an array of one.
        _ => has_size(json, size),
    }
}

fn is_sparse(json: &str) -> Result<(), String> {
    let invalid =
        || "is not `{\"indices\": […], \"values\": […]}`, as many different indices of 32 bits as values".to_owned();
    let Sparse { indices, values } = serde_json::from_str(json).map_err(|_| invalid())?;
    let different: HashSet<_> = indices.iter().collect();
    let is_valid = indices.len() == values.len()
        && different.len() == indices.len()
        && values.iter().all(|value| value.is_finite());
    is_valid.then_some(()).ok_or_else(invalid)
}

/// The number of elements, if valid JSON is an array of numbers within the range of `f32`.
fn dimensions(json: &str) -> Option<usize> {
    let inner = json.trim_ascii().strip_prefix('[')?.strip_suffix(']')?;
    if let Some(commas) = commas_of_short(inner.as_bytes()) {
        return Some(commas + 1);
    }
    let (mut commas, mut length, mut longest, mut before, mut has_large) = (0, 0, 0, b',', false);
    for byte in inner.bytes() {
        has_large |= matches!(before, b'e' | b'E') && byte != b'-';
        (before, length) = (byte, length + 1);
        match byte {
            b',' => {
                commas += 1;
                longest = longest.max(length);
                length = 0;
            }
            b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E' | b' ' | b'\t' | b'\n' | b'\r' => {}
            _ => return None,
        }
    }
    // Without a positive exponent, a number beyond the range has 39 digits or more.
    let may_be_beyond = has_large || longest.max(length) >= 39;
    let in_range = |number: &str| number.trim_ascii().parse().is_ok_and(f32::is_finite);
    match inner.trim_ascii() {
        "" => Some(0),
        _ if may_be_beyond && !inner.split(',').all(in_range) => None,
        _ => Some(commas + 1),
    }
}

/// The number of commas between numbers that are all short and without an exponent, as most are; `None` if that is not certain.
fn commas_of_short(numbers: &[u8]) -> Option<usize> {
    /// No number is longer than two of these if each has a comma.
    const CHUNK: usize = 16;
    let is_of_numbers = |byte: &u8| matches!(byte, b' ' | b','..=b'.' | b'0'..=b'9');
    let (chunks, rest) = numbers.as_chunks::<CHUNK>();
    let mut commas = 0;
    for chunk in chunks {
        // No early exit, so that the compiler vectorizes the loop.
        let (of_chunk, is_plain) = chunk.iter().fold((0_u8, true), |(commas, is_plain), byte| {
            (commas + u8::from(*byte == b','), is_plain & is_of_numbers(byte))
        });
        if of_chunk == 0 || !is_plain {
            return None;
        }
        commas += usize::from(of_chunk);
    }
    let is_plain = !chunks.is_empty() && rest.iter().all(is_of_numbers);
    is_plain.then(|| commas + rest.iter().filter(|byte| **byte == b',').count())
}

/// The members of an object, given as valid JSON: names, and values as JSON.
///
/// # Errors
/// Why it has none: it is no object, or has a name twice.
pub(crate) fn members(json: &str) -> Result<Vec<(Cow<'_, str>, &str)>, &'static str> {
    let members: Vec<_> = fields(json.trim_ascii()).ok_or("is not an object")?.collect();
    if has_duplicate(&members) { Err("has a name twice") } else { Ok(members) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vectors(params: &str) -> Vectors {
        serde_json::from_str::<Params>(params).expect("parameters").into()
    }

    #[test]
    fn dimensions_are_counted_without_a_number_beyond_32_bits() {
        let beyond = format!("[1, 4{}]", "0".repeat(38));
        let many = format!("[{}1]", "-0.1234567, ".repeat(99));
        let [large, text, nested] = ["1e39", "\"2\"", "[2]"].map(|item| many.replacen("-0.1234567", item, 98));
        let (long, small) = (many.replacen("0.", &format!("{}.", "9".repeat(39)), 1), many.replacen("0.", "1e-7", 1));
        for (json, expected) in [
            ("[]", Some(0)),
            (" [ ] ", Some(0)),
            ("[1]", Some(1)),
            ("[ 1.5e-7,-2E-46 ,\t3.0,\n4e+3]", Some(4)),
            ("[3.4e38, 1]", Some(2)),
            ("[3.5e38, 1]", None),
            (beyond.as_str(), None),
            (many.as_str(), Some(100)),
            (small.as_str(), Some(100)),
            (large.as_str(), None),
            (text.as_str(), None),
            (nested.as_str(), None),
            (long.as_str(), None),
            ("[0.000000000000000000000000000000000000000000000001, 1]", Some(2)),
            ("[1, \"2\"]", None),
            ("[1, null]", None),
            ("[true]", None),
            ("[[1], 2]", None),
            ("{\"a\": 1}", None),
            ("1", None),
            ("null", None),
        ] {
            assert_eq!(dimensions(json), expected, "{json}");
        }
    }

    #[test]
    fn a_vector_takes_values_of_its_kind() {
        let params = r#"{"vectors":{"text":{"size":2,"distance":"Dot"},
            "late":{"size":2,"distance":"Dot","multivector_config":{"comparator":"max_sim"}}},"sparse_vectors":{"words":{}}}"#;
        let vectors = vectors(params);
        for (name, json) in [
            ("text", "[1,2]"),
            ("late", "[[1,2],[3,4],[5,6]]"),
            ("late", "[1,2]"),
            ("words", r#"{"indices":[7,1],"values":[0.5,1e-3]}"#),
            ("words", r#"{"values":[],"indices":[]}"#),
        ] {
            assert_eq!(vectors.check(name, json), Ok(()), "{name} {json}");
        }
        for (name, json, reason) in [
            ("text", "[1,2,3]", "the vector `text` has 3 dimensions, and the collection's has 2"),
            ("text", "[[1,2]]", "the vector `text` is not an array of numbers"),
            ("late", "[]", "has 0 dimensions"),
            ("late", "[1,[1,2]]", "is not an array of numbers"),
            ("late", "7", "is not an array of numbers"),
            ("late", "[[1,2],[1]]", "has 1 dimensions"),
            ("words", "[1,2]", "the vector `words` is not `{"),
            ("words", r#"{"indices":[1,1],"values":[1,2]}"#, "is not `{"),
            ("words", r#"{"indices":[1],"values":[1,2]}"#, "is not `{"),
            ("words", r#"{"indices":[-1],"values":[1]}"#, "is not `{"),
            ("words", r#"{"indices":[4294967296],"values":[1]}"#, "is not `{"),
            ("words", r#"{"indices":[1],"values":[1e39]}"#, "is not `{"),
            ("s3cret", "[1,2]", "the collection has no vector of a name that the record has"),
            ("", "[1,2]", "the collection has no vector without a name"),
        ] {
            let error = vectors.check(name, json).expect_err(json);
            assert!(error.contains(reason) && !error.contains("s3cret"), "{name} {json}: {error}");
        }
    }

    #[test]
    fn parameters_are_read_in_both_forms() {
        assert!(vectors(r#"{"vectors":{"size":2,"distance":"Dot","on_disk":true}}"#).has(UNNAMED));
        let named = vectors(r#"{"vectors":{"size":{"size":2,"distance":"Dot"}},"sparse_vectors":null}"#);
        assert!(named.has("size") && !named.has(UNNAMED));
        assert!(vectors("{}").is_empty() && vectors(r#"{"vectors":{}}"#).is_empty());
        for params in [r#"{"vectors":{"size":0,"distance":"Dot"}}"#, r#"{"vectors":{"size":2}}"#, r#"{"vectors":[]}"#] {
            assert!(serde_json::from_str::<Params>(params).is_err(), "{params}");
        }
    }

    #[test]
    fn an_object_has_its_members_unless_a_name_repeats() {
        let json = r#" {"a": [1, 2],"b\u0020":{"a":1, "a":2}} "#;
        assert_eq!(members(json).expect("members"), [("a".into(), "[1, 2]"), ("b ".into(), r#"{"a":1, "a":2}"#)]);
        assert_eq!(members("[]"), Err("is not an object"));
        assert_eq!(members(r#"{"a":1,"\u0061":2}"#), Err("has a name twice"));
    }
}
