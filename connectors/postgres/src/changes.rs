//! Change data capture: flat records with an operation, and Debezium's envelopes.

use std::borrow::Cow;

use danube_sink::{
    ConnectorError, ConnectorResult, Field, Fields, Setting, SinkRecord,
    change::{KeyObject, Operation, Unavailable, before},
};

use super::column::Column;

/// How records describe changes (change data capture).
#[derive(Debug, Clone)]
pub struct Changes {
    /// The field with the operation, such as `/op`.
    pub operation: Field,
    /// The placeholder for a value that the source leaves out because it did not change.
    pub unavailable_value: String,
    /// What to do when the source's table is truncated.
    pub on_truncate: OnTruncate,
}

impl Changes {
    /// The changes by the operation in this field, with Debezium's placeholder.
    pub fn by(operation: Field) -> Self {
        Self { operation, unavailable_value: Unavailable::DEBEZIUM.to_owned(), on_truncate: OnTruncate::Reject }
    }
}

/// What to do with a tombstone, an empty payload with a routing key.
#[derive(Setting, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tombstones {
    /// Reject it; `on_invalid_record` applies.
    #[default]
    Reject,
    /// Delete the row of its key.
    Delete,
}

/// What to do when the source's table is truncated.
#[derive(Setting, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnTruncate {
    /// Reject the record; `on_invalid_record` applies.
    #[default]
    Reject,
    /// Acknowledge the record and keep the rows.
    Ignore,
}

/// The values of a row's columns, and whether the row is deleted.
pub(crate) type Change<'r> = (Values<'r>, bool);

/// The values of a row's columns as JSON text; `None` for a missing value.
pub(crate) type Values<'r> = Vec<Option<Cow<'r, str>>>;

/// Reads the changes of a table from records.
#[derive(Debug)]
pub(crate) struct Envelopes {
    changes: Changes,
    /// The operation, the columns, and the key before the change: in the payload itself (`bare`), and in its member `payload` beside
    /// a `schema` (`wrapped`).
    fields: Vec<Field>,
    bare: Fields,
    wrapped: Fields,
    columns: usize,
    /// The indices of the key's columns.
    keys: Vec<usize>,
    unavailable: Unavailable,
}

impl Envelopes {
    pub(crate) fn new(changes: Changes, columns: &[Field], keys: Vec<usize>) -> Self {
        let before = keys.iter().map(|key| before(&columns[*key]).unwrap_or_else(|| columns[*key].clone()));
        let fields: Vec<_> =
            [changes.operation.clone()].into_iter().chain(columns.iter().cloned()).chain(before).collect();
        Self {
            bare: fields.iter().cloned().collect(),
            wrapped: fields.iter().map(wrapped).collect(),
            columns: columns.len(),
            unavailable: Unavailable::new(&changes.unavailable_value),
            fields,
            keys,
            changes,
        }
    }

