//! The rows of records: plain ones, tombstones, and changes.

use danube_sink::{ConnectorError, ConnectorResult, Field, Fields, SinkRecord, in_parts};

use super::{
    changes::{Envelopes, key_of_tombstone},
    layout::Layout,
    plan::Plan,
    rows::Row,
};

/// How records become rows.
#[derive(Debug)]
pub(crate) enum Records {
    AreRows {
        values: Fields,
        columns: Vec<Field>,
        /// The indices of the key's columns, if a tombstone deletes a row.
        tombstones: Option<Vec<usize>>,
    },
    AreChanges(Box<Envelopes>),
}

/// Rows of records, and the records that cannot become rows.
#[derive(Default)]
pub(crate) struct Converted<'r> {
    pub(crate) rows: Vec<Row<'r>>,
    /// With the reason.
    pub(crate) invalid: Vec<(&'r SinkRecord, String)>,
}

impl Records {
    pub(crate) fn of(plan: &Plan) -> Self {
        let columns: Vec<_> = plan.columns.iter().map(|(_, field)| field.clone()).collect();
        let is_key = |(index, (name, _)): (usize, &(String, Field))| plan.key.contains(name).then_some(index);
        let keys = plan.columns.iter().enumerate().filter_map(is_key).collect();
        match &plan.changes {
            None => Self::AreRows {
                values: columns.iter().cloned().collect(),
                columns,
                tombstones: plan.tombstones.then_some(keys),
            },
            Some(changes) => Self::AreChanges(Box::new(Envelopes::new(changes.clone(), &columns, keys))),
        }
    }

    /// The rows of the valid records, and the other records.
    pub(crate) fn convert<'r>(
        &self,
        plan: &Plan,
        layout: &Layout,
        records: &'r [SinkRecord],
    ) -> ConnectorResult<Converted<'r>> {
        let parts = in_parts(records, |part| {
            let mut converted = Converted { rows: Vec::with_capacity(part.len()), invalid: Vec::new() };
            for record in part {
                match self.rows_of(plan, layout, record) {
                    Ok(rows) => converted.rows.extend(rows),
                    Err(ConnectorError::InvalidRecord { reason, .. }) => converted.invalid.push((record, reason)),
                    Err(error) => return Err(error),
                }
            }
            Ok(converted)
        });
        let mut all = Converted::default();
        for part in parts {
            let part = part?;
            all.rows.extend(part.rows);
            all.invalid.extend(part.invalid);
        }
        Ok(all)
    }

    fn rows_of<'r>(&self, plan: &Plan, layout: &Layout, record: &'r SinkRecord) -> ConnectorResult<Vec<Row<'r>>> {
        let row = |(values, deletes)| layout.row(record, values, deletes, plan.check.as_ref());
        match self {
            Self::AreRows { columns, tombstones: Some(keys), .. } if record.is_tombstone() => {
                Ok(vec![row(key_of_tombstone(record, columns, keys)?)?])
            }
            Self::AreRows { values, .. } => Ok(vec![row((values.json_of(record)?, false))?]),
            Self::AreChanges(envelopes) => envelopes.of(record)?.into_iter().map(row).collect(),
        }
    }
}
