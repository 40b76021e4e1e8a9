//! Unit tests of window and key order, with a made-up time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

use danube_core::proto::StreamMessage;
use tokio::time::Instant;

use super::*;
use crate::dev::broker::consumers::{Kind, StreamEnd};
use crate::dev::broker::faults::Faults;
use crate::dev::broker::keys::{KeyOrder, matches};
use crate::dev::broker::subscription::{Next, SubscriptionSettings};
use crate::dev::broker::topic::{Subscriber, Topic};
use crate::dev::broker::window::Window;

const SECOND: Duration = Duration::from_secs(1);

/// A window in which offset 7 was sent at `now`.
fn sent(now: Instant) -> Window {
    let mut window = Window::new(2, FailurePolicy::default());
    window.admit(7, false);
    assert_eq!(window.ready_from(0), Some(7));
    assert_eq!(window.sent(7, 1, now), 1);
    window
}

#[test]
fn a_full_window_has_no_capacity_until_an_ack() {
    let mut window = sent(Instant::now());
    window.admit(8, false);
    assert!(!window.has_capacity());
    assert!(window.ack(7));
    assert!(window.has_capacity());
    assert_eq!(window.oldest(), Some(8));
    assert!(!window.ack(7));
}

#[test]
fn the_backoff_doubles_up_to_its_limit() {
    let mut now = Instant::now();
    let policy = FailurePolicy { max_redelivery_count: 99, ..FailurePolicy::default() };
    let mut window = Window::new(1, policy);
    window.admit(0, false);
    for delay in [1, 2, 4, 8, 16, 32, 60, 60] {
        window.sent(0, 1, now);
        window.nack(0, None, None, now);
        window.expire(now + delay * SECOND - Duration::from_millis(1));
        assert_eq!(window.ready_from(0), None, "{delay} s");
        now += delay * SECOND;
        window.expire(now);
        assert_eq!(window.ready_from(0), Some(0), "{delay} s");
    }
}

#[test]
fn a_longer_requested_delay_applies() {
    let now = Instant::now();
    let mut window = sent(now);
    window.nack(7, Some(5 * SECOND), None, now);
    assert_eq!(window.next_timer(), Some(now + 5 * SECOND));
    assert!(!window.ack(7), "an ack during the delay");
}

#[test]
fn redeliveries_end_after_the_maximum() {
    let mut now = Instant::now();
    let mut window = sent(now);
    for attempt in 2..=7 {
        now += 30 * SECOND;
        window.expire(now);
        now += 60 * SECOND;
        window.expire(now);
        if attempt <= 6 {
            assert_eq!(window.sent(7, 1, now), attempt);
        }
    }
    assert_eq!(window.first_exhausted(), Some(7));
    window.release(None);
    assert_eq!(window.ready_from(0), None, "reattaching does not release it");
    assert_eq!(window.redeliveries(), 5);
    let given_up = window.give_up(7).unwrap();
    assert_eq!((given_up.attempts, given_up.reason.as_deref()), (6, Some("ack timeout")));
}

#[test]
fn a_release_is_for_one_consumer_or_for_all() {
    let now = Instant::now();
    let mut window = sent(now);
    window.admit(8, false);
    window.sent(8, 2, now);
    window.release(Some(2));
    assert_eq!(window.ready_from(0), Some(8));
    window.release(None);
    assert_eq!(window.ready_from(0), Some(7));
    assert_eq!(window.next_timer(), None, "without a delivery no attempt times out");
    assert!(!window.is_current(7, 1, 1));
}

#[test]
fn a_key_has_one_message_in_flight() {
    let mut keys = KeyOrder::default();
    assert!(keys.enter("a", 0));
    assert!(!keys.enter("a", 1));
    assert!(keys.enter("b", 2));
    assert_eq!(keys.leave(2), None);
    assert_eq!(keys.leave(0), Some(1));
    assert_eq!(keys.leave(1), None);
}

#[test]
fn filters_support_stars_and_question_marks() {
    for (filter, key, expected) in [
        ("*", "anything", true),
        ("user-*", "user-1", true),
        ("user-*", "shop-1", false),
        ("eu-west-?", "eu-west-1", true),
        ("eu-west-?", "eu-west-12", false),
        ("*-a*b", "x-aab", true),
        ("exact", "exact", true),
        ("exact", "exactly", false),
        ("", "a", false),
    ] {
        assert_eq!(matches(filter, key), expected, "{filter} {key}");
    }
}

/// It may be polled once more before it sees that it has ended.
#[test]
fn a_stream_that_was_replaced_takes_neither_messages_nor_the_wake_of_its_successor() {
    let (topic, faults, now) = (Topic::new(TOPIC.to_owned(), true), Faults::default(), Instant::now());
    let subscribe = || {
        let subscriber =
            Subscriber { name: "one".to_owned(), subscription: "s".into(), kind: Kind::Exclusive, filters: Vec::new() };
        let settings = SubscriptionSettings {
            max_unacked_messages: 10,
            failure_policy: FailurePolicy::default(),
            realism: Realism::default(),
        };
        let (id, _) = topic.subscribe(subscriber, settings, now, &faults).unwrap();
        (id, topic.attach("s", id, &faults).unwrap().0)
    };
    let next = |stream: &(u64, Arc<StreamEnd>), wakes: &Arc<Wakes>| {
        topic.next("s", (stream.0, &stream.1), &Waker::from(Arc::clone(wakes)), &faults).0
    };
    let (of_old, of_new) = (Arc::<Wakes>::default(), Arc::<Wakes>::default());
    let (old, new) = (subscribe(), subscribe());
    assert!(matches!(next(&new, &of_new), Next::Idle(_)));
    assert!(matches!(next(&old, &of_old), Next::Ended));
    topic.publish(StreamMessage::default(), now, &faults);
    assert_eq!((of_old.0.load(Ordering::SeqCst), of_new.0.load(Ordering::SeqCst)), (0, 1));
    assert!(matches!(next(&old, &of_old), Next::Ended));
    assert!(matches!(next(&new, &of_new), Next::Message(_)));
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}
