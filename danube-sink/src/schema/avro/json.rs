//! Avro JSON encoding: converted to a datum, so that both encodings share the reader.
//!
//! Unions may be tagged as in Avro's specification (`{"string": "x"}`) or plain (`"x"`), as the official examples send them.

use std::str::FromStr;

use super::{
    json_value::JsonValue,
    logical,
    plan::{Branch, Fixed, Id, Node, Plan},
};
use crate::{
    schema::{
        Problem,
        limits::{MAX_DECODED_BYTES, MAX_VALUES},
        time::{self, Unit},
    },
    varint::put_varint,
};

/// Encodes a JSON value, whose text has so many bytes, as a datum of a node.
///
/// # Errors
/// The first position at which the value does not match the schema.
pub(super) fn to_datum(plan: &Plan, node: Id, value: &JsonValue<'_>, length: usize) -> Result<Vec<u8>, Problem> {
    let mut writer = Writer { plan, out: Vec::new(), max_length: length + MAX_DECODED_BYTES, steps: MAX_VALUES };
    writer.write(node, value)?;
    Ok(writer.out)
}

struct Writer<'p> {
    plan: &'p Plan,
    out: Vec<u8>,
    /// What may be written, since defaults and fixed sizes take more bytes than their JSON.
    max_length: usize,
    /// Remaining number of values to try, since nested unions may try a value many times.
    steps: usize,
}

/// What a number loses: it goes to the branch of a union in which it loses least.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Loss {
    None,
    OfDouble,
    OfFloat,
}

