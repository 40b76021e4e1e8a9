mod epochs;

use std::sync::Arc;

use bytes::Bytes;

use super::{
    acks::REDELIVERY_PATIENCE,
    gaps::LATEST,
    memory::{REDELIVERY_BACKOFF, REMEMBERED, WINDOWS_REMEMBERED},
    *,
};
use crate::record::MessageSource;

const ACK_TIMEOUT: Duration = Duration::from_secs(30);
const SECOND: Duration = Duration::from_secs(1);

/// An attached ledger, and a clock that the test advances.
struct Bench {
    ledger: DeliveryLedger,
    now: Instant,
    /// Differs after a broker has restarted its offsets.
    publish_time: u64,
}

impl Bench {
    fn new() -> Self {
        let mut bench = Self { ledger: DeliveryLedger::new(ACK_TIMEOUT), now: Instant::now(), publish_time: 1 };
        bench.ledger.attach(bench.now);
        bench
    }

    fn receive(&mut self, offset: u64) -> Arrival {
        let message = Message {
            payload: Bytes::new(),
            offset,
            publish_time: self.publish_time,
            attributes: None,
            key: None,
            token: token(offset),
        };
        let moment = self.ledger.moment(self.now);
        self.ledger.receive(&message, moment)
    }

    /// The number of messages that are certainly missing.
    fn missing(&mut self) -> u64 {
        self.ledger.gap(true, self.now).map_or(0, |gap| gap.messages)
    }

    fn settle(&mut self, offset: u64) -> bool {
        self.settle_of(offset, self.ledger.epoch(), true)
    }

    /// Settles a message of an epoch; if it has no slot, for the first time or once more.
    fn settle_of(&mut self, offset: u64, epoch: u32, is_first: bool) -> bool {
        let moment = self.ledger.moment(self.now);
        self.ledger.settle(token(offset), epoch, moment, || is_first)
    }

    /// The acknowledgements that may be sent.
    fn take_acks(&mut self) -> Vec<AckToken> {
        let mut ready = Vec::new();
        self.ledger.take_acks(&mut ready, self.now);
        ready
    }

    /// Sends and answers the acknowledgements that may be sent. Returns their offsets.
    fn acks(&mut self) -> Vec<u64> {
        let offsets: Vec<_> = self.take_acks().into_iter().map(|token| token.offset).collect();
        offsets.iter().for_each(|offset| {
            self.acked(*offset);
        });
        offsets
    }

    /// Answers an acknowledgement. Whether it counts at once.
    fn acked(&mut self, offset: u64) -> bool {
        let moment = self.ledger.moment(self.now);
        self.ledger.acked(offset, self.ledger.epoch(), moment)
    }

    fn reattach(&mut self) {
        self.ledger.detach();
        self.ledger.attach(self.now);
    }
}

fn token(offset: u64) -> AckToken {
    AckToken { offset, sequence: offset, source: Arc::new(MessageSource::of_topic("t".into())) }
}

#[test]
fn a_message_is_new_once_then_in_hand_then_settled() {
    let mut bench = Bench::new();
    assert_eq!(bench.receive(0), Arrival::New);
    assert_eq!(bench.receive(0), Arrival::InHand);
    assert!(bench.settle(0));
    assert!(!bench.settle(0), "it is settled once");
    assert_eq!(bench.acks(), [0]);
    assert_eq!(bench.receive(0), Arrival::Settled);
    assert_eq!(bench.acks(), [0], "and acknowledged again");
}

#[test]
fn a_released_message_is_received_once_more_and_a_settled_one_stays_settled() {
    let mut bench = Bench::new();
    bench.receive(0);
    bench.ledger.release(0, bench.ledger.epoch());
    assert_eq!((bench.ledger.in_hand(), bench.ledger.unsettled()), (0, 1));
    assert_eq!(bench.receive(0), Arrival::Returned);
    bench.settle(0);
    bench.ledger.release(0, bench.ledger.epoch());
    assert_eq!(bench.receive(0), Arrival::InHand, "its acknowledgement waits");
    assert_eq!(bench.acks(), [0]);
    assert_eq!(bench.ledger.unsettled(), 0);
}

#[test]
fn the_newest_acknowledgement_is_sent_last() {
    let mut bench = Bench::new();
    for offset in 0..3 {
        bench.receive(offset);
    }
    bench.settle(2);
    bench.settle(0);
    assert_eq!(bench.acks(), [0]);
    bench.settle(1);
    let older: Vec<_> = bench.take_acks().into_iter().map(|token| token.offset).collect();
    assert_eq!(older, [1]);
    assert!(bench.take_acks().is_empty(), "the older one is in flight");
    bench.acked(1);
    assert_eq!(bench.acks(), [2]);
    assert!(bench.ledger.is_idle());
}

