//! Parallel conversion of a batch on all cores.

use std::{num::NonZero, panic, sync::LazyLock, thread};

use crate::record::SinkRecord;

/// Smallest part for a thread of its own. To start one takes some 35 µs, and milliseconds on a busy machine; to read a thousand
/// records of JSON takes 0.5 to 1.5 ms.
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

/// Delimiters for [`Batch::joined`](crate::Batch::joined): a JSON array, lines of JSON.
#[derive(Debug, Clone, Copy, Default)]
pub struct Joined<'t> {
    /// Text before the first record.
    pub open: &'t str,
    /// Text between records.
    pub between: &'t str,
    /// Text after the last record.
    pub close: &'t str,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(count: u64) -> Vec<SinkRecord> {
        (0..count).map(|offset| SinkRecord::builder("/default/t").offset(offset).build()).collect()
    }

    #[test]
    fn every_record_is_in_one_part_and_in_order() {
        for count in [0, 1, 2, 999, 1_000, 1_001, 2_000, 4_999, 40_001] {
            let all = records(count);
            let offsets = in_parts(&all, |part| part.iter().map(SinkRecord::offset).collect::<Vec<_>>());
            assert!(offsets.concat().into_iter().eq(0..count), "{count}");
            let parts = in_parts(&all, <[SinkRecord]>::len);
            assert_eq!(parts.iter().sum::<usize>() as u64, count);
            assert!(parts.len() == 1 || parts.iter().all(|part| *part >= PART / 2), "{count}: {parts:?}");
        }
    }

    #[test]
    #[should_panic(expected = "as the author wrote it")]
    fn a_panic_in_a_part_propagates_to_the_caller() {
        in_parts(&records(5_000), |part| assert!(part[0].offset() == 0, "as the author wrote it"));
        // With one core there is one part, which does not panic.
        assert!(*CORES > 1, "as the author wrote it");
    }
}
