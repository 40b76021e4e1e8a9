//! What a record means: a point to write, or one to delete.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    io::Write,
    ops::Range,
    str,
};

use danube_sink::{
    change::{self, KeyObject, Unavailable},
    prelude::*,
};
use serde_json::{Value, value::RawValue};

use super::{
    id::PointId,
    mapping::Collection,
    registered::Registered,
    vectors::{UNNAMED, Vectors, members},
};

/// Reads the records of a mapping, for a collection with these vectors.
pub(crate) struct Points<'c> {
    mapping: &'c Collection,
    collection: &'c Vectors,
    registered: &'c Registered,
    /// Names of the vectors in the collection.
    vectors: Vec<&'c str>,
    /// Paths of vectors within the object that becomes the payload.
    left_out: Vec<Vec<String>>,
    /// The path of the id before a change, if an envelope has both states.
    before: Option<Field>,
    /// What Debezium sends instead of a large value that did not change.
    unavailable: Unavailable,
    /// The id, the id before a change, the operation, the payload, the vectors, and more fields of the payload.
    fields: Fields,
    /// Names of the last ones.
    names: HashMap<&'c str, String>,
}

/// What a record does to the point of an id.
#[derive(Debug, PartialEq)]
pub(crate) enum Operation {
    /// Inserts or replaces it; so many bytes of JSON are the point. A change of the id deletes the point of the id before.
    Upsert {
        id: PointId,
        length: usize,
        moved_from: Option<PointId>,
    },
    Delete(PointId),
}

/// What a record does, or why the collection does not take its vectors.
pub(crate) type Checked = Result<Operation, String>;

/// A value of a record, as JSON.
type Json<'r> = Option<Cow<'r, str>>;

impl<'c> Points<'c> {
    pub(crate) fn new(mapping: &'c Collection, collection: &'c Vectors, registered: &'c Registered) -> Self {
        let (vectors, paths): (Vec<_>, Vec<_>) = mapping.vectors().into_iter().unzip();
        let left_out = paths.iter().filter_map(|path| path_in(&mapping.payload, path)).collect();
        let before = change::before(&mapping.id).filter(|_| mapping.operation.is_some());
        let more = || mapping.fields.iter().flat_map(NamedFields::fields);
        let fields = [Some(&mapping.id), before.as_ref(), mapping.operation.as_ref()].into_iter().flatten().cloned();
        let paths = [mapping.payload.clone()].into_iter().chain(paths).map(Field::Payload);
        let fields = fields.chain(paths).chain(more().map(|(_, field)| field)).collect();
        let names = more().map(|(name, _)| (name, json_of(name))).collect();
        Self {
            mapping,
            collection,
            registered,
            vectors,
            left_out,
            before,
            unavailable: Unavailable::default(),
            fields,
            names,
        }
    }

    /// What a record does. Appends its point and a comma, if it writes one.
    ///
    /// # Errors
    /// [`ConnectorError::InvalidRecord`] if it is no operation on any collection.
    pub(crate) fn operation(&self, record: &SinkRecord, points: &mut Vec<u8>) -> ConnectorResult<Checked> {
        let invalid = |reason: String| ConnectorError::invalid_record(record, reason);
        let Collection { id: id_field, operation, payload: payload_path, .. } = self.mapping;
        let values = self.fields.json_of(record);
        if record.has_no_value() || values.is_err() && self.deletes_without_payload(record) {
            let id = self.id_without_payload(record);
            let reason = || {
                invalid("without a payload it deletes a point, but no attribute or routing key has the id".to_owned())
            };
            return id.map(|id| Ok(Operation::Delete(id))).ok_or_else(reason);
        }
        let mut values = values?.into_iter();
        let mut id = values.next().flatten().as_deref().and_then(PointId::of_json);
        let before = self.before.as_ref().and_then(|_| PointId::of_json(&values.next().flatten()?));
        if let Some(field) = operation {
            match values.next().flatten().as_deref().and_then(is_delete) {
                Some(false) => {}
                Some(true) => {
                    id = id.or(before).or_else(|| self.id_of_key(record.key()?));
                    let id = id.ok_or_else(|| invalid(format!("it deletes a point, but has no id at {id_field}")))?;
                    return Ok(Ok(Operation::Delete(id)));
                }
                None => return Err(invalid(format!("{field} is not a known operation"))),
            }
        }
        let id = id.ok_or_else(|| invalid(format!("{id_field} is neither an integer nor a string, so it is no id")))?;
        let payload = values.next().flatten();
        let begin = points.len();
        // Writing to a vector does not fail.
        let _ = write!(points, "{{\"id\":{id},\"vector\":");
        let vectors: Vec<_> = values.by_ref().take(self.vectors.len()).collect();
        if let Err(reason) = self.write_vectors(&vectors, points) {
            points.truncate(begin);
            return Ok(Err(reason));
        }
        points.extend_from_slice(b",\"payload\":");
        let begin_of_payload = points.len();
        points.push(b'{');
        let written = self.write_payload(payload.as_deref(), values, points);
        written.map_err(|reason| invalid(format!("the payload of the point, at `{payload_path}`, {reason}")))?;
        points.push(b'}');
        let is_unavailable = |payload| str::from_utf8(payload).is_ok_and(|payload| self.unavailable.is_in(payload));
        // An upsert replaces the whole point, so the value would be lost.
        if operation.is_some() && is_unavailable(&points[begin_of_payload..]) {
            return Err(invalid(
                "a value is unavailable (`__debezium_unavailable_value`), and a point is replaced as a whole"
                    .to_owned(),
            ));
        }
        points.push(b'}');
        let (length, moved_from) = (points.len() - begin, before.filter(|before| *before != id));
        points.push(b',');
        Ok(Ok(Operation::Upsert { id, length, moved_from }))
    }

