use super::{super::slots::LONGEST_JUMP, *};

#[test]
fn offsets_that_restart_are_new_messages_of_another_epoch() {
    let mut bench = Bench::new();
    for offset in 0..3 {
        bench.receive(offset);
    }
    let epoch = bench.ledger.epoch();
    bench.publish_time = 2;
    assert_eq!(bench.receive(0), Arrival::New);
    assert_ne!(bench.ledger.epoch(), epoch);
    assert_eq!((bench.ledger.restarts(), bench.missing()), (1, 0));
    assert_eq!(bench.ledger.in_hand(), 4);
    assert!(bench.settle_of(0, epoch, true) && !bench.settle_of(0, epoch, false));
    assert!(bench.take_acks().is_empty(), "of the message that the broker lost");
    bench.ledger.release(1, epoch);
    assert_eq!(bench.ledger.in_hand(), 2);
}

/// Their offsets were unknown, so that nothing distinguished them from messages of before the restart.
#[test]
fn messages_that_arrive_before_a_restart_of_offsets_is_recognized_belong_to_the_epoch_after_it() {
    let mut bench = Bench::new();
    for offset in 5..8 {
        bench.receive(offset);
    }
    bench.reattach();
    bench.publish_time = 2;
    for offset in 0..5 {
        assert_eq!(bench.receive(offset), Arrival::New);
    }
    let before = bench.ledger.epoch();
    bench.settle(0);
    bench.settle(1);
    assert_eq!(bench.take_acks().len(), 2);
    bench.settle(2);
    assert_eq!((bench.ledger.restarts(), bench.receive(5)), (0, Arrival::New));
    assert_eq!((bench.ledger.restarts(), bench.ledger.epoch()), (1, before + 1));
    assert_eq!((bench.ledger.unsettled(), bench.ledger.in_hand(), bench.ledger.in_flight()), (3, 6, 3));
    let moment = bench.ledger.moment(bench.now);
    for offset in 5..8 {
        assert!(bench.settle_of(offset, before, true), "the broker lost it");
    }
    assert!(bench.settle_of(3, before, false));
    assert!(bench.ledger.release(4, before));
    assert!(bench.ledger.acked(0, before, moment));
    bench.ledger.ack_failed(token(1), before);
    assert_eq!(bench.acks(), [2, 3, 1]);
    assert_eq!((bench.receive(1), bench.receive(4)), (Arrival::Settled, Arrival::Returned));
    assert_eq!((bench.ledger.in_hand(), bench.missing()), (2, 0));
}

#[test]
fn a_long_jump_is_a_gap_and_takes_no_memory_for_what_is_missing() {
    let mut bench = Bench::new();
    bench.receive(0);
    let jump = 10 * LONGEST_JUMP;
    assert_eq!(bench.receive(jump), Arrival::New);
    assert_eq!((bench.missing(), bench.ledger.restarts()), (jump - 1, 0));
    bench.ledger.forget(10, false, bench.now);
    assert!(bench.ledger.bytes() < 1024 * 1024);
    assert!(bench.settle(jump) && bench.acks().is_empty(), "it is the newest");
    assert!(bench.settle(0));
    assert_eq!((bench.acks(), bench.acks()), (vec![0], vec![jump]));
}

#[test]
fn acknowledgements_of_messages_before_a_long_jump_are_sent() {
    let mut bench = Bench::new();
    for offset in 0..4 {
        bench.receive(offset);
    }
    (0..2).for_each(|offset| assert!(bench.settle(offset)));
    assert_eq!(bench.take_acks().len(), 2);
    assert!(bench.settle(3), "it is the newest, and waits for the others");
    assert!(bench.take_acks().is_empty());
    let jump = 10 * LONGEST_JUMP;
    assert_eq!(bench.receive(jump), Arrival::New);
    assert_eq!(bench.ledger.in_hand(), 2);
    assert!(bench.acked(0) && bench.acked(1));
    assert_eq!(bench.acks(), [3]);
    assert!(bench.settle(2) && bench.settle(jump));
    assert_eq!((bench.acks(), bench.acks()), (vec![2], vec![jump]));
    assert_eq!((bench.ledger.in_hand(), bench.ledger.in_flight(), bench.ledger.restarts()), (0, 0, 0));
}

#[test]
fn messages_that_are_redelivered_after_a_long_jump_are_recognized() {
    let mut bench = Bench::new();
    for offset in 5..8 {
        bench.receive(offset);
    }
    bench.settle(5);
    assert_eq!(bench.take_acks().len(), 1);
    let jump = 10 * LONGEST_JUMP;
    bench.receive(jump);
    bench.reattach();
    assert_eq!(bench.receive(5), Arrival::Settled);
    assert_eq!(
        (bench.receive(6), bench.receive(7), bench.receive(jump)),
        (Arrival::InHand, Arrival::InHand, Arrival::InHand)
    );
    // Of another consumer, which has released it.
    assert_eq!((bench.receive(3), bench.ledger.restarts()), (Arrival::New, 0));
    assert_eq!(bench.ledger.in_hand(), 4);
}

