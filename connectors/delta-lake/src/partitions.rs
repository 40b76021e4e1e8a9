//! Values of partition columns, which are names of folders.

use danube_sink::PartialFailure;
use danube_sink_arrow::Rows;
use deltalake::arrow::{
    array::{Array, BooleanArray, Decimal128Array, Float64Array, StringArray},
    compute::filter_record_batch,
    datatypes::DataType,
    error::ArrowError,
};

/// The longest folder name on most file systems, in bytes.
const LONGEST: usize = 255;

const TOO_LONG: &str = "it is too long for the name of a folder (255 bytes, percent-encoded)";
/// The package `deltalake` up to 1.6.6 reads -1.50 as `-1.-50`, and then nothing of the table.
const NEGATIVE_FRACTION: &str =
    "readers could not open the table, since delta-rs misreads negative decimals with a fraction there";

/// Rejects rows with values that cannot be folder names, or that readers cannot read there.
///
/// # Errors
/// An error of Arrow.
pub(crate) fn writable<'r>(rows: Rows<'r>, partition_by: &[String]) -> Result<Rows<'r>, ArrowError> {
    let mut reasons: Vec<Option<String>> = vec![None; rows.records.len()];
    for name in partition_by {
        let Some(column) = rows.batch.column_by_name(name) else { continue };
        let room = LONGEST.saturating_sub(name.len() + 1);
        for (row, reason) in reasons.iter_mut().enumerate().filter(|(row, _)| column.is_valid(*row)) {
            if let Some(why) = violation(column, row, room) {
                reason.get_or_insert_with(|| format!("partition column `{name}` does not take it: {why}"));
            }
        }
    }
    if reasons.iter().all(Option::is_none) {
        return Ok(rows);
    }
    let Rows { batch, records, mut rejected, new_fields } = rows;
    let valid: BooleanArray = reasons.iter().map(|reason| Some(reason.is_none())).collect();
    let batch = filter_record_batch(&batch, &valid)?;
    let records = records.into_iter().zip(reasons).filter_map(|(record, reason)| match reason {
        Some(reason) => {
            PartialFailure::invalid(&mut rejected, record, reason);
            None
        }
        None => Some(record),
    });
    Ok(Rows { batch, records: records.collect(), rejected, new_fields })
}

/// Why a value cannot be a partition; `room` is what a folder's name has for it, in bytes.
fn violation(column: &dyn Array, row: usize, room: usize) -> Option<&'static str> {
    let any = column.as_any();
    if let Some(texts) = any.downcast_ref::<StringArray>() {
        return match texts.value(row) {
            "" => Some("Delta reads an empty string as null"),
            text => (encoded_length(text) > room).then_some(TOO_LONG),
        };
    }
    if let Some(numbers) = any.downcast_ref::<Float64Array>() {
        // In a folder's name it has all its digits.
        return (encoded_length(&numbers.value(row).to_string()) > room).then_some(TOO_LONG);
    }
    match (any.downcast_ref::<Decimal128Array>(), column.data_type()) {
        (Some(numbers), DataType::Decimal128(_, scale)) => {
            let one = 10_i128.checked_pow((*scale).try_into().unwrap_or_default()).unwrap_or(i128::MAX);
            (numbers.value(row) < 0 && numbers.value(row) % one != 0).then_some(NEGATIVE_FRACTION)
        }
        _ => None,
    }
}

fn encoded_length(value: &str) -> usize {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    value.bytes().map(|byte| if is_plain(byte) { 1 } else { 3 }).sum()
}
