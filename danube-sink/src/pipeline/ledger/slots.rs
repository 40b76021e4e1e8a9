//! The slots of a ledger: one for each offset of a ring, and those that a jump of the offsets has left behind.

use std::{
    collections::{BTreeMap, VecDeque},
    mem,
};

use super::{Slot, State};

/// Offsets that jump further ahead begin another ring: one that reached from the old ones to the new ones would be mostly empty.
pub(super) const LONGEST_JUMP: u64 = 262_144;

impl Slot {
    pub(super) const EMPTY: Self =
        Self { fingerprint: 0, at: 0, epoch: 0, attachment: 0, deliveries: 0, state: State::Unknown, in_doubt: false };

    /// Whether the message may still be acknowledged or redelivered.
    fn is_open(&self) -> bool {
        !matches!(self.state, State::Unknown | State::Acked) || self.in_doubt
    }
}

/// Slots by offset.
#[derive(Debug, Default)]
pub(super) struct Slots {
    /// The offset of the ring's first slot.
    first: u64,
    ring: VecDeque<Slot>,
    /// Messages that are not acknowledged, at offsets far below the ring.
    behind: BTreeMap<u64, Slot>,
}

impl Slots {
    pub(super) fn get(&self, offset: u64) -> Option<&Slot> {
        match self.index(offset) {
            Some(index) => self.ring.get(index),
            None => self.behind.get(&offset),
        }
    }

    pub(super) fn get_mut(&mut self, offset: u64) -> Option<&mut Slot> {
        match self.index(offset) {
            Some(index) => self.ring.get_mut(index),
            None => self.behind.get_mut(&offset),
        }
    }

    /// The slot of an offset, which is empty if it is new.
    pub(super) fn reach(&mut self, offset: u64) -> &mut Slot {
        if self.len() == 0 {
            self.first = offset;
        } else if offset.saturating_sub(self.end()) > LONGEST_JUMP {
            self.leave_behind(offset);
        }
        let Some(index) = self.index(offset) else {
            if self.first - offset > LONGEST_JUMP {
                return self.behind.entry(offset).or_insert(Slot::EMPTY);
            }
            for offset in (offset..self.first).rev() {
                self.ring.push_front(self.behind.remove(&offset).unwrap_or(Slot::EMPTY));
            }
            self.first = offset;
            return &mut self.ring[0];
        };
        if index == self.ring.len() {
            self.ring.push_back(Slot::EMPTY);
        } else if index > self.ring.len() {
            self.ring.resize(index + 1, Slot::EMPTY);
        }
        &mut self.ring[index]
    }

    /// Whether the offset is so far below all others that it is none that was skipped.
    pub(super) fn is_far_below(&self, offset: u64) -> bool {
        let lowest = self.behind.keys().next().map_or(self.first, |lowest| self.first.min(*lowest));
        self.len() > 0 && lowest.saturating_sub(offset) > LONGEST_JUMP
    }

    /// Begins a ring at the offset, in which every message before it is forgotten.
    pub(super) fn restart(&mut self, offset: u64) {
        self.behind.clear();
        self.ring.clear();
        self.ring.push_back(Slot::EMPTY);
        self.first = offset;
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Slot> {
        self.behind.values().chain(&self.ring)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Slot> {
        self.behind.values_mut().chain(&mut self.ring)
    }

    pub(super) fn len(&self) -> usize {
        self.behind.len() + self.ring.len()
    }

    /// The oldest slot of the ring.
    pub(super) fn oldest(&self) -> Option<&Slot> {
        self.ring.front()
    }

    pub(super) fn forget_oldest(&mut self) {
        self.first += u64::from(self.ring.pop_front().is_some());
    }

    pub(super) fn reserve(&mut self, slots: usize) {
        self.ring.reserve(slots);
    }

    /// Gives back memory that the ring no longer needs.
    pub(super) fn shrink(&mut self) {
        if self.ring.capacity() > 2 * self.ring.len().max(32) {
            self.ring.shrink_to(self.ring.len() + self.ring.len() / 2);
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.ring.capacity() * size_of::<Slot>() + self.behind.len() * size_of::<(u64, Slot)>()
    }

    /// The offset of the first slot of the ring.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// Forgets what is left behind and done with.
    pub(super) fn forget_behind(&mut self) {
        self.behind.retain(|_, slot| slot.is_open());
    }

    /// Begins a ring at the offset, and keeps what may still be acknowledged or redelivered.
    fn leave_behind(&mut self, offset: u64) {
        self.forget_behind();
        let ring = mem::take(&mut self.ring);
        self.behind.extend((self.first..).zip(ring).filter(|(_, slot)| slot.is_open()));
        self.first = offset;
    }

    pub(super) fn end(&self) -> u64 {
        self.first + self.ring.len() as u64
    }

    /// The index of an offset in the ring, which may be behind its end.
    fn index(&self, offset: u64) -> Option<usize> {
        usize::try_from(offset.checked_sub(self.first)?).ok()
    }
}
