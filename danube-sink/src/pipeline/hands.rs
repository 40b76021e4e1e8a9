//! What is in hand of one partition, so that nothing is written twice.

use std::collections::{HashMap, VecDeque};

use tokio::time::Instant;

use super::{broker::Delivery, window::Window};

/// How many written messages of a partition are remembered: more than the broker's largest window (10 000), which
/// bounds what it can send again.
const REMEMBERED: usize = 16_384;

/// Tells messages of one partition apart, also over a broker that starts its offsets at 0 again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    offset: u64,
    producer_id: u64,
    publish_time: u64,
    sequence: u64,
}

impl Identity {
    pub(crate) fn of(delivery: &Delivery) -> Self {
        let receipt = &delivery.receipt;
        Self {
            offset: receipt.offset,
            producer_id: receipt.producer_id,
            publish_time: delivery.publish_time,
            sequence: receipt.sequence,
        }
    }
}

/// What a message that arrives is to the connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    New,
    /// Sent again while the first copy is being worked on.
    InHand,
    /// Sent again although it was written: its acknowledgement did not count.
    Settled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    InHand,
    Settled,
}

/// The messages of one partition from arrival to beyond their acknowledgement.
#[derive(Debug, Default)]
pub(crate) struct Hands {
    known: HashMap<Identity, Stage>,
    /// Everything in hand, and some of what was: the oldest first.
    arrivals: VecDeque<(Identity, Instant)>,
    settled: VecDeque<Identity>,
    window: Window,
}

impl Hands {
    pub(crate) fn receive(&mut self, id: Identity, now: Instant) -> Arrival {
        match self.known.get(&id) {
            None => {
                self.known.insert(id, Stage::InHand);
                self.arrivals.push_back((id, now));
                self.window.received(now);
                Arrival::New
            }
            Some(Stage::InHand) => Arrival::InHand,
            Some(Stage::Settled) => Arrival::Settled,
        }
    }

    /// The messages are done: their acknowledgements leave now.
    pub(crate) fn settle(&mut self, ids: &[Identity], now: Instant) {
        for id in ids {
            self.known.insert(*id, Stage::Settled);
            self.settled.push_back(*id);
        }
        while self.settled.len() > REMEMBERED {
            if let Some(oldest) = self.settled.pop_front() {
                self.known.remove(&oldest);
            }
        }
        self.window.acknowledged(ids.len(), now);
        self.forget_arrivals();
    }

    /// When the oldest message in hand arrived.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.arrivals.front().map(|(_, arrival)| *arrival)
    }

    pub(crate) fn are_empty(&self) -> bool {
        self.arrivals.is_empty()
    }

    fn forget_arrivals(&mut self) {
        while self.arrivals.front().is_some_and(|(id, _)| self.known.get(id) != Some(&Stage::InHand)) {
            self.arrivals.pop_front();
        }
    }

    /// A message that was not settled is not worked on any more; one that was stays remembered.
    pub(crate) fn let_go(&mut self, id: Identity) {
        if self.known.get(&id) == Some(&Stage::InHand) {
            self.known.remove(&id);
            self.arrivals.retain(|(arrived, _)| *arrived != id);
            self.window.let_go();
            self.forget_arrivals();
        }
    }

    pub(crate) fn window(&self) -> &Window {
        &self.window
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(offset: u64) -> Identity {
        Identity { offset, producer_id: 1, publish_time: 2, sequence: 3 }
    }

    #[test]
    fn a_message_is_new_once_then_in_hand_then_settled() {
        let (mut hands, now) = (Hands::default(), Instant::now());
        assert_eq!(hands.receive(id(0), now), Arrival::New);
        assert_eq!(hands.receive(id(0), now), Arrival::InHand);
        hands.settle(&[id(0)], now);
        assert_eq!(hands.receive(id(0), now), Arrival::Settled);
    }

    #[test]
    fn the_oldest_in_hand_is_the_one_that_waits_longest() {
        let (mut hands, start) = (Hands::default(), Instant::now());
        let at = |seconds| start + std::time::Duration::from_secs(seconds);
        (0..4).for_each(|offset| drop(hands.receive(id(offset), at(offset))));
        hands.settle(&[id(1)], at(4));
        assert_eq!(hands.oldest(), Some(at(0)));
        hands.let_go(id(0));
        assert_eq!(hands.oldest(), Some(at(2)));
        hands.settle(&[id(3), id(2)], at(4));
        assert!(hands.are_empty());
    }

    #[test]
    fn offsets_that_start_again_are_new_messages() {
        let (mut hands, now) = (Hands::default(), Instant::now());
        hands.receive(id(0), now);
        hands.settle(&[id(0)], now);
        assert_eq!(hands.receive(Identity { publish_time: 9, ..id(0) }, now), Arrival::New);
    }

    #[test]
    fn a_message_that_was_let_go_is_new_again_and_a_settled_one_is_not() {
        let (mut hands, now) = (Hands::default(), Instant::now());
        hands.receive(id(0), now);
        hands.let_go(id(0));
        assert_eq!(hands.receive(id(0), now), Arrival::New);
        hands.settle(&[id(0)], now);
        hands.let_go(id(0));
        assert_eq!(hands.receive(id(0), now), Arrival::Settled);
    }

    #[test]
    fn memory_is_bounded() {
        let (mut hands, now) = (Hands::default(), Instant::now());
        for offset in 0..3 * REMEMBERED as u64 {
            hands.receive(id(offset), now);
            hands.settle(&[id(offset)], now);
        }
        assert_eq!(hands.known.len(), REMEMBERED);
    }
}
