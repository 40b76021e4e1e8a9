//! Property tests: random parts, outcomes and durations against a model of the target.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
    time::Duration,
};

use proptest::{prelude::*, sample::select};

use super::*;
use crate::error::{ConnectorError, PartialFailure};

#[derive(Debug, Clone)]
enum Answer {
    Written,
    Retryable,
    Refused,
    /// Index of the invalid record, modulo the size of the part.
    Invalid(usize),
    /// The fate of each record, and whether the target requests a delay.
    Partial(Vec<Fate>, bool),
    Fatal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Written,
    Failed,
    Untried,
    Rejected,
}

#[derive(Debug, Clone)]
struct Part {
    /// Partition and key of each record.
    records: Vec<(u32, u32)>,
    answer: Answer,
    millis: u64,
}

fn parts() -> impl Strategy<Value = Vec<Part>> {
    let fate = select(vec![Fate::Written, Fate::Written, Fate::Failed, Fate::Untried, Fate::Rejected]);
    let answer = prop_oneof![
        12 => Just(Answer::Written),
        1 => Just(Answer::Retryable),
        1 => Just(Answer::Refused),
        1 => (0..4_usize).prop_map(Answer::Invalid),
        3 => (prop::collection::vec(fate, 4), prop::bool::weighted(0.1)).prop_map(|(fates, wait)| Answer::Partial(fates, wait)),
        1 => prop::bool::weighted(0.2).prop_map(|fatal| if fatal { Answer::Fatal } else { Answer::Written }),
    ];
    let record = (0..4_u32, 0..6_u32);
    let part = (prop::collection::vec(record, 1..4), answer, 1..50_u64);
    prop::collection::vec(part.prop_map(|(records, answer, millis)| Part { records, answer, millis }), 0..24)
}

/// Events at the target.
#[derive(Default)]
struct Seen {
    in_progress: BTreeSet<usize>,
    most: usize,
    started: BTreeSet<usize>,
    fates: BTreeMap<u64, Fate>,
    /// Ordering keys with a record to retry.
    failed: BTreeSet<String>,
    stopped: bool,
    fatal: bool,
    settled: BTreeSet<u64>,
    problems: Vec<String>,
}

struct Model {
    order: SubscriptionType,
    parts: Vec<(Part, Vec<SinkRecord>)>,
    seen: Mutex<Seen>,
}

impl Model {
    fn new(order: SubscriptionType, parts: Vec<Part>) -> Self {
        let mut offset = 0;
        let mut record = |(partition, key): &(u32, u32)| {
            offset += 1;
            // One of six has no key.
            let record = SinkRecord::builder("/default/t").offset(offset);
            let record = if *key == 0 { record } else { record.key(key.to_string()) };
            record.partition(Some(*partition), format!("/default/t-part-{partition}").into()).build()
        };
        let parts = parts.into_iter().map(|part| {
            let records = part.records.iter().map(&mut record).collect();
            (part, records)
        });
        Self { order, parts: parts.collect(), seen: Mutex::default() }
    }

    fn ordering_keys(&self, number: usize) -> BTreeSet<String> {
        let key = |record: &SinkRecord| match self.order {
            SubscriptionType::Exclusive | SubscriptionType::Failover => Some(format!("{:?}", record.partition())),
            SubscriptionType::KeyShared => Some(format!("{:?}", record.key())),
            SubscriptionType::Shared => None,
        };
        self.parts[number].1.iter().filter_map(key).collect()
    }

    fn start(&self, number: usize) {
        let seen = &mut *self.seen.lock().unwrap();
        let keys = self.ordering_keys(number);
        if seen.stopped {
            seen.problems.push(format!("part {number} started after everything was stopped"));
        }
        if !keys.is_disjoint(&seen.failed) {
            seen.problems.push(format!("part {number} started after a failure of its ordering key"));
        }
        for other in &seen.in_progress {
            if !keys.is_disjoint(&self.ordering_keys(*other)) {
                seen.problems.push(format!("parts {other} and {number} concurrently"));
            }
        }
        for later in seen.started.range(number..) {
            if !keys.is_disjoint(&self.ordering_keys(*later)) {
                seen.problems.push(format!("part {later} overtook {number}"));
            }
        }
        seen.started.insert(number);
        seen.in_progress.insert(number);
        seen.most = seen.most.max(seen.in_progress.len());
    }

