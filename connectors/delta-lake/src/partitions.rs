//! Values of partition columns, which are names of folders.

use danube_sink::PartialFailure;
use danube_sink_arrow::Rows;
use deltalake::arrow::{
    array::{Array, BooleanArray, StringArray},
    compute::filter_record_batch,
    error::ArrowError,
};

/// The longest folder name on most file systems, in bytes.
const LONGEST: usize = 255;

/// Rejects rows with values that cannot be folder names.
///
/// # Errors
/// An error of Arrow.
pub(crate) fn writable<'r>(rows: Rows<'r>, partition_by: &[String]) -> Result<Rows<'r>, ArrowError> {
    let mut reasons: Vec<Option<String>> = vec![None; rows.records.len()];
    for name in partition_by {
        let column = rows.batch.column_by_name(name).and_then(|column| column.as_any().downcast_ref::<StringArray>());
        for (reason, value) in reasons.iter_mut().zip(column.into_iter().flatten()) {
            let why = match value {
                Some("") => "Delta reads an empty string as null",
                Some(value) if name.len() + 1 + encoded_length(value) > LONGEST => {
                    "it is too long for the name of a folder (255 bytes, percent-encoded)"
                }
                _ => continue,
            };
            reason.get_or_insert_with(|| format!("partition column `{name}` does not take it: {why}"));
        }
    }
    if reasons.iter().all(Option::is_none) {
        return Ok(rows);
    }
    let Rows { batch, records, mut rejected } = rows;
    let valid: BooleanArray = reasons.iter().map(|reason| Some(reason.is_none())).collect();
    let batch = filter_record_batch(&batch, &valid)?;
    let records = records.into_iter().zip(reasons).filter_map(|(record, reason)| match reason {
        Some(reason) => {
            PartialFailure::invalid(&mut rejected, record, reason);
            None
        }
        None => Some(record),
    });
    Ok(Rows { batch, records: records.collect(), rejected })
}

fn encoded_length(value: &str) -> usize {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    value.bytes().map(|byte| if is_plain(byte) { 1 } else { 3 }).sum()
}
