//! What a table asks of those who write to it, looked at before the first record.

use deltalake::{
    kernel::transaction::{PROTOCOL, TransactionError},
    table::state::DeltaTableState,
};

use super::failure::Failure;

/// The newest versions of the protocol that the library knows; what newer ones ask of a writer it cannot say.
const NEWEST: (i32, i32) = (3, 7);

/// What a column with an invariant has in its metadata.
const INVARIANT: &str = "\"delta.invariants\"";

/// Whether the connector can do what the table's protocol asks of its writers. The library itself says so with the first
/// commit alone, and does not look for invariants of version 2.
///
/// # Errors
/// The features that it cannot write, by their names, and what to do.
pub(crate) fn check(table: &DeltaTableState, place: &str) -> Result<(), Failure> {
    let protocol = table.protocol();
    let (reader, writer) = (protocol.min_reader_version(), protocol.min_writer_version());
    if reader > NEWEST.0 || writer > NEWEST.1 {
        let versions = format!("the table {place} has reader version {reader} and writer version {writer}");
        return Err(Failure::features(format!("{versions}, newer than this connector knows; name another table")));
    }
    let names = match PROTOCOL.can_write_to(table) {
        Ok(()) if writer == 2 && has_invariants(table) => vec!["invariants".to_owned()],
        Ok(()) => return Ok(()),
        Err(TransactionError::UnsupportedTableFeatures(features)) => {
            let mut names: Vec<_> = features.iter().map(ToString::to_string).collect();
            names.sort();
            names
        }
        Err(other) => vec![other.to_string()],
    };
    let legacy = match writer {
        7 => "drop them with ALTER TABLE … DROP FEATURE",
        _ => "upgrade it to writer version 7 with those features alone that it uses",
    };
    Err(Failure::features(format!(
        "the table {place} (writer version {writer}) asks of its writers what this connector cannot do: {}; {legacy}, or name \
         another table",
        names.join(", ")
    )))
}

/// Version 2 has invariants without a list of features.
fn has_invariants(table: &DeltaTableState) -> bool {
    serde_json::to_string(&*table.schema()).is_ok_and(|schema| schema.contains(INVARIANT))
}
