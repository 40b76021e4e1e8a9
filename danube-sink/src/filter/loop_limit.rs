//! How long the loops of an expression may take for one record.

use std::cell::Cell;

use super::payload::Wanted;

/// The most steps that the loops of an expression take for one record.
const MOST_STEPS: usize = 10_000_000;
/// The bytes of a string whose search or copy takes as long as a step.
const STEP_BYTES: usize = 128;

/// The loops of an expression.
#[derive(Debug, Default)]
pub(super) struct Loops {
    /// How many are within each other.
    pub(super) depth: u32,
    /// How many values the expression itself has for them to repeat.
    pub(super) literals: usize,
    /// Whether a step may search or copy a whole string: one of these.
    pub(super) read_strings: bool,
    /// What they read of the payload, beside whether they read attributes and metadata.
    pub(super) payload: Wanted,
    pub(super) read_attributes: bool,
    pub(super) read_metadata: bool,
}

impl Loops {
    /// The most values of a record, so that loops end in time; `None` if those of the expression are too many already.
    pub(super) fn most_values(&self) -> Option<usize> {
        match self.depth {
            0 => Some(usize::MAX),
            depth => {
                let most = (1..).take_while(|values: &usize| values.pow(depth) <= MOST_STEPS).last().unwrap_or(1);
                most.checked_sub(self.literals).filter(|most| *most > 0)
            }
        }
    }
}

/// What a record may still have for the loops of an expression to repeat.
pub(super) struct LoopLimit {
    most_values: usize,
    values: Cell<usize>,
    longest: Cell<usize>,
}

impl LoopLimit {
    pub(super) fn new(most_values: usize) -> Self {
        Self { most_values, values: Cell::new(most_values), longest: Cell::new(0) }
    }

    /// Counts a value, unless there are too many.
    pub(super) fn count(&self) -> bool {
        self.values.set(self.values.get().saturating_sub(1));
        !self.is_spent()
    }

    /// Takes note of a string that loops read.
    pub(super) fn string(&self, text: &str) {
        self.longest.set(self.longest.get().max(text.len()));
    }

    /// Whether there are too many values.
    pub(super) fn is_spent(&self) -> bool {
        self.values.get() == 0
    }

    /// Forgets what was counted.
    pub(super) fn reset(&self) {
        self.values.set(self.most_values);
        self.longest.set(0);
    }

    /// Whether the loops end in time.
    pub(super) fn suffices(&self, loops: &Loops) -> bool {
        if loops.depth == 0 || self.is_spent() {
            return !self.is_spent();
        }
        let values = self.most_values - self.values.get() + loops.literals;
        let steps = if loops.read_strings { 1 + self.longest.get() / STEP_BYTES } else { 1 };
        values.saturating_pow(loops.depth).saturating_mul(steps) <= MOST_STEPS
    }
}