    /// Whether an attribute or the metadata says that a record deletes a point.
    fn deletes_without_payload(&self, record: &SinkRecord) -> bool {
        let field = self.mapping.operation.as_ref().filter(|field| !matches!(field, Field::Payload(_)));
        let operation = field.and_then(|field| record.field(field));
        operation.and_then(|operation| is_delete(&operation.to_string())) == Some(true)
    }

    /// The id of the point that a tombstone deletes: an attribute or the routing key. The record's own id is no point's.
    fn id_without_payload(&self, record: &SinkRecord) -> Option<PointId> {
        match &self.mapping.id {
            Field::Metadata(Metadata::Key) | Field::Payload(_) => self.id_of_key(record.key()?),
            Field::Attribute(name) => PointId::of_text(record.attributes().get(name)?),
            Field::Metadata(_) => None,
        }
    }

    /// The id in a routing key: the whole key, or its member of the name that the id has in payloads, if the key is a JSON object, as
    /// Debezium's is.
    fn id_of_key(&self, key: &str) -> Option<PointId> {
        match (KeyObject::of(key), &self.mapping.id) {
            (Some(object), id @ Field::Payload(_)) => PointId::of_json(object.value(id)?),
            _ => PointId::of_text(key),
        }
    }

    fn write_vectors(&self, values: &[Json<'_>], points: &mut Vec<u8>) -> Result<(), String> {
        let named = match (&self.vectors[..], values) {
            ([UNNAMED], [Some(json)]) if json.starts_with('[') => {
                self.collection.check(UNNAMED, json)?;
                points.extend_from_slice(json.as_bytes());
                return Ok(());
            }
            ([UNNAMED], [Some(json)]) if json != "null" => {
                members(json).map_err(|reason| format!("the vector is no array, and {reason}"))?
            }
            (names, values) => {
                names.iter().zip(values).filter_map(|(name, value)| Some(((*name).into(), value.as_deref()?))).collect()
            }
        };
        let named: Vec<_> = named.into_iter().filter(|(_, json)| *json != "null").collect();
        if named.is_empty() && !self.collection.is_empty() {
            return Err("it has no vector".to_owned());
        }
        points.push(b'{');
        for (number, (name, json)) in named.into_iter().enumerate() {
            self.collection.check(&name, json)?;
            separate(number > 0, points);
            write_name(&name, points);
            points.extend_from_slice(json.as_bytes());
        }
        points.push(b'}');
        Ok(())
    }

    /// Whether the registered schema did not have a field of the payload at start. What is left out of the point is none.
    fn is_new(&self, name: &str) -> bool {
        !self.registered.has(name) && !self.left_out.iter().any(|path| path.first().is_some_and(|first| first == name))
    }

    fn write_payload<'r>(
        &self,
        payload: Option<&str>,
        more: impl Iterator<Item = Json<'r>>,
        points: &mut Vec<u8>,
    ) -> Result<(), &'static str> {
        let begin = points.len();
        if let Some(json) = payload.filter(|json| *json != "null") {
            let members = members(json)?;
            if members.iter().any(|(name, _)| self.names.contains_key(&**name)) {
                return Err("has a field of the name of one in `fields`");
            }
            if self.mapping.on_new_field == OnNewField::Reject && members.iter().any(|(name, _)| self.is_new(name)) {
                return Err("has a field that the registered schema did not have at start (`on_new_field`)");
            }
            if self.left_out.is_empty() {
                let inner = json.trim_ascii().strip_prefix('{').and_then(|json| json.strip_suffix('}'));
                points.extend_from_slice(inner.unwrap_or_default().trim_ascii().as_bytes());
            } else {
                write_members(&members, &self.left_out, points)?;
            }
        }
        for (name, json) in
            self.mapping.fields.iter().flat_map(NamedFields::names).map(|name| &self.names[name]).zip(more)
        {
            let Some(json) = json else { continue };
            separate(points.len() > begin, points);
            let _ = write!(points, "{name}:{json}");
        }
        Ok(())
    }
}

