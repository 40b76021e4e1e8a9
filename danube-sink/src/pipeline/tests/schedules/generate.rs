//! Random schedules: the settings of a pipeline, the events around it, and the answers of its target.

use std::time::Duration;

use proptest::{collection::vec, prelude::*, sample::select};

use super::super::{
    behaviour::{Behaviour, Reading},
    faults::Fault,
    log::Dispatch,
    memory::Kind,
    target::{Answer, Fate, Part},
};
use crate::config::SubscriptionType;

#[derive(Debug, Clone)]
pub(super) struct Schedule {
    pub(super) settings: Settings,
    /// Each with the milliseconds since the one before.
    pub(super) events: Vec<(u64, Event)>,
    pub(super) answers: Vec<Answer>,
}

#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// The number of partitions of each mapping.
    pub(super) mappings: Vec<usize>,
    pub(super) dispatch: Dispatch,
    /// The mapping's `ack_timeout`, which may differ from the broker's.
    pub(super) ack_timeout: Duration,
    pub(super) batch_size: usize,
    pub(super) batch_bytes: usize,
    pub(super) flush_interval: Duration,
    pub(super) budget: usize,
    pub(super) skips: bool,
    pub(super) subscription_type: SubscriptionType,
    pub(super) tasks: usize,
    pub(super) single_writer: bool,
    pub(super) ignores_mass_refusal: bool,
    /// `None` waits.
    pub(super) retries_to_dead_letter: Option<u32>,
}

/// Partitions are numbered over all mappings, modulo their number.
#[derive(Debug, Clone)]
pub(super) enum Event {
    Publish {
        partition: usize,
        count: usize,
        bytes: usize,
        kind: Kind,
        /// Of the first of them; each has another one of three.
        key: usize,
    },
    EndStream {
        partition: usize,
        failed: bool,
    },
    Begin(Fault, u64),
    /// The target fails for one mapping, for so many milliseconds.
    Outage(usize, u64),
    /// Health checks fail, for so many milliseconds.
    Unwell(u64),
    /// The broker reloads the topic and redelivers what is beyond its cursor.
    Reload {
        partition: usize,
    },
    /// Without its storage: offsets restart at 0.
    Restart {
        partition: usize,
    },
}

const FAULTS: [Fault; 8] = [
    Fault::AcksFail,
    Fault::AcksAreLost,
    Fault::AttachFails,
    Fault::AttachHangs,
    Fault::HealthHangs,
    Fault::LookUpFails,
    Fault::RegistryFails,
    Fault::PublishFails,
];

/// Everything in an in-memory broker that the real one does, with a short tail, so that schedules reach its end.
fn behaviour() -> impl Strategy<Value = Behaviour> {
    let reading = prop_oneof![4 => Just(Reading::All), 1 => Just(Reading::Tail(20)), 1 => Just(Reading::Cache(30))];
    (reading, any::<[bool; 4]>()).prop_map(|(reading, [hangs, keeps_cursor, counts_attaches, blocks])| Behaviour {
        reading,
        hangs,
        keeps_cursor,
        counts_attaches,
        max_redelivery_count: blocks.then_some(5),
        is_unreliable: false,
    })
}

fn dispatch() -> impl Strategy<Value = Dispatch> {
    let window = prop_oneof![8 => 1..=50_usize, 1 => Just(1_000)];
    (window, select(vec![2_u64, 5, 30]), behaviour()).prop_map(|(window, seconds, behaviour)| Dispatch {
        window,
        ack_timeout: Duration::from_secs(seconds),
        behaviour,
    })
}

pub(super) fn settings() -> impl Strategy<Value = Settings> {
    let types = vec![SubscriptionType::Exclusive, SubscriptionType::Shared, SubscriptionType::KeyShared];
    let batch = (1..=20_usize, 1..=400_usize, select(vec![1_u64, 50, 1_000]), select(types));
    let budget = select(vec![600_usize, 4_000, 1 << 20]);
    let policy = (any::<[bool; 3]>(), proptest::option::of(0..4_u32), budget, 1..=3_usize);
    let ack_timeout = prop_oneof![4 => Just(None), 1 => select(vec![2_u64, 30]).prop_map(Some)];
    let all = (vec(1..=3_usize, 1..=2), dispatch(), ack_timeout, batch, policy);
    all.prop_map(|(mappings, dispatch, ack_timeout, batch, policy)| Settings {
        mappings,
        dispatch,
        ack_timeout: ack_timeout.map_or(dispatch.ack_timeout, Duration::from_secs),
        batch_size: batch.0,
        batch_bytes: batch.1,
        flush_interval: Duration::from_millis(batch.2),
        subscription_type: batch.3,
        skips: policy.0[0],
        single_writer: policy.0[1],
        ignores_mass_refusal: policy.0[2],
        retries_to_dead_letter: policy.1,
        budget: policy.2,
        tasks: policy.3,
    })
}

