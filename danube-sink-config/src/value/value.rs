//! A value of a configuration, with its place and its origin; and the table that holds values.

use std::{fmt, ops::Range};

use toml::de::{DeTable, DeValue};

use crate::{
    report::{Diagnostic, Diagnostics},
    schema::{ValueRef, ValueType, Violation},
};

/// A value of a configuration, as a [`Setting`](crate::Setting) reads it.
#[derive(Clone)]
pub struct Value {
    /// Bytes of the file; none for a value that is not from the file.
    pub(crate) span: Option<Range<usize>>,
    pub(crate) origin: Origin,
    pub(crate) content: Content,
}

#[derive(Clone)]
pub(crate) enum Content {
    String(String),
    Integer(i128),
    Float(f64),
    Bool(bool),
    /// As TOML has it.
    Datetime(String),
    Array(Vec<Value>),
    Table(Table),
    Secret(String),
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    File,
    /// An environment variable.
    Variable(String),
    /// A file that an environment variable names.
    VariableFile(String),
    /// The default of the key.
    Default,
    /// A default that the connector's code gives to a key of a library.
    Code,
    /// Another key, named here.
    Inherited(&'static str),
}

impl Value {
    pub(crate) fn new(content: Content, origin: Origin) -> Self {
        Self { span: None, origin, content }
    }

    /// A table without keys.
    pub(crate) fn empty_table(span: Option<Range<usize>>) -> Self {
        let table = Table { span: span.clone(), entries: Vec::new() };
        Self { span, ..Self::new(Content::Table(table), Origin::Default) }
    }

    /// A diagnostic of this value. Do not repeat the value in the message: the report shows its line.
    pub fn diagnostic(&self, message: impl Into<String>, help: impl Into<String>) -> Diagnostic {
        Diagnostic::new(message, help).at(self.span.clone())
    }

    /// The string.
    ///
    /// # Errors
    /// A diagnostic, if it is another type.
    pub fn as_str(&self) -> Result<&str, Diagnostic> {
        let Content::String(text) = &self.content else { return Err(self.violates(&ValueType::STRING)) };
        Ok(text)
    }

    /// The integer.
    ///
    /// # Errors
    /// A diagnostic, if it is another type.
    pub fn as_integer(&self) -> Result<i128, Diagnostic> {
        let any_integer = ValueType::integer(i128::MIN, i128::MAX);
        let Content::Integer(number) = self.content else { return Err(self.violates(&any_integer)) };
        Ok(number)
    }

    /// The float, or the integer as one.
    ///
    /// # Errors
    /// A diagnostic, if it is another type.
    pub fn as_float(&self) -> Result<f64, Diagnostic> {
        match self.content {
            Content::Float(number) => Ok(number),
            #[allow(clippy::cast_precision_loss, reason = "a float's setting has a float's precision")]
            Content::Integer(number) => Ok(number as f64),
            _ => Err(self.violates(&ValueType::FLOAT)),
        }
    }

    /// The boolean.
    ///
    /// # Errors
    /// A diagnostic, if it is another type.
    pub fn as_bool(&self) -> Result<bool, Diagnostic> {
        let Content::Bool(boolean) = self.content else { return Err(self.violates(&ValueType::Bool)) };
        Ok(boolean)
    }

    /// The values of the array.
    ///
    /// # Errors
    /// A diagnostic, if it is another type.
    pub fn as_array(&self) -> Result<&[Value], Diagnostic> {
        let any_array = ValueType::array(&ValueType::Any);
        let Content::Array(items) = &self.content else { return Err(self.violates(&any_array)) };
        Ok(items)
    }

    /// The keys and values of the table, in the order of the file.
    ///
    /// # Errors
    /// A diagnostic, if it is another type.
    pub fn as_table(&self) -> Result<impl Iterator<Item = (&str, &Value)>, Diagnostic> {
        let any_table = ValueType::map(&ValueType::Any);
        let Content::Table(table) = &self.content else { return Err(self.violates(&any_table)) };
        Ok(table.entries.iter().map(|entry| (entry.key.as_str(), &entry.value)))
    }

    /// Validates the value itself; not what its array or table holds.
    ///
    /// # Errors
    /// A diagnostic, if the type does not allow it.
    pub fn validate(&self, value_type: &ValueType) -> Result<(), Diagnostic> {
        match value_type.violation(&self.as_ref()) {
            None => Ok(()),
            Some(violation) => Err(self.of_violation(violation)),
        }
    }

    /// Converts a value that the type allows.
    pub(crate) fn convert<T>(
        &self,
        value_type: &ValueType,
        convert: impl FnOnce(&Self) -> Option<T>,
    ) -> Result<T, Diagnostics> {
        self.validate(value_type)?;
        convert(self).ok_or_else(|| self.violates(value_type).into())
    }

    /// The diagnostic of a value where another is expected.
    pub(crate) fn unexpected(&self, expected: &str, help: &str) -> Diagnostic {
        self.of_violation(self.as_ref().unexpected(expected, help))
    }

    fn of_violation(&self, violation: Violation) -> Diagnostic {
        Diagnostic::from(violation).at(self.span.clone())
    }

    /// The diagnostic of a value that has another type, or cannot be converted.
    fn violates(&self, value_type: &ValueType) -> Diagnostic {
        self.validate(value_type).err().unwrap_or_else(|| self.diagnostic("unexpected value", "write another value"))
    }

    /// The span of a key in it, such as `key` or `table.key`; of the value itself without one.
    pub(crate) fn span_of(&self, key: Option<&str>) -> Option<Range<usize>> {
        let within = if let Content::Table(table) = &self.content { table.span_of(key) } else { None };
        within.or_else(|| self.span.clone())
    }

