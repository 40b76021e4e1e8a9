//! One value of a configuration, with its place in the file.

use std::{fmt, ops::Range};

use toml::de::{DeTable, DeValue};

use crate::{
    report::mistake::Mistake,
    shape::{Scalar, Shape},
};

/// One value of a configuration, as a [`Setting`](crate::Setting) reads it.
#[derive(Clone)]
pub struct Value {
    /// Bytes of the file; none for a default and for what did not come from a file.
    pub(crate) span: Option<Range<usize>>,
    pub(crate) content: Content,
}

#[derive(Clone)]
pub(crate) enum Content {
    Text(String),
    Whole(i128),
    Real(f64),
    Truth(bool),
    Date,
    List(Vec<Value>),
    Table(Table),
}

/// The keys of one table, in the order of the file.
#[derive(Clone, Default)]
pub(crate) struct Table {
    /// The header, such as `[retry]`.
    pub(crate) span: Option<Range<usize>>,
    pub(crate) entries: Vec<Entry>,
}

#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Option<Range<usize>>,
    pub(crate) value: Value,
}

impl Value {
    /// An empty table.
    pub(crate) fn without_keys(span: Option<Range<usize>>) -> Self {
        Self { content: Content::Table(Table { span: span.clone(), entries: Vec::new() }), span }
    }

    /// A mistake in this value. Do not repeat the value in the text: the report shows its line.
    pub fn mistake(&self, message: impl Into<String>, help: impl Into<String>) -> Mistake {
        Mistake::new(message, help).at(self.span.clone())
    }

    /// The text.
    ///
    /// # Errors
    /// A mistake, if it is something else.
    pub fn as_text(&self) -> Result<&str, Mistake> {
        match &self.content {
            Content::Text(text) => Ok(text),
            _ => Err(self.unexpected("a text", "write it in double quotes")),
        }
    }

    /// The whole number.
    ///
    /// # Errors
    /// A mistake, if it is something else.
    pub fn as_whole(&self) -> Result<i128, Mistake> {
        match self.content {
            Content::Whole(number) => Ok(number),
            Content::Text(_) => Err(self.unexpected("a whole number", "write it without quotes")),
            _ => Err(self.unexpected("a whole number", "write digits only")),
        }
    }

    /// The number, whole or not.
    ///
    /// # Errors
    /// A mistake, if it is something else.
    pub fn as_real(&self) -> Result<f64, Mistake> {
        match self.content {
            Content::Real(number) => Ok(number),
            #[allow(clippy::cast_precision_loss, reason = "a setting of a real number has a float's precision")]
            Content::Whole(number) => Ok(number as f64),
            Content::Text(_) => Err(self.unexpected("a number", "write it without quotes")),
            _ => Err(self.unexpected("a number", "write a number such as `0.5`")),
        }
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// A mistake, if it is something else.
    pub fn as_truth(&self) -> Result<bool, Mistake> {
        match self.content {
            Content::Truth(truth) => Ok(truth),
            _ => Err(self.unexpected("`true` or `false`", "write `true` or `false`, without quotes")),
        }
    }

    /// The list.
    ///
    /// # Errors
    /// A mistake, if it is something else.
    pub fn as_list(&self) -> Result<&[Value], Mistake> {
        match &self.content {
            Content::List(list) => Ok(list),
            _ => Err(self.unexpected("a list", "write it in brackets: `[…, …]`")),
        }
    }

    /// The keys and values of the table, in the order of the file.
    ///
    /// # Errors
    /// A mistake, if it is something else.
    pub fn as_table(&self) -> Result<impl Iterator<Item = (&str, &Value)>, Mistake> {
        match &self.content {
            Content::Table(table) => Ok(table.entries.iter().map(|entry| (entry.key.as_str(), &entry.value))),
            _ => Err(self.unexpected("a table", "write it in braces: `{ key = value }`")),
        }
    }

    /// Whether it is of a shape; what is in a list or table is not looked at.
    ///
    /// # Errors
    /// A mistake, if it is not.
    pub fn fits(&self, shape: &Shape) -> Result<(), Mistake> {
        match shape.misfit(&self.scalar()) {
            None => Ok(()),
            Some(misfit) => Err(self.mistake(misfit.message.as_str(), misfit.help.as_str())),
        }
    }

    /// Where the value of a key within stands, such as `key` or `table.key`; the value itself for none.
    pub(crate) fn place(&self, key: Option<&str>) -> Option<Range<usize>> {
        let within = match (&self.content, key) {
            (Content::Table(table), Some(key)) => table.find(key).and_then(|entry| entry.value.span.clone()),
            _ => None,
        };
        within.or_else(|| self.span.clone())
    }

    pub(crate) fn unexpected(&self, expected: &str, help: &str) -> Mistake {
        let misfit = self.scalar().unexpected(expected, help);
        self.mistake(misfit.message.as_str(), misfit.help.as_str())
    }

    /// The value without what is in it.
    pub(crate) fn scalar(&self) -> Scalar<'_> {
        match &self.content {
            Content::Text(text) => Scalar::Text(text),
            Content::Whole(number) => Scalar::Whole(*number),
            Content::Real(number) => Scalar::Real(*number),
            Content::Truth(truth) => Scalar::Truth(*truth),
            Content::Date => Scalar::Date,
            Content::List(list) => Scalar::List(list.len()),
            Content::Table(table) => Scalar::Table(table.entries.len()),
        }
    }

