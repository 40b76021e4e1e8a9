//! Fields of payloads that fill the columns of their names.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use danube_sink::{ConnectorError, ConnectorResult, OnNewField, SinkRecord, json::fields};

use super::{
    changes::Values,
    column::Column,
    name::{check_column, quoted},
    schema::{Purpose, purposes},
};

/// The columns that fields of payloads fill by their names.
#[derive(Debug)]
pub(crate) struct FieldColumns {
    on_new: OnNewField,
    purposes: HashMap<String, Purpose>,
    /// The columns of the table.
    names: HashSet<String>,
}

/// A field that the table has no column for, as a reason for its record to be rejected.
#[derive(Debug)]
pub(crate) struct NewField {
    pub(crate) name: String,
    pub(crate) reason: String,
    /// Whether the table could have a column of its name.
    pub(crate) is_possible: bool,
}

impl FieldColumns {
    /// `columns` are the written ones, of which the plan names those at the beginning; `names` are all columns of the table.
    pub(crate) fn new(
        on_new: OnNewField,
        columns: &[Column],
        named: &[(String, danube_sink::Field)],
        names: HashSet<String>,
    ) -> Self {
        let mut purposes = purposes(named);
        for (index, column) in columns.iter().enumerate().skip(named.len()) {
            purposes.entry(column.name.clone()).or_insert(Purpose::Column(index));
        }
        Self { on_new, purposes, names }
    }

    /// Whether the table needs no column for a field, or cannot get one.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.names.contains(name) || self.purposes.contains_key(name) || check_column(name).is_err()
    }

    /// What a new field does.
    pub(crate) fn on_new(&self) -> OnNewField {
        self.on_new
    }

    /// Sets the values of the columns that the fields of a payload fill. Returns a field that rejects the record because it has no
    /// column, and whether one is ignored.
    ///
    /// # Errors
    /// [`ConnectorError::InvalidRecord`] if the payload is no JSON object, has no field for the table, a field twice, or one with the
    /// name of a column that has another value.
    pub(crate) fn read<'r>(
        &self,
        record: &'r SinkRecord,
        values: &mut Values<'r>,
    ) -> ConnectorResult<(Option<NewField>, bool)> {
        let members = match record.as_json()? {
            Cow::Borrowed(json) => self.members(json, values, Cow::Borrowed),
            Cow::Owned(json) => self.members(&json, values, |value| value.to_owned().into()),
        };
        let members =
            members.ok_or_else(|| ConnectorError::invalid_record(record, "the payload is not a JSON object"))?;
        let invalid = |reason: String| Err(ConnectorError::invalid_record(record, reason));
        if let Some(name) = members.repeated {
            return invalid(format!("the payload has the field {} twice", quoted(&name)));
        }
        if let Some(name) = members.taken {
            return invalid(format!("the payload has a field {}, and the column has another value", quoted(&name)));
        }
        match members.new {
            Some((number, name)) if self.on_new != OnNewField::Ignore => {
                Ok((Some(self.new_field(record, number, &name)), false))
            }
            _ if members.known == 0 => invalid("the payload has no field that the table has a column for".to_owned()),
            ignored => Ok((None, ignored.is_some())),
        }
    }

    /// A field's name may be anything, unless the registered schema has it.
    fn new_field(&self, record: &SinkRecord, number: usize, name: &str) -> NewField {
        let schema = record.table_schema().and_then(Result::ok);
        let is_registered = schema.is_some_and(|schema| schema.columns().iter().any(|column| column.name == name));
        let field = if is_registered { format!("the field {}", quoted(name)) } else { format!("field {number}") };
        let is_generated = self.names.contains(name);
        let reason = match (check_column(name), is_generated, self.on_new) {
            (Err(reason), ..) => format!("{field} of the payload {reason}"),
            (_, true, _) => format!("{field} of the payload is for a column that only the server writes"),
            (.., OnNewField::Add) if !is_registered => {
                format!(
                    "the table has no column for {field} of the payload, and the record's registered schema has no such field"
                )
            }
            _ => format!("the table has no column for {field} of the payload"),
        };
        NewField { name: name.to_owned(), reason, is_possible: !is_generated && check_column(name).is_ok() }
    }

    fn members<'j, 'r>(
        &self,
        json: &'j str,
        values: &mut Values<'r>,
        text: fn(&'j str) -> Cow<'r, str>,
    ) -> Option<Members> {
        let mut members = Members::default();
        for (number, (name, value)) in (1..).zip(fields(json)?) {
            match self.purposes.get(&*name) {
                Some(Purpose::Column(index)) if values[*index].is_none() => {
                    members.known += 1;
                    values[*index] = Some(text(value));
                }
                Some(Purpose::Column(_)) => members.repeated = Some(name.into_owned()),
                Some(Purpose::Read) => members.known += 1,
                Some(Purpose::Taken) => members.taken = Some(name.into_owned()),
                None if members.new.is_none() => members.new = Some((number, name.into_owned())),
                None => {}
            }
        }
        Some(members)
    }
}

/// The fields of a payload that are not written.
#[derive(Default)]
struct Members {
    /// How many fields have a purpose.
    known: usize,
    /// The first that has no column, with its number.
    new: Option<(usize, String)>,
    repeated: Option<String>,
    taken: Option<String>,
}
