//! The rows of records: plain ones, tombstones, and changes.

use danube_sink::{ConnectorError, ConnectorResult, Fields, SinkRecord, in_parts};

use super::{
    changes::{Envelopes, key_of_tombstone},
    fields::NewField,
    layout::Layout,
    plan::Plan,
    rows::Row,
};

/// How records become rows.
#[derive(Debug)]
pub(crate) enum Records {
    AreRows {
        /// The values of the columns that the plan names.
        named: Fields,
        /// Whether a tombstone deletes a row.
        tombstones: bool,
    },
    AreChanges(Box<Envelopes>),
}

/// Rows of records, and the records that cannot become rows.
#[derive(Default)]
pub(crate) struct Converted<'r> {
    pub(crate) rows: Vec<Row<'r>>,
    /// With the reason.
    pub(crate) invalid: Vec<(&'r SinkRecord, String)>,
    /// With a field that the table has no column for.
    pub(crate) new_fields: Vec<(&'r SinkRecord, NewField)>,
    /// Whether a field that the table has no column for is left out.
    pub(crate) leaves_out: bool,
}

/// Why a record has no rows.
enum Violation {
    Error(ConnectorError),
    NewField(NewField),
}

impl From<ConnectorError> for Violation {
    fn from(error: ConnectorError) -> Self {
        Self::Error(error)
    }
}

impl Records {
    pub(crate) fn of(plan: &Plan) -> Self {
        let columns: Vec<_> = plan.columns.iter().map(|(_, field)| field.clone()).collect();
        match &plan.changes {
            None => Self::AreRows { named: columns.into_iter().collect(), tombstones: plan.tombstones },
            Some(changes) => {
                let is_key = |index: &usize| plan.key.contains(&plan.columns[*index].0);
                let keys = (0..columns.len()).filter(is_key).collect();
                Self::AreChanges(Box::new(Envelopes::new(changes.clone(), &columns, keys)))
            }
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
            let mut converted = Converted { rows: Vec::with_capacity(part.len()), ..Converted::default() };
            for record in part {
                match self.rows_of(plan, layout, record, &mut converted) {
                    Ok(()) => {}
                    Err(Violation::Error(ConnectorError::InvalidRecord { reason, .. })) => {
                        converted.invalid.push((record, reason));
                    }
                    Err(Violation::Error(error)) => return Err(error),
                    Err(Violation::NewField(field)) => converted.new_fields.push((record, field)),
                }
            }
            Ok(converted)
        });
        let mut all = Converted::default();
        for part in parts {
            let part = part?;
            all.rows.extend(part.rows);
            all.invalid.extend(part.invalid);
            all.new_fields.extend(part.new_fields);
            all.leaves_out |= part.leaves_out;
        }
        Ok(all)
    }

    fn rows_of<'r>(
        &self,
        plan: &Plan,
        layout: &Layout,
        record: &'r SinkRecord,
        converted: &mut Converted<'r>,
    ) -> Result<(), Violation> {
        let row = |(values, deletes)| layout.row(record, values, deletes, plan.check.as_ref());
        match self {
            Self::AreRows { tombstones: true, .. } if record.is_tombstone() => {
                converted.rows.push(row(key_of_tombstone(record, &layout.columns)?)?);
            }
            Self::AreRows { named, .. } => {
                let mut values = named.json_of(record)?;
                if let Some(fields) = &layout.fields {
                    values.resize(layout.columns.len(), None);
                    let (new, is_left_out) = fields.read(record, &mut values)?;
                    if let Some(field) = new {
                        return Err(Violation::NewField(field));
                    }
                    converted.leaves_out |= is_left_out;
                }
                converted.rows.push(row((values, false))?);
            }
            Self::AreChanges(envelopes) => {
                let rows: ConnectorResult<Vec<_>> = envelopes.of(record)?.into_iter().map(row).collect();
                converted.rows.extend(rows?);
            }
        }
        Ok(())
    }
}
