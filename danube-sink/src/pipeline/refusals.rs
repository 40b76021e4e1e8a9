//! Whether the target refuses records, or refuses to work.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// So many distinct records refused, in at least [`WRITES`] writes and without one success, are not at fault.
const RECORDS: usize = 32;
const WRITES: usize = 2;

/// The refusals of a mapping in a row.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<Row>);

#[derive(Debug, Default)]
struct Row {
    records: usize,
    writes: usize,
}

impl Refusals {
    /// A write refused so many records by themselves, and delivered none. Whether it is not the records.
    pub(crate) fn refused(&self, records: usize) -> bool {
        let mut row = self.row();
        row.records += records;
        row.writes += 1;
        row.records >= RECORDS && row.writes >= WRITES
    }

    /// The target took a record; or it was waited for, and is tried once more.
    pub(crate) fn reset(&self) {
        *self.row() = Row::default();
    }

    fn row(&self) -> MutexGuard<'_, Row> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_records_in_two_writes_without_a_success_are_a_mass_refusal() {
        let refusals = Refusals::default();
        assert!(!refusals.refused(1_000), "one write may be at fault by itself");
        assert!(refusals.refused(1));
        refusals.reset();
        assert!((1..RECORDS).all(|_| !refusals.refused(1)));
        assert!(refusals.refused(1));
    }

    #[test]
    fn one_success_in_between_begins_a_new_row() {
        let refusals = Refusals::default();
        for _ in 0..10 {
            assert!((1..RECORDS).all(|_| !refusals.refused(1)));
            refusals.reset();
        }
    }
}