    /// The changes of a record: one row, two if the key changes, or none.
    ///
    /// # Errors
    /// [`ConnectorError::InvalidRecord`] if the operation is unknown, or is rejected.
    pub(crate) fn of<'r>(&self, record: &'r SinkRecord) -> ConnectorResult<Vec<Change<'r>>> {
        let operation = &self.changes.operation;
        // Beside the payload there may be all that a deletion needs.
        let (mut values, unreadable) = match self.values(record) {
            Ok(values) => (values, None),
            Err(error) => (self.values_without_payload(record), Some(error)),
        };
        let before = values.split_off(1 + self.columns);
        let change = values.remove(0).as_deref().and_then(Operation::of_json);
        let deleted = |values: &Values<'r>, before| self.key(record, values, before);
        match (change, unreadable) {
            // A tombstone follows its deletion, so without a key nothing is left to do.
            (None, _) if record.has_no_value() => {
                let key = deleted(&values, before);
                let is_known = self.keys.iter().all(|index| key[*index].is_some());
                Ok(if is_known { vec![(key, true)] } else { Vec::new() })
            }
            (Some(Operation::Delete), _) => Ok(vec![(deleted(&values, before), true)]),
            (None | Some(Operation::Insert | Operation::Write), Some(error)) => Err(error),
            (None, None) => {
                Err(ConnectorError::invalid_record(record, format!("{operation} is not a known operation")))
            }
            (Some(Operation::Insert), None) => self.written(record, true, values, before),
            (Some(Operation::Write), None) => self.written(record, false, values, before),
            (Some(Operation::Truncate), _) if self.changes.on_truncate == OnTruncate::Reject => {
                let reason =
                    format!("{operation} is a truncation of the source's table, which is not applied to this table");
                Err(ConnectorError::invalid_record(record, reason))
            }
            (Some(Operation::Truncate | Operation::Message), _) => Ok(Vec::new()),
        }
    }

    fn values<'r>(&self, record: &'r SinkRecord) -> ConnectorResult<Values<'r>> {
        let bare = self.bare.json_of(record);
        if bare.as_ref().is_ok_and(|values| values[0].is_some()) {
            return bare;
        }
        self.wrapped.json_of(record).ok().filter(|values| values[0].is_some()).map_or(bare, Ok)
    }

    /// The values beside the payload: attributes and metadata.
    fn values_without_payload<'r>(&self, record: &'r SinkRecord) -> Values<'r> {
        let value = |field: &Field| match field {
            Field::Payload(_) => None,
            _ => record.field(field).map(|value| value.to_string().into()),
        };
        self.fields.iter().map(value).collect()
    }

    /// The row that is written, after the deletion of the one of the key before. A value that is unavailable keeps that of the table's
    /// row; a new row has none, and takes it from the state before the change.
    fn written<'r>(
        &self,
        record: &'r SinkRecord,
        is_new: bool,
        mut values: Values<'r>,
        before: Values<'r>,
    ) -> ConnectorResult<Vec<Change<'r>>> {
        let is_unavailable = |index: &usize| values[*index].as_deref().is_some_and(|json| self.unavailable.is(json));
        let unavailable: Vec<_> = (0..values.len()).filter(is_unavailable).collect();
        for index in &unavailable {
            values[*index] = None;
        }
        let changed = |(index, before): (&usize, &Option<Cow<'_, str>>)| match (known(&values[*index]), known(before)) {
            (Some(after), Some(before)) => Some(after != before),
            _ => None,
        };
        // The key has changed only if it is known both before and after.
        let changes: Option<Vec<_>> = self.keys.iter().zip(&before).map(changed).collect();
        let is_moved = changes.is_some_and(|changes| changes.contains(&true));
        if is_new || is_moved {
            for index in unavailable {
                values[index] = Some(self.value_before(record, &self.fields[1 + index])?);
            }
        }
        let mut rows = Vec::with_capacity(1);
        if is_moved {
            rows.push((self.key_values(before), true));
        }
        rows.push((values, false));
        Ok(rows)
    }

    /// The value of a field in the state before the change.
    ///
    /// # Errors
    /// [`ConnectorError::InvalidRecord`] if it is not there, either.
    fn value_before<'r>(&self, record: &'r SinkRecord, field: &Field) -> ConnectorResult<Cow<'r, str>> {
        let value = |field: Field| Fields::from_iter([field]).json_of(record).ok()?.pop()?;
        let before = before(field);
        let wrapped = before.as_ref().map(wrapped);
        let value = before.into_iter().chain(wrapped).find_map(value).filter(|json| !self.unavailable.is(json));
        let unknown = || {
            let reason = format!("the value of {field} is unavailable, and a new row needs it");
            ConnectorError::invalid_record(record, reason)
        };
        value.ok_or_else(unknown)
    }

    /// The key of a deleted row: from the state after the change, the state before it, or the routing key.
    fn key<'r>(&self, record: &'r SinkRecord, values: &Values<'r>, before: Values<'r>) -> Values<'r> {
        let value = |(index, before): (&usize, Option<Cow<'r, str>>)| {
            let now = values[*index].clone().filter(|json| json != "null");
            let before = before.filter(|json| json != "null");
            now.or(before).or_else(|| in_routing_key(record, &self.fields[1 + index]))
        };
        self.key_values(self.keys.iter().zip(before).map(value).collect())
    }

    /// The values of all columns, with those of the key set.
    fn key_values<'r>(&self, key: Values<'r>) -> Values<'r> {
        let mut values = vec![None; self.columns];
        for (index, value) in self.keys.iter().zip(key) {
            values[*index] = value;
        }
        values
    }
}

fn known<'v>(json: &'v Option<Cow<'_, str>>) -> Option<&'v str> {
    json.as_deref().filter(|json| *json != "null")
}

/// The field in an envelope that is the member `payload` beside a `schema`.
fn wrapped(field: &Field) -> Field {
    let Field::Payload(pointer) = field else { return field.clone() };
    format!("/payload{pointer}").parse().map_or_else(|_| field.clone(), Field::Payload)
}

/// The value of a field in the routing key, if that is an object with the names of the key's columns.
fn in_routing_key<'r>(record: &'r SinkRecord, field: &Field) -> Option<Cow<'r, str>> {
    KeyObject::of(record.key()?)?.value(field).map(Cow::Borrowed)
}

/// The deletion of the row whose key a tombstone names.
///
/// # Errors
/// [`ConnectorError::InvalidRecord`] if the key is not known.
pub(crate) fn key_of_tombstone<'r>(record: &'r SinkRecord, columns: &[Column]) -> ConnectorResult<Change<'r>> {
    let mut values = vec![None; columns.len()];
    for (index, Column { field, .. }) in columns.iter().enumerate().filter(|(_, column)| column.is_key) {
        let value = match field {
            Field::Payload(_) => in_routing_key(record, field),
            _ => record.field(field).map(|value| value.to_string().into()),
        };
        let unknown = || {
            let reason = format!(
                "it is a tombstone, and its routing key is no JSON object with a value for {field}, by which its row \
                 could be deleted"
            );
            ConnectorError::invalid_record(record, reason)
        };
        values[index] = Some(value.ok_or_else(unknown)?);
    }
    Ok((values, true))
}
