//! What the tables of a mapping share, and what their failures mean for its records.

use std::sync::Arc;

use danube_sink::{ConnectorError, ConnectorResult, PartialFailure, SinkRecord};

use super::{
    failure::{Failure, Shown, classified},
    plan::Plan,
    records::Records,
    session::Session,
};

/// What the tables of a mapping share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) session: Arc<Session>,
    pub(crate) plan: Plan,
    pub(crate) records: Records,
}

impl Shared {
    /// Whether each record chooses its table: then messages show no table's name, since it has values of the record.
    pub(crate) fn is_by_content(&self) -> bool {
        self.plan.table.constant().is_none()
    }

    /// Turns the failure of a write of these records into the error of its class. A table that records choose, and that cannot
    /// be written, rejects them: another attempt would hold up the records of other tables.
    ///
    /// # Errors
    /// The error of the failure's class, or the rejected records.
    pub(crate) fn judged<T>(
        &self,
        result: Result<T, Failure>,
        records: &[SinkRecord],
        what: &str,
        shown: Shown,
    ) -> ConnectorResult<T> {
        let shown = if self.is_by_content() { Shown::Condition } else { shown };
        match result {
            Err(failure) if self.is_by_content() && failure.is_of_table() => {
                Err(self.rejects(records, &failure.text(shown)))
            }
            result => classified(result, what, shown),
        }
    }

    /// The error that rejects the records of a table that cannot be written.
    pub(crate) fn rejects(&self, records: &[SinkRecord], why: &str) -> ConnectorError {
        let reason = format!("the table that it chooses by `{}` cannot be written: {why}", self.plan.table);
        PartialFailure::of_rejected(records, &reason).into()
    }
}
