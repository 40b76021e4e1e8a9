//! Parallel conversion of a batch on all cores.

use std::{num::NonZero, panic, sync::LazyLock, thread};

use crate::{
    error::{ConnectorError, ConnectorResult, PartialFailure},
    record::{RecordId, SinkRecord},
};

/// An invalid record and the reason.
type Invalid = (RecordId, String);

/// Smallest number of records for which another thread pays off.
const PART: usize = 1_000;

/// Number of cores, read once: the operating system reads files to find it.
static CORES: LazyLock<usize> = LazyLock::new(|| thread::available_parallelism().map_or(1, NonZero::get));

/// Converts the parts of a batch in parallel, and returns the results in order. A batch of several thousand records has a
/// part for each core; the calling thread waits for all of them.
///
/// ```
/// use danube_sink::{SinkRecord, in_parts};
///
/// let records: Vec<_> = (0..5_000).map(|offset| SinkRecord::builder("/default/t").offset(offset).build()).collect();
/// let offsets = in_parts(&records, |part| part.iter().map(SinkRecord::offset).collect::<Vec<_>>()).concat();
/// assert!(offsets.into_iter().eq(0..5_000));
/// ```
pub fn in_parts<'r, T: Send>(records: &'r [SinkRecord], make: impl Fn(&'r [SinkRecord]) -> T + Sync) -> Vec<T> {
    if records.len() < 2 * PART {
        return vec![make(records)];
    }
    let mut parts = records.chunks(records.len().div_ceil(CORES.min(records.len() / PART)));
    let first = parts.next().unwrap_or_default();
    let make = &make;
    thread::scope(|scope| {
        let begin = |part| (part, thread::Builder::new().spawn_scoped(scope, move || make(part)));
        let others: Vec<_> = parts.map(begin).collect();
        let mut made = vec![make(first)];
        for (part, begun) in others {
            made.push(match begun {
                Ok(thread) => thread.join().unwrap_or_else(|panic| panic::resume_unwind(panic)),
                // The system cannot start another thread now.
                Err(_) => make(part),
            });
        }
        made
    })
}

/// Converts each record of a batch, in parallel as [`in_parts`] does, and returns the results in order.
///
/// One error lists every invalid record of the batch, so that a batch with many of them is written in two attempts and not
/// in one for each.
///
/// ```
/// use danube_sink::{ConnectorError, SinkRecord, each_record};
///
/// let records = ["1", "two", "three"].map(|payload| SinkRecord::builder("/default/t").payload(payload).build());
/// let number = |record: &SinkRecord| {
///     record.payload().as_u64().ok_or_else(|| ConnectorError::invalid_record(record, "not a number"))
/// };
/// assert_eq!(each_record(&records[..1], number)?, [1]);
/// assert!(matches!(each_record(&records, number), Err(ConnectorError::Partial(_))));
/// # Ok::<(), ConnectorError>(())
/// ```
///
/// # Errors
/// [`ConnectorError::InvalidRecord`] if `make` returns it for one record; [`ConnectorError::Partial`] if it does for several,
/// with all others to be written again; otherwise the first error of another variant.
pub fn each_record<'r, T: Send>(
    records: &'r [SinkRecord],
    make: impl Fn(&'r SinkRecord) -> ConnectorResult<T> + Sync,
) -> ConnectorResult<Vec<T>> {
    let parts = in_parts(records, |part| {
        let mut made = Vec::with_capacity(part.len());
        let invalid = invalid_of(part, |record| {
            made.push(make(record)?);
            Ok(())
        })?;
        Ok((made, invalid))
    });
    without_invalid(records, parts).map(|parts| parts.into_iter().flatten().collect())
}

/// The records for which `write` returns [`ConnectorError::InvalidRecord`].
fn invalid_of<'r>(
    part: &'r [SinkRecord],
    mut write: impl FnMut(&'r SinkRecord) -> ConnectorResult<()>,
) -> ConnectorResult<Vec<Invalid>> {
    let mut invalid = Vec::new();
    for record in part {
        match write(record) {
            Ok(()) => {}
            Err(ConnectorError::InvalidRecord { id, reason }) => invalid.push((id, reason)),
            Err(error) => return Err(error),
        }
    }
    Ok(invalid)
}