pub(super) fn event() -> impl Strategy<Value = Event> {
    let kind = prop_oneof![6 => Just(Kind::Plain), 2 => Just(Kind::WithSchema), 1 => Just(Kind::Invalid)];
    let publish = (0..6_usize, 1..=12_usize, 8..=100_usize, kind, 0..3_usize)
        .prop_map(|(partition, count, bytes, kind, key)| Event::Publish { partition, count, bytes, kind, key });
    let end = (0..6_usize, any::<bool>()).prop_map(|(partition, failed)| Event::EndStream { partition, failed });
    let restart = (0..6_usize).prop_map(|partition| Event::Restart { partition });
    let begin = (select(FAULTS.to_vec()), 1..20_000_u64).prop_map(|(fault, lasts)| Event::Begin(fault, lasts));
    let reload = (0..6_usize).prop_map(|partition| Event::Reload { partition });
    // Most are short; some outlast every ack timeout.
    let outage = (0..2_usize, prop_oneof![3 => 1..5_000_u64, 1 => 1..300_000_u64]);
    let outage = outage.prop_map(|(mapping, lasts)| Event::Outage(mapping, lasts));
    let unwell = (1..60_000_u64).prop_map(Event::Unwell);
    prop_oneof![8 => publish, 2 => end, 3 => begin, 1 => restart, 1 => reload, 1 => outage, 1 => unwell]
}

pub(super) fn answer() -> impl Strategy<Value = Answer> {
    let fate = prop_oneof![
        3 => Just(Fate::Written),
        1 => Just(Fate::Retried),
        1 => Just(Fate::Deferred),
        1 => Just(Fate::Rejected),
    ];
    let part = select(vec![Part::Ok, Part::Retryable, Part::RejectsFirst, Part::InvalidFirst]);
    prop_oneof![
        4 => Just(Answer::Ok),
        2 => (0..3_000_u64).prop_map(|time| Answer::Slow(Duration::from_millis(time))),
        2 => Just(Answer::Retryable),
        1 => (0..8_000_u64).prop_map(|time| Answer::RetryAfter(Duration::from_millis(time))),
        3 => vec(fate, 1..6).prop_map(Answer::Partial),
        1 => any::<u8>().prop_map(|index| Answer::Invalid(index.into())),
        2 => Just(Answer::Refused),
        1 => Just(Answer::Hang),
        2 => (1..4_usize, vec(part, 0..4)).prop_map(|(size, parts)| Answer::Parts(size, parts)),
    ]
}

pub(super) fn schedule() -> impl Strategy<Value = Schedule> {
    // Most gaps are short, so that events meet; some outlast deadlines.
    let gap = prop_oneof![2 => Just(0), 6 => 0..1_500_u64, 1 => 0..15_000_u64];
    (settings(), vec((gap, event()), 1..14), vec(answer(), 0..14)).prop_map(|(settings, events, answers)| Schedule {
        settings,
        events,
        answers,
    })
}

/// A target that refuses batches as a whole, so that they are halved, and fails in between.
pub(super) fn refusing_schedule() -> impl Strategy<Value = Schedule> {
    let answer = prop_oneof![
        3 => Just(Answer::Refused),
        1 => any::<u8>().prop_map(|index| Answer::Invalid(index.into())),
        1 => Just(Answer::Retryable),
        1 => Just(Answer::Ok),
    ];
    (schedule(), vec(answer, 2..14)).prop_map(|(mut schedule, answers)| {
        schedule.settings.batch_size += 5;
        schedule.settings.batch_bytes += 500;
        schedule.settings.retries_to_dead_letter = None;
        Schedule { answers, ..schedule }
    })
}
