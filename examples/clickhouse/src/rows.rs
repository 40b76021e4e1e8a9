//! From records to the rows of an insert.

use std::{borrow::Borrow, collections::BTreeMap};

use danube_sink::{ConnectorError, ConnectorResult, SinkRecord};
use serde_json::{Value, value::RawValue};

use super::Table;

/// A column's name as a row has it, and the steps to its value.
type Wanted<'t> = (String, &'t [Box<str>]);

/// A JSON object for each record. Values are the producer's own text, so that no number changes.
pub(super) fn encode(table: &Table, records: &[SinkRecord]) -> ConnectorResult<Vec<u8>> {
    let mut columns: Option<Vec<Wanted<'_>>> = table
        .columns
        .as_ref()
        .map(|columns| columns.iter().map(|(column, pointer)| (name(column), pointer.steps())).collect());
    columns.iter_mut().for_each(|columns| columns.sort_by_key(|(_, steps)| *steps));
    let metadata: Vec<_> = table.metadata.iter().map(|which| (name(which.as_str()), *which)).collect();

    let mut rows = Vec::with_capacity(records.iter().map(|record| record.bytes().len() + 2).sum());
    for record in records {
        let json = record.json();
        let begin = rows.len() + 1;
        rows.push(b'{');
        match &columns {
            None => {
                let fields = json.strip_prefix('{').and_then(|json| json.strip_suffix('}'));
                let fields = fields.ok_or_else(|| invalid(record, "the payload is not a JSON object"))?;
                rows.extend_from_slice(fields.trim().as_bytes());
            }
            Some(columns) => pick(&json, columns, 0, &mut |name, value| field(&mut rows, name, value)),
        }
        if columns.is_some() && rows.len() == begin {
            return Err(invalid(record, "the payload has nothing that the mapping's columns name"));
        }
        for (name, which) in &metadata {
            field(&mut rows, name, &record.metadata(*which).to_string());
        }
        rows.extend_from_slice(b"}\n");
    }
    Ok(rows)
}

/// Finds what is there of the wanted, which are sorted by their steps and agree in the first `depth` of them. What lies
/// below the same step is read once.
fn pick(json: &str, wanted: &[Wanted<'_>], depth: usize, found: &mut impl FnMut(&str, &str)) {
    let (here, below) = wanted.split_at(wanted.partition_point(|(_, steps)| steps.len() == depth));
    here.iter().for_each(|(name, _)| found(name, json));
    if below.is_empty() {
        return;
    }
    match serde_json::from_str::<BTreeMap<&str, &RawValue>>(json) {
        Ok(fields) => pick_below(&fields, below, depth, found),
        Err(_) => pick_below(&parts(json), below, depth, found),
    }
}

fn pick_below<K: Borrow<str> + Ord>(
    parts: &BTreeMap<K, &RawValue>,
    wanted: &[Wanted<'_>],
    depth: usize,
    found: &mut impl FnMut(&str, &str),
) {
    for group in wanted.chunk_by(|(_, one), (_, other)| one[depth] == other[depth]) {
        if let Some(part) = parts.get(&*group[0].1[depth]) {
            pick(part.get(), group, depth + 1, found);
        }
    }
}

/// The fields of an object in whose names are escapes, or the items of an array by their numbers.
fn parts(json: &str) -> BTreeMap<String, &RawValue> {
    let items = |_| {
        let items: Vec<&RawValue> = serde_json::from_str(json)?;
        Ok(items.into_iter().enumerate().map(|(number, item)| (number.to_string(), item)).collect())
    };
    serde_json::from_str(json).or_else(items).unwrap_or_else(|_: serde_json::Error| BTreeMap::new())
}

fn name(column: &str) -> String {
    format!("{}:", Value::from(column))
}

fn field(rows: &mut Vec<u8>, name: &str, value: &str) {
    if !rows.ends_with(b"{") {
        rows.push(b',');
    }
    rows.extend_from_slice(name.as_bytes());
    rows.extend_from_slice(value.as_bytes());
}

fn invalid(record: &SinkRecord, reason: &str) -> ConnectorError {
    ConnectorError::invalid_record(record, reason)
}