#[test]
fn the_newest_acknowledgement_waits_for_the_redelivery_of_a_message_whose_own_was_answered_too_late() {
    let mut bench = Bench::new();
    bench.receive(0);
    bench.settle(0);
    assert_eq!(bench.take_acks().len(), 1);
    bench.now += ACK_TIMEOUT / 10 * 9;
    bench.receive(1);
    bench.settle(1);
    bench.acked(0);
    assert_eq!(bench.acks(), [0; 0], "the broker may have ignored the first");
    assert!(!bench.ledger.is_idle());
    bench.now += ACK_TIMEOUT / 10 + 2 * SECOND;
    assert_eq!(bench.acks(), [1], "a redelivery would have arrived");
}

/// The dispatcher of a reloaded topic has sent no more than what arrived since.
#[test]
fn the_newest_acknowledgement_of_an_attachment_is_sent_last() {
    let mut bench = Bench::new();
    for offset in 0..6 {
        bench.receive(offset);
    }
    for offset in 1..6 {
        bench.settle(offset);
    }
    assert_eq!(bench.acks(), [1, 2, 3, 4]);
    bench.reattach();
    for offset in 0..3 {
        bench.receive(offset);
    }
    assert_eq!(bench.acks(), [1]);
    bench.settle(0);
    assert_eq!(bench.acks(), [0]);
    assert_eq!(bench.acks(), [0; 0], "the fifth may be in flight");
    bench.now += REDELIVERY_PATIENCE;
    bench.ledger.resolve(bench.now);
    assert_eq!(bench.acks(), [2]);
}

#[test]
fn an_acknowledgement_that_failed_is_sent_once_more() {
    let mut bench = Bench::new();
    bench.receive(0);
    bench.settle(0);
    assert_eq!(bench.take_acks().len(), 1);
    bench.ledger.ack_failed(token(0), bench.ledger.epoch());
    assert_eq!(bench.acks(), [0]);
}

#[test]
fn an_acknowledgement_that_a_detachment_cut_off_waits_for_the_redelivery_or_for_its_absence() {
    for is_sent_again in [true, false] {
        let mut bench = Bench::new();
        bench.receive(0);
        bench.settle(0);
        bench.reattach();
        assert_eq!(bench.ledger.unconfirmed(), 1);
        if is_sent_again {
            assert_eq!(bench.receive(0), Arrival::Settled);
            assert_eq!(bench.acks(), [0]);
        } else {
            bench.now += REDELIVERY_PATIENCE;
            bench.ledger.resolve(bench.now);
        }
        assert_eq!(bench.ledger.unconfirmed(), 0);
    }
}

#[test]
fn a_settlement_of_an_earlier_attachment_waits_for_the_redelivery() {
    let mut bench = Bench::new();
    bench.receive(0);
    bench.reattach();
    assert!(bench.settle(0));
    assert!(bench.take_acks().is_empty());
    assert_eq!(bench.receive(0), Arrival::Settled);
    assert_eq!(bench.acks(), [0]);
}

#[test]
fn messages_that_were_not_read_do_not_count_as_gone() {
    let mut bench = Bench::new();
    bench.receive(0);
    bench.ledger.release(0, bench.ledger.epoch());
    bench.reattach();
    bench.now += REDELIVERY_PATIENCE;
    bench.ledger.put_off(bench.now);
    bench.ledger.resolve(bench.now);
    assert_eq!(bench.ledger.unsettled(), 1);
    bench.now += REDELIVERY_PATIENCE;
    bench.ledger.resolve(bench.now);
    assert_eq!(bench.ledger.unsettled(), 0, "another consumer has it");
}

#[test]
fn offsets_that_are_missing_are_counted_once() {
    let mut bench = Bench::new();
    let mut receive = |offset| {
        bench.receive(offset);
        bench.missing()
    };
    assert_eq!([7, 8, 11, 9, 12].map(&mut receive), [0, 0, 2, 0, 0]);
    bench.ledger.release(12, bench.ledger.epoch());
    assert_eq!(bench.receive(12), Arrival::Returned);
    assert_eq!(bench.missing(), 0, "given back and redelivered");
    bench.ledger.lose_sight();
    bench.receive(100);
    assert_eq!(bench.missing(), 0, "another consumer read those before it");
    bench.receive(102);
    assert_eq!(bench.missing(), 1);
}

#[test]
fn an_overtaken_message_is_not_missing_if_it_arrives_soon() {
    let mut bench = Bench::new();
    for offset in [0, 1, 4] {
        bench.receive(offset);
    }
    assert_eq!(bench.ledger.gap(false, bench.now), None);
    bench.receive(2);
    bench.now += LATEST;
    assert_eq!(bench.ledger.gap(false, bench.now), Some(Gap { messages: 1, end: 4 }));
    assert_eq!(bench.ledger.gap(true, bench.now), None);
}

#[test]
fn memory_is_bounded_by_a_number_of_messages_and_by_windows_where_it_is_short() {
    let mut bench = Bench::new();
    for offset in 0..2 * REMEMBERED as u64 {
        bench.receive(offset);
        bench.settle(offset);
        bench.acks();
    }
    bench.ledger.forget(10, false, bench.now);
    assert_eq!(bench.ledger.slots.len(), REMEMBERED);
    bench.ledger.forget(10, true, bench.now);
    let bytes = bench.ledger.bytes();
    assert_eq!(bench.ledger.slots.len(), WINDOWS_REMEMBERED * 16);
    assert!(bytes < 16 * 1024, "{bytes}");
    let last = 2 * REMEMBERED as u64 - 1;
    assert_eq!(bench.receive(last), Arrival::Settled, "the newest are remembered");
}

