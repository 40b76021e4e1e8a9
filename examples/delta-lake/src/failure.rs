//! What a failure of the table means for the records. The README has this as a table.

use CommitConflictError::{UnsupportedReaderVersion, UnsupportedWriterVersion};
use DeltaTableError::{Arrow, InvalidData, MissingFeature, ObjectStore, Transaction, UnsupportedColumnMapping};
use ObjectStoreError::{InvalidPath, NotImplemented, NotSupported, UnknownConfigurationKey};
use TransactionError::{CommitConflict, TableFeaturesRequired, UnsupportedTableFeatures};
use danube_sink::prelude::*;
use deltalake::{
    DeltaTableError, ObjectStoreError,
    arrow::error::ArrowError::{ExternalError, IoError},
    kernel::transaction::{CommitConflictError, TransactionError},
};

pub(crate) trait Sorted<T> {
    /// What cannot be put right while the connector runs is fatal: a table that asks its writers for what this one does not
    /// know, a store without conditional writes. What the data is to blame for is refused. Everything else may pass.
    fn sorted(self, what: &str) -> ConnectorResult<T>;
}

impl<T, E: Into<DeltaTableError>> Sorted<T> for Result<T, E> {
    fn sorted(self, what: &str) -> ConnectorResult<T> {
        match self.map_err(Into::into) {
            Err(
                error @ (UnsupportedColumnMapping { .. }
                | MissingFeature { .. }
                | Transaction { source: UnsupportedTableFeatures(_) | TableFeaturesRequired(_) }
                | Transaction {
                    source: CommitConflict(UnsupportedReaderVersion(_) | UnsupportedWriterVersion(_)),
                }
                | ObjectStore { source: InvalidPath { .. } | NotImplemented { .. } | NotSupported { .. } }
                | ObjectStore { source: UnknownConfigurationKey { .. } }),
            ) => Err(error).fatal(what),
            error @ Err(Arrow { source: IoError(..) | ExternalError(_) }) => error.retryable(what),
            error @ Err(InvalidData { .. } | Arrow { .. }) => error.refused(what),
            other => other.retryable(what),
        }
    }
}
