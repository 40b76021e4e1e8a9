//! The envelope of a body: JSON in the configuration, with values of records in it.

use danube_sink::{
    config::{Diagnostics, Value, schema::ValueType},
    prelude::*,
};

/// The string that stands for the record.
const RECORD: &str = "{record}";

/// The body of a request with one record, as TOML. The string `{record}` stands for the record, a string that is one placeholder of
/// a [`Template`] for its value as JSON; any other string is a template.
#[derive(Debug, Clone)]
pub(crate) struct Envelope {
    parts: Vec<Part>,
    /// The fields of the parts that are values, in order.
    values: Fields,
    /// The first and the last part, exclusive, of the item of the innermost array that only has the record.
    item: Option<(usize, usize)>,
}

#[derive(Debug, Clone)]
enum Part {
    Json(String),
    Record,
    Value(Field),
    Text(Template),
}

impl Envelope {
    /// Whether the record is in it.
    pub(crate) fn has_record(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Record))
    }

    /// The JSON before the record's array, its item, and the JSON after it; `None` if the record is in no array alone.
    ///
    /// # Errors
    /// The first placeholder outside the array.
    pub(crate) fn split(&self) -> Result<Option<(String, Self, String)>, String> {
        let constant = |parts: &[Part]| {
            let text = |part: &Part| match part {
                Part::Json(json) => Ok(json.clone()),
                Part::Value(field) => Err(format!("{{{field}}}")),
                Part::Text(template) => Err(template.to_string()),
                Part::Record => Err(RECORD.to_owned()),
            };
            parts.iter().map(text).collect::<Result<String, _>>()
        };
        let Some((begin, end)) = self.item else { return Ok(None) };
        let item = Self { parts: self.parts[begin..end].to_vec(), values: self.values.clone(), item: None };
        Ok(Some((constant(&self.parts[..begin])?, item, constant(&self.parts[end..])?)))
    }

    /// Appends the envelope of a record; `write` appends what stands for `{record}`.
    ///
    /// # Errors
    /// [`ConnectorError::InvalidRecord`] if the record has no value for a placeholder; those of `write`.
    pub(crate) fn write(
        &self,
        record: &SinkRecord,
        body: &mut Vec<u8>,
        write: impl Fn(&mut Vec<u8>) -> ConnectorResult<()>,
    ) -> ConnectorResult<()> {
        let mut values = self.values.json_of(record)?.into_iter();
        for part in &self.parts {
            match part {
                Part::Json(json) => body.extend_from_slice(json.as_bytes()),
                Part::Record => write(body)?,
                Part::Text(template) => body.extend_from_slice(json_string(&template.fill(record, Some)?).as_bytes()),
                Part::Value(field) => {
                    let missing =
                        || ConnectorError::invalid_record(record, format!("it has no value for `{{{field}}}`"));
                    body.extend_from_slice(values.next().flatten().ok_or_else(missing)?.as_bytes());
                }
            }
        }
        Ok(())
    }
}

fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The field of a string that is one placeholder.
fn placeholder(text: &str) -> Option<Field> {
    let name = text.strip_prefix('{')?.strip_suffix('}')?;
    (!name.is_empty() && !name.contains(['{', '}'])).then(|| name.parse().ok()).flatten()
}

impl Setting for Envelope {
    const VALUE_TYPE: ValueType =
        ValueType::ArrayOrTable { items: &ValueType::Any, table: &ValueType::map(&ValueType::Any) };

    fn read(value: &Value) -> Result<Self, Diagnostics> {
        let mut reader = Reader::default();
        value.validate(&Self::VALUE_TYPE)?;
        reader.read(value);
        if reader.diagnostics.is_empty() && reader.parts.iter().all(|part| matches!(part, Part::Json(_))) {
            let help = "write `\"{record}\"` where the record belongs, or a placeholder such as `\"{/id}\"`";
            reader.diagnostics.push(value.diagnostic("it has nothing of a record", help));
        }
        let Reader { parts, item, diagnostics, .. } = reader;
        diagnostics.into_result()?;
        let field = |part: &Part| if let Part::Value(field) = part { Some(field.clone()) } else { None };
        Ok(Self { values: parts.iter().filter_map(field).collect(), parts, item })
    }
}

/// The parts of an envelope that is being read.
#[derive(Default)]
struct Reader {
    parts: Vec<Part>,
    item: Option<(usize, usize)>,
    /// JSON is not added to parts before this one.
    begin: usize,
    has_record: bool,
    diagnostics: Diagnostics,
}

impl Reader {
    fn json(&mut self, json: &str) {
        match self.parts[self.begin..].last_mut() {
            Some(Part::Json(before)) => before.push_str(json),
            _ => self.parts.push(Part::Json(json.to_owned())),
        }
    }

    fn read(&mut self, value: &Value) {
        if let Ok(text) = value.as_str() {
            self.text(value, text);
        } else if let Ok(boolean) = value.as_bool() {
            self.json(&boolean.to_string());
        } else if let Ok(number) = value.as_integer() {
            self.json(&number.to_string());
        } else if let Some(number) = value.as_float().ok().and_then(serde_json::Number::from_f64) {
            self.json(&number.to_string());
        } else if let Ok(items) = value.as_array() {
            self.array(items);
        } else if let Ok(entries) = value.as_table() {
            self.json("{");
            for (number, (name, value)) in entries.enumerate() {
                self.json(&format!("{}{}:", if number > 0 { "," } else { "" }, json_string(name)));
                self.read(value);
            }
            self.json("}");
        } else {
            self.diagnostics.push(value.diagnostic("JSON has no such value", "write a string"));
        }
    }

    fn text(&mut self, value: &Value, text: &str) {
        if text == RECORD {
            if std::mem::replace(&mut self.has_record, true) {
                self.diagnostics.push(value.diagnostic("the record is in the envelope twice", "remove one"));
            }
            return self.parts.push(Part::Record);
        }
        if let Some(field) = placeholder(text) {
            return self.parts.push(Part::Value(field));
        }
        match Template::read(value).map(|template| (template.constant(), template)) {
            Ok((Some(constant), _)) => self.json(&json_string(&constant)),
            Ok((None, template)) => self.parts.push(Part::Text(template)),
            Err(wrong) => self.diagnostics.append(wrong),
        }
    }

    fn array(&mut self, items: &[Value]) {
        self.json("[");
        let (begin, had_record) = (self.parts.len(), self.has_record);
        self.begin = begin;
        for (number, item) in items.iter().enumerate() {
            if number > 0 {
                self.json(",");
            }
            self.read(item);
        }
        if items.len() == 1 && self.has_record && !had_record && self.item.is_none() {
            self.item = Some((begin, self.parts.len()));
        }
        self.begin = self.parts.len();
        self.json("]");
    }
}