/// The operations of a batch that count: for each id the last one, since it replaces the point or deletes it.
#[derive(Default)]
pub(crate) struct Latest {
    /// Ids of points to delete.
    pub(crate) deletes: Vec<PointId>,
    /// The places of points to write in the JSON of the batch.
    pub(crate) points: Vec<Range<usize>>,
    /// Ids that points had before a change.
    pub(crate) moved_from: Vec<PointId>,
}

/// The operations of a batch that count. The JSON of the batch has this length, and its end are the points of all operations with a
/// comma behind each.
pub(crate) fn latest(operations: &[Checked], mut end: usize) -> Latest {
    let (mut seen, mut latest) = (HashSet::new(), Latest::default());
    for operation in operations.iter().rev().flatten() {
        match operation {
            Operation::Upsert { id, length, moved_from } => {
                end -= length + 1;
                if seen.insert(*id) {
                    latest.points.push(end..end + length);
                }
                latest.moved_from.extend(moved_from.filter(|before| seen.insert(*before)));
            }
            Operation::Delete(id) if seen.insert(*id) => latest.deletes.push(*id),
            Operation::Delete(_) => {}
        }
    }
    latest.points.reverse();
    latest
}

/// Whether an operation deletes; `None` if it is not known, or not one on a point.
fn is_delete(json: &str) -> Option<bool> {
    change::Operation::of_json(json)?.deletes()
}

/// The steps of a path within the object at another path, if it is of a value in it.
pub(crate) fn path_in(object: &Pointer, path: &Pointer) -> Option<Vec<String>> {
    let within = path.as_str().strip_prefix(object.as_str())?.strip_prefix('/')?;
    Some(steps(within).collect())
}

/// The steps of a path.
pub(crate) fn steps(path: &str) -> impl Iterator<Item = String> {
    path.split('/').map(|step| step.replace("~1", "/").replace("~0", "~"))
}

/// Writes the members of an object, without the values at the paths that are left out.
fn write_members(
    members: &[(Cow<'_, str>, &str)],
    left_out: &[impl AsRef<[String]>],
    points: &mut Vec<u8>,
) -> Result<(), &'static str> {
    let begin = points.len();
    for (name, json) in members {
        let Some(within) = paths_within(left_out, name) else { continue };
        separate(points.len() > begin, points);
        write_name(name, points);
        write_without(json, &within, points)?;
    }
    Ok(())
}

/// Writes a value, given as valid JSON, without the values at the paths within it that are left out.
fn write_without(json: &str, left_out: &[&[String]], points: &mut Vec<u8>) -> Result<(), &'static str> {
    if left_out.is_empty() || !json.starts_with(['{', '[']) {
        points.extend_from_slice(json.as_bytes());
    } else if json.starts_with('{') {
        points.push(b'{');
        write_members(&members(json)?, left_out, points)?;
        points.push(b'}');
    } else {
        let items: Vec<&RawValue> = serde_json::from_str(json).map_err(|_| "is not JSON")?;
        points.push(b'[');
        let begin = points.len();
        for (number, item) in items.iter().enumerate() {
            let Some(within) = paths_within(left_out, &number.to_string()) else { continue };
            separate(points.len() > begin, points);
            write_without(item.get(), &within, points)?;
        }
        points.push(b']');
    }
    Ok(())
}

/// The rest of the paths that go through a value; `None` if it is itself left out.
fn paths_within<'p>(paths: &'p [impl AsRef<[String]>], step: &str) -> Option<Vec<&'p [String]>> {
    let through = paths.iter().filter_map(|path| path.as_ref().split_first().filter(|(first, _)| *first == step));
    through.map(|(_, rest)| (!rest.is_empty()).then_some(rest)).collect()
}

fn json_of(name: &str) -> String {
    Value::from(name).to_string()
}

/// Writes a name and its colon.
fn write_name(name: &str, points: &mut Vec<u8>) {
    // Writing a string to a vector does not fail.
    let _ = serde_json::to_writer(&mut *points, name);
    points.push(b':');
}

fn separate(is_later: bool, points: &mut Vec<u8>) {
    if is_later {
        points.push(b',');
    }
}