    /// Whether two values say the same, wherever they stand.
    pub(crate) fn same(&self, other: &Self) -> bool {
        match (&self.content, &other.content) {
            (Content::Text(one), Content::Text(two)) => one == two,
            (Content::Whole(one), Content::Whole(two)) => one == two,
            (Content::Real(one), Content::Real(two)) => one.total_cmp(two).is_eq(),
            (Content::Truth(one), Content::Truth(two)) => one == two,
            (Content::Date, Content::Date) => true,
            (Content::List(one), Content::List(two)) => {
                one.len() == two.len() && one.iter().zip(two).all(|(one, two)| one.same(two))
            }
            (Content::Table(one), Content::Table(two)) => {
                one.entries.len() == two.entries.len()
                    && one
                        .entries
                        .iter()
                        .all(|entry| two.get(&entry.key).is_some_and(|same| entry.value.same(&same.value)))
            }
            _ => false,
        }
    }
}

impl Table {
    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// Where the key of a path such as `my_sink.target.url` or `list.0.key` stands.
    pub(crate) fn locate(&self, path: &str) -> Option<Range<usize>> {
        self.find(path)?.key_span.clone()
    }

    /// The key of such a path.
    pub(crate) fn find(&self, path: &str) -> Option<&Entry> {
        let (step, rest) = path.split_once('.').map_or((path, None), |(step, rest)| (step, Some(rest)));
        let entry = self.get(step)?;
        let Some(rest) = rest else { return Some(entry) };
        match &entry.value.content {
            Content::Table(table) => table.find(rest),
            Content::List(list) => {
                let (index, rest) = rest.split_once('.')?;
                match &list.get(index.parse::<usize>().ok()?)?.content {
                    Content::Table(table) => table.find(rest),
                    _ => None,
                }
            }
            // Serde writes `?` for the step into an `Option`.
            _ => None,
        }
    }

    /// The table of a parsed file. `span` is its header.
    pub(crate) fn from_parsed(parsed: &DeTable<'_>, span: Option<Range<usize>>) -> Self {
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

impl Value {
    pub(crate) fn from_parsed(parsed: &DeValue<'_>, span: Range<usize>) -> Self {
        let content = match parsed {
            DeValue::String(text) => Content::Text(text.to_string()),
            // A number beyond 128 bits is beyond every setting's range too, and is reported as that.
            DeValue::Integer(number) => {
                Content::Whole(i128::from_str_radix(number.as_str(), number.radix()).unwrap_or(i128::MAX))
            }
            DeValue::Float(number) => Content::Real(number.as_str().parse().unwrap_or(f64::INFINITY)),
            DeValue::Boolean(truth) => Content::Truth(*truth),
            DeValue::Datetime(_) => Content::Date,
            DeValue::Array(list) => {
                Content::List(list.iter().map(|item| Value::from_parsed(item.get_ref(), item.span())).collect())
            }
            DeValue::Table(table) => Content::Table(Table::from_parsed(table, Some(span.clone()))),
        };
        Self { span: Some(span), content }
    }

    /// A default that is written in the connector's code, as TOML.
    pub(crate) fn from_literal(literal: &str) -> Result<Self, Mistake> {
        match DeValue::parse(literal) {
            Ok(parsed) => Ok(Self { span: None, ..Self::from_parsed(parsed.get_ref(), parsed.span()) }),
            Err(error) => {
                Err(Mistake::new(error.message(), "write a literal that TOML knows, such as `\"10s\"` or `5`"))
            }
        }
    }
}

/// Without the value, which may be a secret in the wrong place.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Value").field("kind", &self.scalar().kind()).field("span", &self.span).finish()
    }
}