    fn end(&self, number: usize) -> ConnectorResult<()> {
        let seen = &mut *self.seen.lock().unwrap();
        seen.in_progress.remove(&number);
        let (part, records) = &self.parts[number];
        let all = |fate| vec![fate; records.len()];
        let (fates, answer) = match &part.answer {
            Answer::Written => (all(Fate::Written), Ok(())),
            Answer::Retryable => (all(Fate::Failed), Err(ConnectorError::retryable("503"))),
            Answer::Refused if records.len() == 1 => (all(Fate::Rejected), Err(ConnectorError::refused("400"))),
            Answer::Refused => (all(Fate::Untried), Err(ConnectorError::refused("400"))),
            Answer::Invalid(which) => {
                let which = which % records.len();
                let mut fates = all(Fate::Untried);
                fates[which] = Fate::Rejected;
                (fates, Err(ConnectorError::invalid_record(&records[which], "no number")))
            }
            Answer::Partial(fates, wait) => {
                let fates = fates[..records.len()].to_vec();
                let mut failure = PartialFailure::default();
                for (record, fate) in records.iter().zip(&fates) {
                    match fate {
                        Fate::Written => {}
                        Fate::Failed => drop(failure.retry(record, "429")),
                        Fate::Untried => drop(failure.retry_untried(record)),
                        Fate::Rejected => drop(failure.reject(record, "too long")),
                    }
                }
                if *wait {
                    failure.wait(Duration::from_secs(1));
                    seen.stopped |= fates.iter().any(|fate| *fate != Fate::Written);
                }
                (fates, failure.into_result())
            }
            Answer::Fatal => {
                seen.fatal = true;
                (all(Fate::Untried), Err(ConnectorError::fatal("gone")))
            }
        };
        seen.stopped |= matches!(part.answer, Answer::Retryable | Answer::Fatal);
        if fates.iter().any(|fate| matches!(fate, Fate::Failed | Fate::Untried)) {
            seen.failed.extend(self.ordering_keys(number));
        }
        seen.fates.extend(records.iter().map(SinkRecord::offset).zip(fates));
        answer
    }

    async fn run(&self, at_once: usize) -> ConnectorResult<()> {
        let until = Instant::now() + Duration::from_secs(3600);
        let parts = self.parts.iter().map(|(_, records)| records.clone()).collect();
        let write = async |part: Vec<SinkRecord>| {
            let is_it = |(_, records): &(Part, Vec<SinkRecord>)| records[0].has_id(part[0].id());
            let number = self.parts.iter().position(is_it).unwrap();
            self.start(number);
            tokio::time::sleep(Duration::from_millis(self.parts[number].0.millis)).await;
            self.end(number)
        };
        let settle = |records: &[SinkRecord]| {
            let settled = &mut self.seen.lock().unwrap().settled;
            assert!(records.iter().all(|record| settled.insert(record.offset())), "settled twice");
        };
        Concurrently { order: self.order, at_once, until }.write_and_settle(parts, write, settle).await
    }

    fn check(self, answer: ConnectorResult<()>, at_once: usize) {
        let seen = self.seen.into_inner().unwrap();
        assert_eq!(seen.problems, [] as [String; 0]);
        assert!(seen.most <= at_once);
        let fate = |record: &SinkRecord| seen.fates.get(&record.offset()).copied().unwrap_or(Fate::Untried);
        let all: Vec<_> = self.parts.iter().flat_map(|(_, records)| records).collect();
        let of = |expected| all.iter().filter(move |record| fate(record) == expected).map(|record| record.offset());
        let settled_early = of(Fate::Written).filter(|_| self.parts.len() > 1);
        assert!(settled_early.eq(seen.settled.iter().copied()), "settled: {:?}", seen.settled);
        let (mut retry, mut rejected) = (BTreeMap::new(), BTreeSet::new());
        match answer {
            Ok(()) => {}
            Err(ConnectorError::Partial(failure)) => {
                let offset = |id| all.iter().find(|record| record.has_id(id)).unwrap().offset();
                for one in &failure.retry {
                    assert!(retry.insert(offset(&one.id), one.tried).is_none(), "{failure}");
                }
                assert!(
                    failure.rejected.iter().chain(&failure.invalid).all(|(id, _)| rejected.insert(offset(id))),
                    "{failure}"
                );
            }
            Err(ConnectorError::Refused { .. }) => {
                assert!(all.iter().all(|record| fate(record) == Fate::Untried));
                retry = of(Fate::Untried).map(|offset| (offset, false)).collect();
            }
            Err(fatal) => {
                assert!(seen.fatal && fatal.report() == "gone", "{fatal:?}");
                return;
            }
        }
        assert!(!seen.fatal);
        assert!(of(Fate::Rejected).eq(rejected), "rejected");
        let failed = of(Fate::Failed).map(|offset| (offset, true));
        let expected: BTreeMap<_, _> = failed.chain(of(Fate::Untried).map(|offset| (offset, false))).collect();
        assert_eq!(retry, expected, "retried; unlisted records are delivered");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_record_has_the_verdict_of_its_part(
        parts in parts(),
        order in select(vec![
            SubscriptionType::Shared,
            SubscriptionType::Exclusive,
            SubscriptionType::Failover,
            SubscriptionType::KeyShared,
        ]),
        at_once in 1..8_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let model = Model::new(order, parts);
        let answer = runtime.block_on(model.run(at_once));
        model.check(answer, at_once);
    }
}