/// The converted parts of a batch, if all of its records are valid.
fn without_invalid<T>(
    records: &[SinkRecord],
    parts: Vec<ConnectorResult<(T, Vec<Invalid>)>>,
) -> ConnectorResult<Vec<T>> {
    let (parts, invalid): (Vec<_>, Vec<_>) =
        parts.into_iter().collect::<ConnectorResult<Vec<_>>>()?.into_iter().unzip();
    let mut invalid = invalid.concat();
    match invalid.pop() {
        None => Ok(parts),
        Some((id, reason)) if invalid.is_empty() => Err(ConnectorError::InvalidRecord { id, reason }),
        Some(last) => {
            invalid.push(last);
            Err(PartialFailure::of_invalid(records, invalid).into())
        }
    }
}

/// Delimiters for the bytes of a batch: its records are serialized in parallel, as [`in_parts`] does, and joined.
///
/// ```
/// use danube_sink::{Joined, SinkRecord};
///
/// let records = ["1", "2"].map(|payload| SinkRecord::builder("/default/t").payload(payload).build());
/// let array = Joined { open: "[", between: ",", close: "]" };
/// let array = array.bytes(&records, |record, bytes| {
///     bytes.extend_from_slice(record.json().as_bytes());
///     Ok(())
/// })?;
/// assert_eq!(array, b"[1,2]");
/// # Ok::<(), danube_sink::ConnectorError>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Joined<'t> {
    /// Text before the first record.
    pub open: &'t str,
    /// Text between records.
    pub between: &'t str,
    /// Text after the last record.
    pub close: &'t str,
}

impl Joined<'_> {
    /// Serializes a batch to bytes; `write` appends one record.
    ///
    /// # Errors
    /// Those of [`each_record`].
    pub fn bytes(
        self,
        records: &[SinkRecord],
        write: impl Fn(&SinkRecord, &mut Vec<u8>) -> ConnectorResult<()> + Sync,
    ) -> ConnectorResult<Vec<u8>> {
        let Self { open, between, close } = self;
        let parts = in_parts(records, |part| {
            let length: usize = part.iter().map(|record| record.bytes().len() + between.len()).sum();
            let mut bytes = Vec::with_capacity(open.len() + length + close.len());
            // Most batches are one part, whose bytes are returned without a copy.
            if part.as_ptr() == records.as_ptr() {
                bytes.extend_from_slice(open.as_bytes());
            }
            let invalid = invalid_of(part, |record| {
                write(record, &mut bytes)?;
                bytes.extend_from_slice(between.as_bytes());
                Ok(())
            })?;
            Ok((bytes, invalid))
        });
        let mut parts = without_invalid(records, parts)?.into_iter();
        let mut all = parts.next().unwrap_or_default();
        for part in parts {
            all.extend_from_slice(&part);
        }
        if !records.is_empty() {
            all.truncate(all.len() - between.len());
        }
        all.extend_from_slice(close.as_bytes());
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ConnectorError;

    fn records(count: u64) -> Vec<SinkRecord> {
        (0..count).map(|offset| SinkRecord::builder("/default/t").offset(offset).build()).collect()
    }

    fn joined(count: u64) -> String {
        let lines = Joined { open: "<", between: "\n", close: ">" };
        let bytes = lines.bytes(&records(count), |record, bytes| {
            bytes.extend_from_slice(record.offset().to_string().as_bytes());
            Ok(())
        });
        String::from_utf8(bytes.unwrap()).unwrap()
    }

    #[test]
    fn every_record_is_in_one_part_and_in_order() {
        for count in [0, 1, 2, 999, 1_000, 1_001, 2_000, 4_999, 40_001] {
            let numbers: Vec<_> = (0..count).map(|number: u64| number.to_string()).collect();
            assert_eq!(joined(count), format!("<{}>", numbers.join("\n")), "{count}");
            let parts = in_parts(&records(count), <[SinkRecord]>::len);
            assert_eq!(parts.iter().sum::<usize>() as u64, count);
            assert!(parts.len() == 1 || parts.iter().all(|part| *part >= PART / 2), "{count}: {parts:?}");
        }
    }

    #[test]
    fn the_first_error_is_returned() {
        let error = Joined::default().bytes(&records(5_000), |record, _| match record.offset() {
            1_500 | 4_500 => Err(ConnectorError::fatal(record.offset().to_string())),
            _ => Ok(()),
        });
        assert_eq!(error.unwrap_err().report(), "1500");
    }

    #[test]
    #[should_panic(expected = "as the author wrote it")]
    fn a_panic_in_a_part_propagates_to_the_caller() {
        in_parts(&records(5_000), |part| assert!(part[0].offset() == 0, "as the author wrote it"));
        // With one core there is one part, which does not panic.
        assert!(*CORES > 1, "as the author wrote it");
    }
}
