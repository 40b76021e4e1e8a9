//! What is in hand of one partition, so that nothing is written twice.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::Duration,
};

use tokio::time::Instant;

use super::{broker::Message, window::Window};

/// How many written messages of a partition are remembered, some five megabytes of them at most; and as many again whose
/// acknowledgement is in doubt.
const REMEMBERED: usize = 65_536;

/// The longest that the broker waits before it sends a message again whose time is up.
const REDELIVERY_BACKOFF: Duration = Duration::from_secs(60);

/// An attachment that no partition has.
const NO_ATTACHMENT: u64 = 0;

/// Tells messages of one partition apart, also over a broker that starts its offsets at 0 again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    offset: u64,
    producer_id: u64,
    publish_time: u64,
    sequence: u64,
}

impl Identity {
    pub(crate) fn offset(self) -> u64 {
        self.offset
    }

    pub(crate) fn of(delivery: &Message) -> Self {
        let token = &delivery.token;
        Self {
            offset: token.offset,
            producer_id: token.producer_id,
            publish_time: delivery.publish_time,
            sequence: token.sequence,
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
    /// Since when, and through which attachment it came last.
    InHand {
        since: Instant,
        attachment: u64,
        /// It came more than once.
        again: bool,
    },
    Settled {
        in_doubt: bool,
    },
}

/// The messages of one partition from arrival to beyond their acknowledgement.
#[derive(Debug, Default)]
pub(crate) struct Hands {
    known: HashMap<Identity, Stage>,
    /// Everything in hand, and some of what was: the oldest first.
    arrivals: VecDeque<(Identity, Instant)>,
    settled: VecDeque<Identity>,
    /// Settled messages that the broker may send again all the same, and since when.
    doubtful: VecDeque<(Identity, Instant)>,
    /// Offsets of messages that were settled and whose acknowledgement did not count.
    debts: HashSet<u64>,
    last_offset: Option<u64>,
    newest: Option<u64>,
    last_settled: Option<Instant>,
    window: Window,
}

impl Hands {
    pub(crate) fn receive(&mut self, id: Identity, attachment: u64, now: Instant) -> Arrival {
        match self.known.get_mut(&id) {
            None => {
                self.known.insert(id, Stage::InHand { since: now, attachment, again: false });
                self.arrivals.push_back((id, now));
                self.newest = Some(id.offset);
                self.window.received(now);
                Arrival::New
            }
            Some(Stage::InHand { attachment: last, again, .. }) => {
                (*last, *again) = (attachment, true);
                Arrival::InHand
            }
            Some(Stage::Settled { .. }) => Arrival::Settled,
        }
    }

    /// The messages are done. Returns for each the attachment that its acknowledgement has to go through.
    ///
    /// A broker ignores the acknowledgement of a message that it is about to send again, and says nothing of it. So one
    /// that was in hand for a good part of the ack timeout, or came more than once, is remembered until it must have come.
    pub(crate) fn settle(&mut self, ids: &[Identity], ack_timeout: Duration, now: Instant) -> Vec<u64> {
        let mut attachments = Vec::with_capacity(ids.len());
        for id in ids {
            let (attachment, in_doubt) = match self.known.get(id) {
                Some(Stage::InHand { since, attachment, again }) => {
                    (*attachment, *again || now.duration_since(*since) > ack_timeout / 2)
                }
                _ => (NO_ATTACHMENT, false),
            };
            attachments.push(attachment);
            self.known.insert(*id, Stage::Settled { in_doubt });
            if in_doubt {
                self.doubtful.push_back((*id, now));
            } else {
                self.settled.push_back(*id);
            }
        }
        self.forget_settled(2 * (ack_timeout + REDELIVERY_BACKOFF), now);
        self.last_settled = Some(now);
        self.window.acknowledged(ids.len(), now);
        self.forget_arrivals();
        attachments
    }

    /// How many offsets are missing before the one of a new message: the broker lost them or skipped them.
    ///
    /// Only a lone consumer sees all of a topic's offsets, and those of a topic that is not reliable are all 0.
    pub(crate) fn missing_before(&mut self, id: Identity) -> u64 {
        let last = self.last_offset.replace(id.offset);
        // A lower offset was given back and comes again, or the broker began anew.
        last.and_then(|last| id.offset.checked_sub(last + 1)).unwrap_or_default()
    }

    /// Somebody else reads the partition for a while: what is missing afterwards is not lost.
    pub(crate) fn lose_sight(&mut self) {
        self.last_offset = None;
    }

    /// The acknowledgement of a settled message did not count: it is owed until the message comes again.
    pub(crate) fn owe(&mut self, id: Identity, now: Instant) {
        self.debts.insert(id.offset);
        if let Some(stage @ Stage::Settled { in_doubt: false }) = self.known.get_mut(&id) {
            *stage = Stage::Settled { in_doubt: true };
            self.doubtful.push_back((id, now));
        }
    }

    /// Nothing is owed for the offset any more: the message has come again and was acknowledged, or a broker lost it and
    /// another one has its offset. Whether something was.
    pub(crate) fn clear_debt(&mut self, id: Identity) -> bool {
        !self.debts.is_empty() && self.debts.remove(&id.offset)
    }

    /// How long ago the oldest message in hand arrived, and the last one was settled.
    pub(crate) fn ages(&self) -> (Option<Duration>, Option<Duration>) {
        let oldest = self.arrivals.front().map(|(_, arrival)| arrival.elapsed());
        (oldest, self.last_settled.map(|settled| settled.elapsed()))
    }

    /// The offset of the message that came last.
    pub(crate) fn newest(&self) -> Option<u64> {
        self.newest
    }

    pub(crate) fn are_empty(&self) -> bool {
        self.arrivals.is_empty()
    }

    fn forget_settled(&mut self, doubt: Duration, now: Instant) {
        while self.settled.len() > REMEMBERED {
            if let Some(oldest) = self.settled.pop_front()
                && matches!(self.known.get(&oldest), Some(Stage::Settled { in_doubt: false }))
            {
                self.known.remove(&oldest);
            }
        }
        let over = |since: Instant| now.duration_since(since) > doubt;
        while self.doubtful.len() > REMEMBERED || self.doubtful.front().is_some_and(|(_, since)| over(*since)) {
            if let Some((oldest, _)) = self.doubtful.pop_front() {
                self.known.remove(&oldest);
            }
        }
    }

    fn forget_arrivals(&mut self) {
        // A message that was let go and came again has a later arrival.
        let known = &self.known;
        let in_hand =
            |(id, at): &(Identity, Instant)| matches!(known.get(id), Some(Stage::InHand { since, .. }) if since == at);
        while self.arrivals.front().is_some_and(|arrival| !in_hand(arrival)) {
            self.arrivals.pop_front();
        }
    }

    /// A message that was not settled is not worked on any more; one that was stays remembered.
    pub(crate) fn let_go(&mut self, id: Identity) {
        if matches!(self.known.get(&id), Some(Stage::InHand { .. })) {
            self.known.remove(&id);
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

    const ACK_TIMEOUT: Duration = Duration::from_secs(30);

    fn id(offset: u64) -> Identity {
        Identity { offset, producer_id: 1, publish_time: 2, sequence: 3 }
    }

    #[test]
    fn a_message_is_new_once_then_in_hand_then_settled() {
        let (mut hands, now) = (Hands::default(), Instant::now());
        assert_eq!(hands.receive(id(0), 1, now), Arrival::New);
        assert_eq!(hands.receive(id(0), 1, now), Arrival::InHand);
        hands.settle(&[id(0)], ACK_TIMEOUT, now);
        assert_eq!(hands.receive(id(0), 1, now), Arrival::Settled);
    }

    #[test]
    fn the_oldest_in_hand_is_the_one_that_waits_longest() {
        let (mut hands, start) = (Hands::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        for offset in 0..4 {
            hands.receive(id(offset), 1, at(offset));
        }
        hands.settle(&[id(1)], ACK_TIMEOUT, at(4));
        let oldest = |hands: &Hands| hands.arrivals.front().map(|(_, arrival)| *arrival);
        assert_eq!(oldest(&hands), Some(at(0)));
        hands.let_go(id(0));
        assert_eq!(oldest(&hands), Some(at(2)));
        hands.settle(&[id(3), id(2)], ACK_TIMEOUT, at(4));
        assert!(hands.are_empty());
    }

    #[test]
    fn an_acknowledgement_goes_through_the_attachment_that_brought_the_message_last() {
        let (mut hands, now) = (Hands::default(), Instant::now());
        hands.receive(id(0), 1, now);
        hands.receive(id(1), 1, now);
        hands.receive(id(1), 2, now);
        assert_eq!(hands.settle(&[id(0), id(1)], ACK_TIMEOUT, now), [1, 2]);
    }

    #[test]
    fn offsets_that_start_again_are_new_messages() {
        let (mut hands, now) = (Hands::default(), Instant::now());
        hands.receive(id(0), 1, now);
        hands.settle(&[id(0)], ACK_TIMEOUT, now);
        assert_eq!(hands.receive(Identity { publish_time: 9, ..id(0) }, 1, now), Arrival::New);
    }

    #[test]
    fn a_message_that_was_let_go_is_new_again_and_a_settled_one_is_not() {
        let (mut hands, now) = (Hands::default(), Instant::now());
        hands.receive(id(0), 1, now);
        hands.let_go(id(0));
        assert_eq!(hands.receive(id(0), 1, now), Arrival::New);
        hands.settle(&[id(0)], ACK_TIMEOUT, now);
        hands.let_go(id(0));
        assert_eq!(hands.receive(id(0), 1, now), Arrival::Settled);
    }

    #[test]
    fn offsets_that_are_missing_are_counted() {
        let mut hands = Hands::default();
        let missing: Vec<_> = [7, 8, 11, 3, 4, 0, 0].iter().map(|offset| hands.missing_before(id(*offset))).collect();
        assert_eq!(missing, [0, 0, 2, 0, 0, 0, 0]);
        hands.lose_sight();
        assert_eq!(hands.missing_before(id(100)), 0, "another consumer read those before it");
        assert_eq!(hands.missing_before(id(102)), 1);
    }

    #[test]
    fn memory_is_bounded() {
        let (mut hands, now) = (Hands::default(), Instant::now());
        for offset in 0..3 * REMEMBERED as u64 {
            hands.receive(id(offset), 1, now);
            hands.settle(&[id(offset)], ACK_TIMEOUT, now);
        }
        assert_eq!(hands.known.len(), REMEMBERED);
        assert_eq!(hands.settled.len(), REMEMBERED);
    }

    #[test]
    fn a_message_whose_acknowledgement_is_in_doubt_is_remembered_until_it_must_have_come_again() {
        let (mut hands, start) = (Hands::default(), Instant::now());
        for offset in 0..4 {
            hands.receive(id(offset), 1, start);
        }
        // Late; came twice; its acknowledgement failed; in good order.
        hands.receive(id(1), 2, start);
        hands.settle(&[id(1), id(2), id(3)], ACK_TIMEOUT, start);
        hands.owe(id(2), start);
        hands.settle(&[id(0)], ACK_TIMEOUT, start + ACK_TIMEOUT);
        for offset in 10..10 + 2 * REMEMBERED as u64 {
            hands.receive(id(offset), 1, start + ACK_TIMEOUT);
            hands.settle(&[id(offset)], ACK_TIMEOUT, start + ACK_TIMEOUT);
        }
        let known = |hands: &Hands| (0..4).filter(|offset| hands.known.contains_key(&id(*offset))).collect::<Vec<_>>();
        assert_eq!(known(&hands), [0, 1, 2]);
        hands.settle(&[], ACK_TIMEOUT, start + Duration::from_secs(3_600));
        assert_eq!(known(&hands), [0; 0]);
        assert!(hands.doubtful.is_empty());
    }
}
