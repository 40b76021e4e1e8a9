//! Records that delete earlier ones, which files cannot do.

use danube_sink::{ConnectorError, ConnectorResult, SinkRecord};

/// Rejects a [tombstone](SinkRecord::is_tombstone). It would be a row without a value, or with an empty one.
///
/// # Errors
/// [`ConnectorError::InvalidRecord`] for a tombstone.
pub fn reject_tombstone(record: &SinkRecord) -> ConnectorResult<()> {
    match record.is_tombstone() {
        true => Err(ConnectorError::invalid_record(record, "it is a tombstone, and files have no deletes")),
        false => Ok(()),
    }
}
