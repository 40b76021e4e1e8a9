//! What a failure of the table means for the records. The README has this as a table.

use danube_sink::prelude::*;
use deltalake::{
    DeltaTableError, ObjectStoreError,
    arrow::error::ArrowError,
    kernel::transaction::{CommitConflictError, TransactionError},
};

/// What cannot be put right while the connector runs is fatal, what the data is to blame for is refused, and everything else
/// may pass: the store is away or says no, another writer was faster.
pub(crate) trait Sorted<T> {
    fn sorted(self, what: &str) -> ConnectorResult<T>;
}

impl<T> Sorted<T> for Result<T, DeltaTableError> {
    fn sorted(self, what: &str) -> ConnectorResult<T> {
        use DeltaTableError as Delta;
        match self {
            Err(error @ (Delta::UnsupportedColumnMapping { .. } | Delta::MissingFeature { .. })) => {
                Err(error).fatal(what)
            }
            Err(Delta::Transaction { source }) if never_commits(&source) => Err(source).fatal(what),
            Err(Delta::ObjectStore { source }) if never_stores(&source) => Err(source).fatal(what),
            Err(error @ Delta::InvalidData { .. }) => Err(error).refused(what),
            Err(Delta::Arrow { source })
                if !matches!(source, ArrowError::IoError(..) | ArrowError::ExternalError(_)) =>
            {
                Err(source).refused(what)
            }
            other => other.retryable(what),
        }
    }
}

/// The table asks its writers for what this one does not know.
fn never_commits(error: &TransactionError) -> bool {
    use CommitConflictError::{UnsupportedReaderVersion, UnsupportedWriterVersion};
    use TransactionError::{CommitConflict, TableFeaturesRequired, UnsupportedTableFeatures};
    matches!(
        error,
        UnsupportedTableFeatures(_)
            | TableFeaturesRequired(_)
            | CommitConflict(UnsupportedReaderVersion(_) | UnsupportedWriterVersion(_))
    )
}

/// The store has no conditional writes, or its options are wrong.
fn never_stores(error: &ObjectStoreError) -> bool {
    use ObjectStoreError::{InvalidPath, NotImplemented, NotSupported, UnknownConfigurationKey};
    matches!(error, InvalidPath { .. } | NotImplemented { .. } | NotSupported { .. } | UnknownConfigurationKey { .. })
}