#[test]
fn nothing_that_is_not_acknowledged_is_forgotten() {
    let mut bench = Bench::new();
    for offset in 0..1_000 {
        bench.receive(offset);
        if offset > 0 {
            bench.settle(offset);
        }
        bench.acks();
    }
    bench.ledger.forget(10, true, bench.now);
    assert_eq!(bench.receive(0), Arrival::InHand);
}

#[test]
fn an_acknowledgement_in_doubt_does_not_count_and_is_remembered_until_its_redelivery_is_overdue() {
    let mut bench = Bench::new();
    bench.receive(0);
    bench.now += ACK_TIMEOUT;
    bench.settle(0);
    assert_eq!(bench.take_acks().len(), 1);
    assert!(!bench.acked(0), "the broker may have been about to redeliver it");
    for offset in 1..100 {
        bench.receive(offset);
        bench.settle(offset);
        bench.acks();
    }
    bench.ledger.forget(16, true, bench.now);
    assert_eq!(bench.ledger.slots.len(), 100);
    bench.now += 2 * (ACK_TIMEOUT + REDELIVERY_BACKOFF) + SECOND;
    bench.ledger.forget(16, true, bench.now);
    assert_eq!(bench.ledger.slots.len(), 64);
}

#[test]
fn an_acknowledgement_that_waited_long_for_older_ones_is_in_doubt() {
    for (waits, is_certain) in [(ACK_TIMEOUT / 3, true), (ACK_TIMEOUT / 3 * 2, false)] {
        let mut bench = Bench::new();
        bench.receive(0);
        bench.receive(1);
        bench.settle(1);
        bench.now += waits;
        bench.settle(0);
        assert_eq!(bench.acks(), [0]);
        assert_eq!(bench.take_acks().len(), 1);
        assert_eq!(bench.acked(1), is_certain);
    }
}

#[test]
fn ages_are_those_of_the_present_attachment_and_survive_the_clock_of_49_days() {
    let mut bench = Bench::new();
    bench.now += Duration::from_millis(u64::from(u32::MAX) - 1_000);
    bench.receive(0);
    bench.now += 5 * SECOND;
    bench.receive(1);
    bench.now += SECOND;
    assert_eq!(bench.ledger.ages(bench.now), (Some(6 * SECOND), None));
    bench.settle(0);
    bench.now += SECOND;
    assert_eq!(bench.ledger.ages(bench.now), (Some(2 * SECOND), Some(SECOND)));
    bench.reattach();
    assert_eq!(bench.ledger.ages(bench.now).0, None, "the deadline begins with the redelivery");
    bench.receive(1);
    assert_eq!(bench.ledger.ages(bench.now).0, Some(Duration::ZERO));
}

#[test]
fn each_attach_counts_as_a_delivery_of_what_is_unacknowledged_read_or_not() {
    let mut bench = Bench::new();
    bench.receive(0);
    bench.ledger.release(0, bench.ledger.epoch());
    bench.reattach();
    assert!(!bench.ledger.must_keep_next());
    bench.reattach();
    assert!(bench.ledger.must_keep_next(), "sent twice, and about to be sent for the third time");
    bench.receive(0);
    assert!(bench.ledger.must_keep(0) && bench.ledger.must_keep_in_hand(false));
    assert!(!bench.ledger.must_keep_in_hand(true), "once more, where memory is scarce");
    bench.receive(1);
    assert!(!bench.ledger.must_keep(1));
}

#[test]
fn an_acknowledgement_in_doubt_counts_once_its_redelivery_is_overdue() {
    let long = 2 * (ACK_TIMEOUT + REDELIVERY_BACKOFF) + SECOND;
    for (is_sent_again, reattaches, waits, certain) in
        [(false, false, 60 * SECOND, 0), (false, false, long, 1), (false, true, 10 * SECOND, 1), (true, false, long, 0)]
    {
        let mut bench = Bench::new();
        bench.receive(0);
        bench.now += ACK_TIMEOUT;
        bench.settle(0);
        assert_eq!(bench.acks(), [0]);
        if reattaches {
            bench.reattach();
        }
        if is_sent_again {
            assert_eq!(bench.receive(0), Arrival::Settled);
        }
        bench.now += waits;
        bench.ledger.resolve(bench.now);
        assert_eq!(bench.ledger.take_certain(), certain);
        assert_eq!(bench.ledger.take_certain(), 0, "it counts once");
    }
}

#[tokio::test(start_paused = true)]
async fn a_gap_of_any_length_is_counted_at_once() {
    let mut bench = Bench::new();
    bench.receive(0);
    bench.receive(1 << 50);
    bench.receive((1 << 50) + 2);
    assert_eq!(bench.missing(), (1 << 50));
}
