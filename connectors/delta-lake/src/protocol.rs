//! Checks the table features that writers need to support, before the first record.

use danube_sink::Failure;
use deltalake::{
    kernel::transaction::{PROTOCOL, TransactionError},
    table::state::DeltaTableState,
};

use super::failure;

/// The newest protocol versions (reader, writer) that the library supports.
const NEWEST: (i32, i32) = (3, 7);

/// The metadata key of a column with an invariant.
const INVARIANT: &str = "\"delta.invariants\"";

/// The features of columns that records do not fill, also as a preview. The library writes tables with them.
const VARIANT: &str = "variantType";

/// Checks that the connector supports the table features that writers need. The library itself checks them only with the first
/// commit, and not the invariants of version 2.
///
/// # Errors
/// The names of the features that are not supported, and what to do.
pub(crate) fn check(table: &DeltaTableState, location: &str) -> Result<(), Failure> {
    let protocol = table.protocol();
    let (reader, writer) = (protocol.min_reader_version(), protocol.min_writer_version());
    if reader > NEWEST.0 || writer > NEWEST.1 {
        let versions = format!("the table {location} has reader version {reader} and writer version {writer}");
        return Err(failure::features(format!("{versions}, newer than this connector supports; name another table")));
    }
    let mut names = match PROTOCOL.can_write_to(table) {
        Ok(()) if writer == 2 && has_invariants(table) => vec!["invariants".to_owned()],
        Ok(()) => Vec::new(),
        Err(TransactionError::UnsupportedTableFeatures(features)) => features.iter().map(ToString::to_string).collect(),
        Err(other) => vec![other.to_string()],
    };
    let features = protocol.writer_features().unwrap_or_default().iter().map(ToString::to_string);
    names.extend(features.filter(|name| name.starts_with(VARIANT)));
    if names.is_empty() {
        return Ok(());
    }
    names.sort();
    let legacy = match writer {
        7 => "drop them with ALTER TABLE … DROP FEATURE",
        _ => "upgrade it to writer version 7 with only the features that it uses",
    };
    Err(failure::features(format!(
        "the table {location} (writer version {writer}) needs features that this connector does not support: {}; {legacy}, or \
         name another table",
        names.join(", ")
    )))
}

/// Whether a column has an invariant, which version 2 does not list as a feature.
fn has_invariants(table: &DeltaTableState) -> bool {
    serde_json::to_string(&*table.schema()).is_ok_and(|schema| schema.contains(INVARIANT))
}