#[test]
fn an_attachment_that_begins_far_below_is_a_restart_of_offsets() {
    let mut bench = Bench::new();
    bench.receive(10 * LONGEST_JUMP);
    bench.reattach();
    bench.publish_time = 2;
    assert_eq!((bench.receive(0), bench.ledger.restarts()), (Arrival::New, 1));
    assert_eq!((bench.ledger.in_hand(), bench.ledger.unsettled()), (2, 1));
}

#[test]
fn another_message_at_the_only_offset_that_is_known_is_new_and_no_restart_of_offsets() {
    let mut bench = Bench::new();
    bench.ledger.resume(&[Remembered { offset: 0, fingerprint: 1 }]);
    for publish_time in 1..4 {
        bench.publish_time = publish_time;
        assert_eq!((bench.receive(0), bench.ledger.restarts()), (Arrival::New, 0));
        bench.reattach();
    }
}

#[test]
fn a_topic_that_is_not_reliable_has_no_offsets_and_each_message_is_new() {
    let mut bench = Bench::new();
    for number in 0..100 {
        bench.publish_time = number;
        assert_eq!(bench.receive(0), Arrival::New);
    }
    assert_eq!(bench.ledger.in_hand(), 100);
    for left in (0..100).rev() {
        assert!(
            bench.settle(0) && !bench.settle_of(0, 0, false),
            "an early settlement is followed by that of the batch"
        );
        assert_eq!(bench.ledger.in_hand(), left);
    }
}

#[test]
fn what_went_to_another_consumer_or_was_lost_by_the_broker_is_no_longer_held() {
    let id = |offset, publish_time| {
        let AckToken { source, sequence, .. } = token(offset);
        RecordId::new(source, offset, microseconds(publish_time), sequence)
    };
    let held = |bench: &Bench, publish_time| [0, 1, 2].map(|offset| bench.ledger.holds(&id(offset, publish_time)));
    let begin = || {
        let mut bench = Bench::new();
        (0..3).for_each(|offset| assert_eq!(bench.receive(offset), Arrival::New));
        bench.settle(0);
        bench.ledger.release(2, bench.ledger.epoch());
        assert_eq!((held(&bench, 1), held(&bench, 2)), ([false, true, true], [false; 3]));
        bench
    };
    let mut bench = begin();
    bench.reattach();
    assert!(held(&bench, 1)[2], "it may still be redelivered");
    bench.now += REDELIVERY_PATIENCE;
    assert!(bench.ledger.resolve(bench.now));
    assert_eq!(held(&bench, 1), [false, true, false]);
    assert!(!bench.ledger.has_everything(bench.now));
    bench.now += bench.ledger.longest_doubt();
    assert!(bench.ledger.has_everything(bench.now));
    // Offsets restart, as an attachment shows that has brought others before, or one that begins with it.
    for earlier in [None, Some(5)] {
        let mut bench = begin();
        bench.reattach();
        bench.publish_time = 2;
        earlier.map(|offset| bench.receive(offset));
        assert_eq!(bench.receive(1), Arrival::New);
        assert_eq!((held(&bench, 1), held(&bench, 2)), ([false; 3], [false, true, false]), "{earlier:?}");
    }
    let mut bench = begin();
    bench.publish_time = 2;
    assert_eq!(bench.receive(1), Arrival::New);
    assert_eq!((held(&bench, 1), held(&bench, 2)), ([false; 3], [false, true, false]), "within an attachment");
}

#[test]
fn a_topic_that_is_created_anew_as_a_reliable_one_is_acknowledged() {
    let mut bench = Bench::new();
    for publish_time in 1..4 {
        bench.publish_time = publish_time;
        assert_eq!(bench.receive(0), Arrival::New);
    }
    assert!(bench.ledger.is_unreliable());
    let epoch = bench.ledger.epoch();
    bench.publish_time = 4;
    assert_eq!(bench.receive(0), Arrival::New, "nothing distinguishes the first one");
    for offset in 1..3 {
        assert_eq!(bench.receive(offset), Arrival::New);
    }
    assert_eq!((bench.ledger.is_unreliable(), bench.ledger.in_hand(), bench.ledger.restarts()), (false, 6, 0));
    for _ in 0..4 {
        assert!(bench.settle_of(0, epoch, true));
    }
    assert!(bench.settle(1) && bench.settle(2));
    assert_eq!((bench.acks(), bench.acks()), (vec![1], vec![2]));
    assert_eq!((bench.receive(1), bench.ledger.in_hand()), (Arrival::Settled, 0));
}
