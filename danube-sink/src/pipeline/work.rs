//! The undelivered rest of a batch, and what is known of its records.

use super::{
    backoff::Backoff, budget::Budget, decided::Decisions, mapping::Failing, outcome::Rejected, partition::Partition,
    pending::PendingRecords, refusals::RefusalRow,
};

/// The undelivered rest of a batch.
pub(super) struct Work {
    /// The pieces to write, the next one last.
    pub(super) pieces: Vec<PendingRecords>,
    /// Invalid records. They are settled last, so that the others are delivered even if one stops the connector.
    pub(super) invalid: Vec<Rejected>,
    /// Records that the target refused. They are settled last, too: after a mass refusal they are written again.
    pub(super) refused: Vec<Refused>,
    /// Records whose retries are exhausted: dead letters, whatever the policy for rejected ones.
    pub(super) exhausted: Vec<Rejected>,
    pub(super) retries: u32,
    pub(super) backoff: Backoff,
    /// Set while the target takes nothing.
    pub(super) failing: Option<Failing>,
    /// The mass refusal that the batch waited for.
    pub(super) mass: Option<RefusalRow>,
    /// A rejected record stops the connector: refused pieces are not halved any more.
    pub(super) ends: bool,
}

/// A record that the target refused.
pub(super) struct Refused {
    pub(super) rejected: Rejected,
    /// `None` if the record is at fault: the same write took others, or all records that are refused count as that.
    pub(super) row: Option<RefusalRow>,
}

impl Refused {
    /// The mass refusal that it was a part of.
    pub(super) fn mass(&self) -> Option<&RefusalRow> {
        self.row.as_ref().filter(|row| row.is_mass())
    }

    /// Whether a record that was refused in that row is at fault, whatever the target answers to others.
    fn is_final(row: Option<&RefusalRow>) -> bool {
        row.is_none_or(|row| row.has_ended() && !row.is_mass())
    }

    /// Whether the target refused everything then and takes records again, so that the record deserves another attempt.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.mass().is_some_and(RefusalRow::has_ended)
    }
}

impl Work {
    pub(super) fn new(invalid: Vec<Rejected>, exhausted: Vec<Rejected>, backoff: Backoff) -> Self {
        Self {
            pieces: Vec::new(),
            invalid,
            refused: Vec::new(),
            exhausted,
            retries: 0,
            backoff,
            failing: None,
            mass: None,
            ends: false,
        }
    }

    /// Queues two pieces: `first` is written next, and `second` after it.
    pub(super) fn put_back(&mut self, second: PendingRecords, first: PendingRecords) {
        self.pieces.extend([second, first].into_iter().filter(|piece| !piece.is_empty()));
    }

    /// Takes out the refused records that fit, in their order.
    pub(super) fn take_refused(&mut self, mut fits: impl FnMut(&Refused) -> bool) -> PendingRecords {
        let mut taken = PendingRecords::default();
        for refused in std::mem::take(&mut self.refused) {
            if fits(&refused) {
                taken.push(refused.rejected.record);
            } else {
                self.refused.push(refused);
            }
        }
        taken
    }

    /// Gives back the records of some detached partitions, and remembers the verdicts on them. Those that may be written again
    /// before later ones are kept, in chunks of their own.
    pub(super) fn release(&mut self, decisions: &Decisions, budget: &Budget, goes_back: impl Fn(&Partition) -> bool) {
        self.pieces.iter_mut().for_each(|piece| piece.release(&goes_back));
        self.pieces.retain(|piece| !piece.is_empty());
        decisions.release(&mut self.invalid, false, &goes_back);
        decisions.release(&mut self.exhausted, true, &goes_back);
        for Refused { rejected, row } in std::mem::take(&mut self.refused) {
            if Refused::is_final(row.as_ref()) && goes_back(&rejected.record.partition) {
                decisions.give_back(rejected, false);
            } else {
                self.refused.push(Refused { rejected: rejected.alone(budget), row });
            }
        }
    }

    /// The target answered something else than before, or took a record.
    pub(super) fn recovers(&mut self) {
        self.mass = None;
        if let Some(failing) = self.failing.take() {
            failing.end();
        }
    }
}
