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
    /// There was a mass refusal, and the target has taken nothing since.
    is_mass: bool,
}

impl Refusals {
    /// Counts a write that refused so many single records and delivered none; `is_last` if the batch has no others left. Whether it
    /// is a mass refusal.
    pub(crate) fn refused(&self, records: usize, is_last: bool) -> bool {
        let mut row = self.row();
        row.records += records;
        row.writes += 1;
        let is_mass = row.records >= RECORDS && row.writes >= WRITES || is_last && row.is_mass;
        if is_mass {
            // After a wait, so many are tried again: a record that is not at fault may stand behind some that are.
            *row = Row { is_mass, ..Row::default() };
        }
        is_mass
    }

    /// Resets the count: the target took a record.
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
        assert!(!refusals.refused(1_000, true), "one write alone is no mass refusal");
        assert!(refusals.refused(1, true));
        refusals.reset();
        assert!((1..RECORDS).all(|_| !refusals.refused(1, true)));
        assert!(refusals.refused(1, true));
    }

    #[test]
    fn a_mass_refusal_lasts_until_the_target_takes_a_record() {
        let refusals = Refusals::default();
        assert!((1..=RECORDS).any(|_| refusals.refused(1, true)));
        assert!(!refusals.refused(1, false), "others of the batch are tried");
        assert!(refusals.refused(1, true), "a whole batch was refused again");
        refusals.reset();
        assert!(!refusals.refused(1, true));
    }

    #[test]
    fn one_success_in_between_begins_a_new_row() {
        let refusals = Refusals::default();
        for _ in 0..10 {
            assert!((1..RECORDS).all(|_| !refusals.refused(1, true)));
            refusals.reset();
        }
    }
}