    /// The value without the values in it.
    pub(crate) fn as_ref(&self) -> ValueRef<'_> {
        match &self.content {
            Content::String(text) | Content::Secret(text) => ValueRef::String(text),
            Content::Integer(number) => ValueRef::Integer(*number),
            Content::Float(number) => ValueRef::Float(*number),
            Content::Bool(boolean) => ValueRef::Bool(*boolean),
            Content::Datetime(_) => ValueRef::Datetime,
            Content::Array(items) => ValueRef::Array(items.len()),
            Content::Table(table) => ValueRef::Table(table.entries.len()),
        }
    }

    pub(super) fn from_parsed(parsed: &DeValue<'_>, span: Range<usize>) -> Self {
        let content = match parsed {
            DeValue::String(text) => Content::String(text.to_string()),
            // A number beyond 128 bits is beyond every key's range too, and is reported as that.
            DeValue::Integer(number) => {
                Content::Integer(i128::from_str_radix(number.as_str(), number.radix()).unwrap_or(i128::MAX))
            }
            DeValue::Float(number) => Content::Float(number.as_str().parse().unwrap_or(f64::INFINITY)),
            DeValue::Boolean(boolean) => Content::Bool(*boolean),
            DeValue::Datetime(datetime) => Content::Datetime(datetime.to_string()),
            DeValue::Array(items) => {
                Content::Array(items.iter().map(|item| Value::from_parsed(item.get_ref(), item.span())).collect())
            }
            DeValue::Table(table) => Content::Table(Table::from_parsed(table, Some(span.clone()))),
        };
        Self { span: Some(span), origin: Origin::File, content }
    }

    /// A value that is written as TOML, but not in the file.
    pub(crate) fn from_literal(literal: &str, origin: Origin) -> Result<Self, Diagnostic> {
        match DeValue::parse(literal) {
            Ok(parsed) => Ok(Self::from_parsed(parsed.get_ref(), parsed.span()).with_origin(&origin)),
            Err(error) => {
                Err(Diagnostic::new(error.message(), "write a literal of TOML, such as `\"10s\"`, `5` or `[1, 2]`"))
            }
        }
    }

    /// The same with another origin, and without spans.
    pub(crate) fn with_origin(mut self, origin: &Origin) -> Self {
        self.span = None;
        self.origin = origin.clone();
        match &mut self.content {
            Content::Array(items) => {
                *items = std::mem::take(items).into_iter().map(|item| item.with_origin(origin)).collect();
            }
            Content::Table(table) => {
                table.span = None;
                for entry in &mut table.entries {
                    entry.key_span = None;
                    entry.value = entry.value.clone().with_origin(origin);
                }
            }
            _ => {}
        }
        self
    }
}

/// The keys of one table, in the order of the file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    /// The header, such as `[retry]`.
    pub(crate) span: Option<Range<usize>>,
    pub(crate) entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Option<Range<usize>>,
    pub(crate) value: Value,
}

impl Table {
    pub(crate) const EMPTY: &'static Self = &Self { span: None, entries: Vec::new() };

    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    pub(crate) fn value(&self, key: &str) -> Option<&Value> {
        self.get(key).map(|entry| &entry.value)
    }

    pub(crate) fn value_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.entries.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.value)
    }

    pub(crate) fn keys(&self) -> Vec<&str> {
        self.entries.iter().map(|entry| entry.key.as_str()).collect()
    }

    /// Puts a value in the place of what the key has; behind the others if it has nothing.
    pub(crate) fn set(&mut self, key: &str, value: Value) {
        match self.value_mut(key) {
            Some(present) => *present = value,
            None => self.entries.push(Entry { key: key.to_owned(), key_span: None, value }),
        }
    }

    /// The entry of a path such as `my_sink.target.url` or `list.0.key`.
    pub(crate) fn find(&self, path: &str) -> Option<&Entry> {
        let (step, rest) = path.split_once('.').map_or((path, None), |(step, rest)| (step, Some(rest)));
        let entry = self.get(step)?;
        let Some(rest) = rest else { return Some(entry) };
        match &entry.value.content {
            Content::Table(table) => table.find(rest),
            Content::Array(items) => {
                let (index, rest) = rest.split_once('.')?;
                match &items.get(index.parse::<usize>().ok()?)?.content {
                    Content::Table(table) => table.find(rest),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// The span of the value at a path; of the table itself without one, or if it has none.
    pub(crate) fn span_of(&self, path: Option<&str>) -> Option<Range<usize>> {
        let within = path.and_then(|path| self.find(path)).and_then(|entry| entry.value.span.clone());
        within.or_else(|| self.span.clone())
    }

    /// A parsed table. `span` is its header.
    pub(super) fn from_parsed(parsed: &DeTable<'_>, span: Option<Range<usize>>) -> Self {
        let mut entries: Vec<Entry> = parsed
            .iter()
            .map(|(key, value)| Entry {
                key: key.get_ref().to_string(),
                key_span: Some(key.span()),
                value: Value::from_parsed(value.get_ref(), value.span()),
            })
            .collect();
        entries.sort_by_key(|entry| entry.key_span.as_ref().map(|span| span.start));
        Self { span, entries }
    }
}

impl From<Violation> for Diagnostic {
    fn from(Violation { message, help }: Violation) -> Self {
        Self::new(message, help)
    }
}

impl Diagnostics {
    /// Redacts a value in every excerpt of the report: it may be a secret.
    pub fn hide(&mut self, value: &Value) {
        self.redact(value.span.clone());
    }
}

/// Without the content, which may be a secret in the wrong place.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Value").field("kind", &self.as_ref().kind()).field("span", &self.span).finish_non_exhaustive()
    }
}
