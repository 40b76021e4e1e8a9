//! What a failure of the table means for the records. The README has this as a table.

use DeltaTableError::{Arrow, InvalidData, MissingFeature, ObjectStore, Transaction, UnsupportedColumnMapping};
use danube_sink::prelude::*;
use deltalake::{
    DeltaTableError, ObjectStoreError as Store, arrow::error::ArrowError,
    kernel::transaction::TransactionError as Commit,
};

pub(crate) trait Sorted<T> {
    /// What cannot be put right while the connector runs is fatal: a table that asks its writers for what this one does not
    /// know, a store without conditional writes. What the data is to blame for is refused. Everything else may pass.
    fn sorted(self, what: &str) -> ConnectorResult<T>;
}

impl<T, E: Into<DeltaTableError>> Sorted<T> for Result<T, E> {
    fn sorted(self, what: &str) -> ConnectorResult<T> {
        match self.map_err(Into::into) {
            error @ Err(UnsupportedColumnMapping { .. } | MissingFeature { .. }) => error.fatal(what),
            error @ Err(Transaction { source: Commit::UnsupportedTableFeatures(_) }) => error.fatal(what),
            error @ Err(Transaction { source: Commit::TableFeaturesRequired(_) }) => error.fatal(what),
            error @ Err(ObjectStore { source: Store::InvalidPath { .. } }) => error.fatal(what),
            error @ Err(ObjectStore { source: Store::UnknownConfigurationKey { .. } }) => error.fatal(what),
            error @ Err(ObjectStore { source: Store::NotImplemented { .. } }) => error.fatal(what),
            error @ Err(Arrow { source: ArrowError::IoError(..) }) => error.retryable(what),
            error @ Err(Arrow { source: ArrowError::ExternalError(_) }) => error.retryable(what),
            error @ Err(InvalidData { .. } | Arrow { .. }) => error.refused(what),
            other => other.retryable(what),
        }
    }
}
