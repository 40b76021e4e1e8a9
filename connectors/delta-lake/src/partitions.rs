//! Values of partition columns, which are names of folders.

use danube_sink::{PartialFailure, prelude::Url};
use danube_sink_arrow::Rows;
use deltalake::arrow::{
    array::{Array, BooleanArray, Decimal128Array, Float64Array, StringArray},
    compute::filter_record_batch,
    datatypes::DataType,
    error::ArrowError,
};

/// The longest folder name on most file systems, in bytes.
const LONGEST: usize = 255;
/// The longest key of an object in S3 and others, in bytes.
const LONGEST_KEY: usize = 1_024;
/// The longest path on most disks, in bytes.
const LONGEST_PATH: usize = 4_096;
/// What the name of a file takes at most, in bytes.
const FILE_NAME: usize = 100;
/// What the values of other types than strings and `double` take at most, and a null, in bytes.
const OTHER_VALUE: usize = 50;

const TOO_LONG: &str = "it is too long for the name of a folder (255 bytes, percent-encoded)";
const TOGETHER_TOO_LONG: &str =
    "its values of partition columns are together too long for the path of a file (1,024 bytes in a store)";
/// The package `deltalake` up to 1.6.6 reads -1.50 as `-1.-50`, and then nothing of the table.
const NEGATIVE_FRACTION: &str =
    "readers could not open the table, since delta-rs misreads negative decimals with a fraction there";

/// What the folders of a file have together, in bytes, in the table at a location.
pub(crate) fn room(table: &Url) -> usize {
    let longest = if table.scheme() == "file" { LONGEST_PATH } else { LONGEST_KEY };
    longest.saturating_sub(table.path().len() + FILE_NAME)
}

/// Rejects rows with values that cannot be folder names, or that readers cannot read there. `room` is what the folders of a file
/// have together, in bytes.
///
/// # Errors
/// An error of Arrow.
pub(crate) fn writable<'r>(rows: Rows<'r>, partition_by: &[String], room: usize) -> Result<Rows<'r>, ArrowError> {
    let mut reasons: Vec<Option<String>> = vec![None; rows.records.len()];
    let mut lengths = vec![0; rows.records.len()];
    for name in partition_by {
        let Some(column) = rows.batch.column_by_name(name) else { continue };
        for (row, (reason, length)) in reasons.iter_mut().zip(&mut lengths).enumerate() {
            let of_value = length_of(column, row);
            // With `=` and `/`.
            *length += name.len() + of_value.unwrap_or(OTHER_VALUE) + 2;
            let is_too_long = of_value.is_some_and(|of_value| name.len() + 1 + of_value > LONGEST);
            if let Some(why) = is_too_long.then_some(TOO_LONG).or_else(|| violation(column, row)) {
                reason.get_or_insert_with(|| format!("partition column `{name}` does not take it: {why}"));
            }
        }
    }
    for (reason, _) in reasons.iter_mut().zip(&lengths).filter(|(_, length)| **length > room) {
        reason.get_or_insert_with(|| TOGETHER_TOO_LONG.to_owned());
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

/// What a string or a `double` takes in the name of a folder, in bytes; `None` for a null and for other types.
fn length_of(column: &dyn Array, row: usize) -> Option<usize> {
    let any = column.as_any();
    if let Some(texts) = any.downcast_ref::<StringArray>().filter(|texts| texts.is_valid(row)) {
        return Some(encoded_length(texts.value(row)));
    }
    let numbers = any.downcast_ref::<Float64Array>().filter(|numbers| numbers.is_valid(row))?;
    // In a folder's name it has all its digits.
    Some(encoded_length(&numbers.value(row).to_string()))
}

/// Why a value cannot be a partition, whatever its length.
fn violation(column: &dyn Array, row: usize) -> Option<&'static str> {
    if column.is_null(row) {
        return None;
    }
    if let Some(texts) = column.as_any().downcast_ref::<StringArray>() {
        return texts.value(row).is_empty().then_some("Delta reads an empty string as null");
    }
    match (column.as_any().downcast_ref::<Decimal128Array>(), column.data_type()) {
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
