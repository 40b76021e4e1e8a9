//! Mass refusals: whether the records or the target are at fault.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A mass refusal: so many distinct records refused, in at least [`WRITES`] writes and without one success.
const RECORDS: usize = 32;
const WRITES: usize = 2;

/// Consecutive refusals of a mapping.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<Row>);

#[derive(Debug, Default)]
struct Row {
    records: usize,
    writes: usize,
}

impl Refusals {
    /// Counts a write that refused so many single records and delivered none. Whether it is a mass refusal.
    pub(crate) fn refused(&self, records: usize) -> bool {
        let mut row = self.row();
        row.records += records;
        row.writes += 1;
        row.records >= RECORDS && row.writes >= WRITES
    }

    /// Resets the count: the target took a record, or is tried once more after a wait.
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
        assert!(!refusals.refused(1_000), "one write alone is no mass refusal");
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
