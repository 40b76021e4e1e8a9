//! Mass refusals: whether the records or the target are at fault.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

/// A mass refusal: so many distinct records refused, in at least [`WRITES`] writes and without one success.
const RECORDS: usize = 32;
const WRITES: usize = 2;

/// Consecutive refusals of a mapping.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<Count>);

#[derive(Debug, Default)]
struct Count {
    records: usize,
    writes: usize,
    row: RefusalRow,
}

/// A row of refusals, from one success of the target to the next. The records that were refused in it share it: what is
/// learned later decides about them.
#[derive(Debug, Clone, Default)]
pub(crate) struct RefusalRow(Arc<RowState>);

#[derive(Debug, Default)]
struct RowState {
    /// So many were refused that the records are not the cause.
    is_mass: AtomicBool,
    /// The target took a record again.
    has_ended: AtomicBool,
}

impl Refusals {
    /// Counts a write that refused so many single records and delivered none. Returns their row, and whether it is a mass
    /// refusal once more.
    pub(crate) fn refused(&self, records: usize) -> (RefusalRow, bool) {
        let mut count = self.count();
        count.records += records;
        count.writes += 1;
        let is_mass = count.records >= RECORDS && count.writes >= WRITES;
        if is_mass {
            // After a wait, so many are tried again: a record that is not at fault may stand behind some that are.
            (count.records, count.writes) = (0, 0);
            count.row.0.is_mass.store(true, Ordering::Relaxed);
        }
        (count.row.clone(), is_mass)
    }

    /// Ends the row: the target took a record.
    pub(crate) fn end_row(&self) {
        let mut count = self.count();
        if count.writes > 0 || count.row.is_mass() {
            count.row.0.has_ended.store(true, Ordering::Relaxed);
            *count = Count::default();
        }
    }

    fn count(&self) -> MutexGuard<'_, Count> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RefusalRow {
    /// Whether it became a mass refusal.
    pub(crate) fn is_mass(&self) -> bool {
        self.0.is_mass.load(Ordering::Relaxed)
    }

    /// Whether the target took a record after it.
    pub(crate) fn has_ended(&self) -> bool {
        self.0.has_ended.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_mass(refusals: &Refusals, records: usize) -> bool {
        refusals.refused(records).1
    }

    #[test]
    fn many_records_in_two_writes_without_a_success_are_a_mass_refusal() {
        let refusals = Refusals::default();
        assert!(!is_mass(&refusals, 1_000), "one write alone is no mass refusal");
        assert!(is_mass(&refusals, 1));
        refusals.end_row();
        assert!((1..RECORDS).all(|_| !is_mass(&refusals, 1)));
        assert!(is_mass(&refusals, 1));
    }

    #[test]
    fn a_mass_refusal_lasts_until_the_target_takes_a_record_and_is_one_for_all_records_of_its_row() {
        let refusals = Refusals::default();
        let (first, _) = refusals.refused(1);
        assert!(!first.is_mass());
        assert!((1..RECORDS).any(|_| is_mass(&refusals, 1)));
        let (later, again) = refusals.refused(1);
        assert!(!again, "others of the batch are tried");
        assert!([&first, &later].iter().all(|row| row.is_mass() && !row.has_ended()));
        refusals.end_row();
        let (next, _) = refusals.refused(1);
        assert!(!next.is_mass() && !next.has_ended());
        assert!([&first, &later].iter().all(|row| row.is_mass() && row.has_ended()));
    }

    #[test]
    fn one_success_in_between_begins_a_new_row() {
        let refusals = Refusals::default();
        for _ in 0..10 {
            assert!((1..RECORDS).all(|_| !is_mass(&refusals, 1)));
            refusals.end_row();
        }
    }
}