impl Writer<'_> {
    fn write(&mut self, node: Id, value: &JsonValue<'_>) -> Result<(), Problem> {
        self.steps =
            self.steps.checked_sub(1).ok_or_else(|| Problem::new("unions with too many combinations of branches"))?;
        if self.out.len() > self.max_length {
            return Err(Problem::new(format!("defaults and fixed sizes add more than {MAX_DECODED_BYTES} bytes")));
        }
        match (&self.plan.nodes[node], value) {
            (Node::Null, JsonValue::Null) => {}
            (Node::Boolean, JsonValue::Bool(value)) => self.out.push(u8::from(*value)),
            (Node::Int, JsonValue::Number(_)) => self.int(value.as_i64().ok_or_else(|| expected("an int"))?)?,
            (Node::Long, JsonValue::Number(_)) => self.long(value.as_i64().ok_or_else(|| expected("a long"))?),
            (Node::Float, _) => {
                let number = float::<f32>(value).filter(|number| number.is_finite() || value.as_str().is_some());
                self.out.extend(number.ok_or_else(|| expected("a float"))?.to_le_bytes());
            }
            (Node::Double, _) => {
                self.out.extend(float::<f64>(value).ok_or_else(|| expected("a double"))?.to_le_bytes());
            }
            (Node::String | Node::Uuid(None), JsonValue::String(text)) => self.bytes(text.as_bytes()),
            (Node::Bytes | Node::BigDecimal, _) => self.bytes(&bytes(value)?),
            (Node::Fixed(fixed) | Node::Duration(fixed), _) => self.fixed(fixed, &bytes(value)?)?,
            (Node::Uuid(Some(fixed)), _) => match value.as_str().and_then(uuid) {
                Some(uuid) => self.out.extend(uuid),
                None => self.fixed(fixed, &bytes(value)?)?,
            },
            (Node::Array(items), JsonValue::Array(values)) => {
                self.block(values.len());
                for (index, value) in values.iter().enumerate() {
                    self.write(*items, value).map_err(|problem| problem.in_element(index))?;
                }
                self.out.push(0);
            }
            (Node::Map(items), JsonValue::Object(values)) => {
                self.block(values.len());
                for (name, value) in values {
                    self.bytes(name.as_bytes());
                    self.write(*items, value).map_err(Problem::in_map)?;
                }
                self.out.push(0);
            }
            (Node::Union(branches), _) => self.union(branches, value)?,
            (Node::Record(record), JsonValue::Object(values)) => {
                for field in &record.fields {
                    // Producers that omit null fields do so without a default too.
                    let default = || JsonValue::of(field.default.as_deref().unwrap_or("null"));
                    let written = match values.get(field.name.as_str()) {
                        Some(value) => self.write(field.node, value),
                        None => self.write(field.node, &default()),
                    };
                    written.map_err(|problem| problem.in_field(&field.name))?;
                }
                let known = |name: &str| record.fields.iter().any(|field| field.name == name);
                if values.len() > record.fields.len() || !values.keys().all(|name| known(name)) {
                    return Err(Problem::new("a field that the schema does not have"));
                }
            }
            (Node::Enum(symbols), JsonValue::String(symbol)) => {
                let known = symbols.symbols.iter().position(|known| known.as_deref() == Some(&**symbol));
                self.long(known.ok_or_else(|| expected("one of the enum's symbols"))? as i64);
            }
            (Node::Decimal { scale, precision, fixed }, _) => {
                self.decimal(value, *scale, *precision, fixed.as_ref())?;
            }
            (Node::Date, _) => self.int(count(value, time::parse_date).ok_or_else(|| expected("a date"))?)?,
            (Node::Time(unit), _) => {
                let count = count(value, |text| time::parse_time(text, *unit)).ok_or_else(|| expected("a time"))?;
                time::check_time(count, *unit)?;
                self.long(count);
            }
            (Node::Timestamp(unit), _) => self.timestamp(value, *unit, true)?,
            (Node::LocalTimestamp(unit), _) => self.timestamp(value, *unit, false)?,
            (node, _) => return Err(expected(node.article())),
        }
        Ok(())
    }

    fn long(&mut self, number: i64) {
        put_varint(&mut self.out, (number << 1 ^ number >> 63) as u64);
    }

    fn int(&mut self, number: i64) -> Result<(), Problem> {
        self.long(i32::try_from(number).map_err(|_| expected("an int of 32 bits"))?.into());
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.long(bytes.len() as i64);
        self.out.extend(bytes);
    }

    fn fixed(&mut self, fixed: &Fixed, bytes: &[u8]) -> Result<(), Problem> {
        if bytes.len() != fixed.size {
            return Err(expected(&format!("{} bytes", fixed.size)));
        }
        self.out.extend(bytes);
        Ok(())
    }

    /// Writes the header of a block with all elements; an empty block is the end.
    fn block(&mut self, count: usize) {
        if count > 0 {
            self.long(count as i64);
        }
    }

    fn timestamp(&mut self, value: &JsonValue<'_>, unit: Unit, zoned: bool) -> Result<(), Problem> {
        let count = count(value, |text| time::parse_timestamp(text, unit, zoned));
        self.long(count.ok_or_else(|| expected("a timestamp"))?);
        Ok(())
    }

    fn union(&mut self, branches: &[Branch], value: &JsonValue<'_>) -> Result<(), Problem> {
        let mark = self.out.len();
        let mut inside = None;
        if let JsonValue::Object(tagged) = value
            && tagged.len() == 1
        {
            for (index, branch) in branches.iter().enumerate() {
                if let Some(value) = tagged.get(branch.name.as_str()) {
                    self.long(index as i64);
                    match self.write(branch.node, value) {
                        Ok(()) => return Ok(()),
                        Err(problem) => inside = Some(problem),
                    }
                    self.out.truncate(mark);
                }
            }
        }
        for loss in [Loss::None, Loss::OfDouble, Loss::OfFloat] {
            for (index, branch) in branches.iter().enumerate() {
                if self.loss(branch, value) != loss {
                    continue;
                }
                self.long(index as i64);
                match self.write(branch.node, value) {
                    Ok(()) => return Ok(()),
                    // For `["null", X]`, the problem with X is the most useful one.
                    Err(problem) => {
                        inside =
                            inside.or((!matches!(value, JsonValue::Null) && branches.len() == 2).then_some(problem));
                    }
                }
                self.out.truncate(mark);
            }
        }
        Err(inside.unwrap_or_else(|| expected("one of the union's types")))
    }

    /// What a number loses in a branch of floating-point numbers.
    fn loss(&self, branch: &Branch, value: &JsonValue<'_>) -> Loss {
        let JsonValue::Number(text) = value else { return Loss::None };
        let is_whole = !text.contains(['.', 'e', 'E']);
        let (is_kept, loss) = match (&self.plan.nodes[branch.node], value.as_i64()) {
            (Node::Double, Some(whole)) => (i128::from(whole) == whole as f64 as i128, Loss::OfDouble),
            (Node::Double, None) => (!is_whole, Loss::OfDouble),
            (Node::Float, Some(whole)) => (i128::from(whole) == whole as f32 as i128, Loss::OfFloat),
            (Node::Float, None) => (!is_whole && text.parse::<f32>().map(f64::from) == text.parse(), Loss::OfFloat),
            _ => return Loss::None,
        };
        if is_kept { Loss::None } else { loss }
    }

    /// Writes a decimal from a number, a string of digits, or a string of bytes as in Avro's JSON. A string that looks like a number,
    /// or whose bytes have too many digits, is not taken for bytes.
    fn decimal(
        &mut self,
        value: &JsonValue<'_>,
        scale: usize,
        precision: usize,
        fixed: Option<&Fixed>,
    ) -> Result<(), Problem> {
        let digits = match value {
            JsonValue::Number(number) => logical::unscaled_number(number, scale),
            JsonValue::String(text) => logical::unscaled(text, scale),
            _ => None,
        };
        let Some(digits) = digits else {
            let bytes = bytes(value).map_err(|_| expected("a decimal"))?;
            if let JsonValue::String(text) = value {
                logical::check_decimal(&bytes, 0)?;
                if text.is_empty() || looks_like_number(text) || !logical::has_precision(&bytes, precision) {
                    return Err(expected("a decimal of the schema's precision and scale"));
                }
            }
            return match fixed {
                Some(fixed) => self.fixed(fixed, &bytes),
                None => {
                    self.bytes(&bytes);
                    Ok(())
                }
            };
        };
        if let JsonValue::String(text) = value {
            let has_size = fixed.is_none_or(|fixed| fixed.size == text.len());
            if has_size && logical::has_precision(text.as_bytes(), precision) {
                return Err(Problem::new("a decimal string that may be digits or bytes: send a number, or a datum"));
            }
        }
        let bytes = digits.to_signed_bytes_be();
        match fixed {
            None => self.bytes(&bytes),
            Some(fixed) => {
                let size = Some(fixed.size).filter(|size| *size <= logical::MAX_DECIMAL);
                let padding = size.and_then(|size| size.checked_sub(bytes.len()));
                let padding = padding.ok_or_else(|| expected("a decimal of the schema's size"))?;
                let sign = if digits.sign() == num_bigint::Sign::Minus { 0xff } else { 0 };
                self.out.extend(std::iter::repeat_n(sign, padding));
                self.out.extend(bytes);
            }
        }
        Ok(())
    }
}

impl Node {
    fn article(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "a boolean",
            Self::Int => "an int",
            Self::Long => "a long",
            Self::String | Self::Uuid(_) => "a string",
            Self::Array(_) => "an array",
            Self::Map(_) => "a map",
            Self::Record(_) => "a record",
            Self::Enum(_) => "an enum's symbol",
            _ => "a value of its type",
        }
    }
}

fn expected(what: &str) -> Problem {
    Problem::new(format!("not {what}"))
}

/// A floating-point number, or the word for one that JSON does not have.
fn float<F: FromStr>(value: &JsonValue<'_>) -> Option<F> {
    let number = match value {
        JsonValue::Number(number) => number,
        JsonValue::String(word) => match &**word {
            "NaN" => "nan",
            "Infinity" | "INF" => "inf",
            "-Infinity" | "-INF" => "-inf",
            _ => return None,
        },
        _ => return None,
    };
    number.parse().ok()
}

/// The integer of a date or time, or the one parsed from its text.
fn count(value: &JsonValue<'_>, parse: impl FnOnce(&str) -> Option<i64>) -> Option<i64> {
    value.as_i64().or_else(|| parse(value.as_str()?))
}

/// Bytes from a string with a character for each byte, as in Avro's JSON, or from a list of numbers, as serde writes them.
fn bytes(value: &JsonValue<'_>) -> Result<Vec<u8>, Problem> {
    let bytes: Option<Vec<u8>> = match value {
        JsonValue::String(text) => text.chars().map(|character| u8::try_from(character).ok()).collect(),
        JsonValue::Array(numbers) => numbers.iter().map(|number| u8::try_from(number.as_i64()?).ok()).collect(),
        _ => None,
    };
    bytes.ok_or_else(|| expected("bytes: a string of characters up to U+00FF, or a list of numbers up to 255"))
}

/// Whether a text is a number, perhaps with spaces, or with commas as people write them.
fn looks_like_number(text: &str) -> bool {
    text.replace([' ', ','], "").parse::<f64>().is_ok()
}

fn uuid(text: &str) -> Option<[u8; 16]> {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    let hex = groups.concat();
    let is_uuid = lengths == [8, 4, 4, 4, 12] && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_uuid.then(|| u128::from_str_radix(&hex, 16).ok().map(u128::to_be_bytes))?
}
