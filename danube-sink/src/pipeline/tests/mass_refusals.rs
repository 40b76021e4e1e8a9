//! A target that refuses every record, so that the records are not the cause.

use std::collections::HashSet;

use tokio::time::{sleep, timeout};

use super::{
    bench::{Bench, MS, SECOND, TOPIC},
    memory::Kind,
    target::{Answer, Fate},
};
use crate::{
    config::{OnInvalidRecord, OnMassRefusal},
    observe::Phase,
};

/// A connector that has a verdict for each record has no halves, and a whole batch of refusals in one write.
#[tokio::test(start_paused = true)]
async fn a_target_that_refuses_everything_for_an_hour_costs_one_batch_of_dead_letters() {
    const SIZE: usize = 20;
    let mut bench = Bench::with_window(100);
    bench.mapping().batch_size = SIZE;
    bench.ledger.refusals_wait();
    bench.target.answers(vec![Answer::Partial(vec![Fate::Rejected; SIZE]); 60]);
    // It cannot be decoded, which no answer of the target changes.
    bench.publish(SIZE + 1);
    bench.publish_to(TOPIC, 1, Kind::Invalid);
    bench.publish(3 * SIZE);
    let pipeline = bench.start();
    bench.settled().await;
    let letters: Vec<_> = (0..=4 * SIZE + 1).filter(|number| bench.ledger.entry(*number).dead_letters > 0).collect();
    let first_batch = 0..SIZE;
    assert_eq!(letters, first_batch.chain([SIZE + 1]).collect::<Vec<_>>());
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn a_target_that_refuses_everything_is_not_asked_for_each_record() {
    for (policy, ends) in [(OnMassRefusal::Stop, true), (OnMassRefusal::Wait, false)] {
        for invalid in [OnInvalidRecord::Stop, OnInvalidRecord::Skip] {
            let mut bench = Bench::with_window(5_000);
            let mapping = bench.mapping();
            (mapping.batch_size, mapping.on_invalid_record, mapping.on_mass_refusal) = (1_000, invalid, policy);
            (0..1_000).for_each(|number| bench.target.refuse(number));
            bench.publish(1_000);
            let mut pipeline = bench.start();
            let ended = timeout(20 * SECOND, pipeline.ended()).await;
            assert_eq!(ended.is_ok(), ends || invalid == OnInvalidRecord::Stop, "{policy:?} {invalid:?}");
            let writes = bench.target.sizes().len();
            assert!(writes < 100, "{writes} writes: {policy:?} {invalid:?}");
            assert_eq!(bench.ledger.acks(), 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn with_go_on_each_refused_record_becomes_a_dead_letter() {
    let mut bench = Bench::with_window(5_000);
    (bench.mapping().batch_size, bench.mapping().on_mass_refusal) = (100, OnMassRefusal::GoOn);
    (0..100).for_each(|number| bench.target.refuse(number));
    bench.publish(100);
    let pipeline = bench.start();
    bench.settled().await;
    assert_eq!(bench.broker.dead_letters().len(), 100);
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn a_mass_refusal_is_waited_for_until_the_target_takes_records() {
    let mut bench = Bench::with_window(100);
    bench.mapping().batch_size = 100;
    bench.ledger.refusals_wait();
    bench.target.answers(vec![Answer::Refused; 150]);
    bench.publish(100);
    let pipeline = bench.start();
    bench.settled().await;
    assert!(bench.ledger.confirmations().len() >= 100 - 32, "{:?}", bench.ledger.confirmations().len());
    assert!(bench.metric("mass_refusals_total", TOPIC) >= 1.0);
    bench.end(pipeline).await;
}

/// The target recovers in the middle of each round of attempts in turn: between two halves, and between two records.
#[tokio::test(start_paused = true)]
async fn a_record_that_was_refused_with_all_others_is_tried_again_when_the_target_takes_one() {
    const BAD: usize = 17;
    let mut rounds = HashSet::new();
    for refusals in (0..260).step_by(3) {
        let mut bench = Bench::with_window(200);
        bench.mapping().batch_size = 50;
        bench.config.max_backoff = SECOND;
        bench.ledger.refusals_wait();
        bench.target.refuse(BAD);
        bench.target.answers(vec![Answer::Refused; refusals]);
        bench.publish(100);
        let pipeline = bench.start();
        bench.settled().await;
        let mass_refusals = bench.metric("mass_refusals_total", TOPIC);
        let letters = bench.broker.dead_letters().len();
        if mass_refusals > 0.0 {
            assert_eq!((letters, bench.ledger.entry(BAD).dead_letters), (1, 1), "after {refusals} refusals");
        }
        assert_eq!(bench.metric("errors_total", "kind=\"refused\""), mass_refusals);
        let written = bench.ledger.confirmations();
        let last = |number: usize| written.iter().rposition(|other| *other == number);
        let lasts: Vec<_> = (0..100).filter_map(last).collect();
        assert!(lasts.is_sorted(), "an older record was written after a newer one, after {refusals} refusals");
        rounds.insert(mass_refusals as u64);
        bench.end(pipeline).await;
    }
    assert!(rounds.len() > 3, "{rounds:?}");
}

#[tokio::test(start_paused = true)]
async fn a_mass_refusal_is_shown_without_a_pause_until_the_target_takes_a_record() {
    let mut bench = Bench::with_window(100);
    bench.observer.phase(Phase::Running);
    bench.mapping().batch_size = 50;
    bench.config.max_backoff = 2 * SECOND;
    bench.ledger.refusals_wait();
    bench.target.takes(MS);
    bench.target.answers(vec![Answer::Refused; 400]);
    bench.publish(50);
    let pipeline = bench.start();
    let (mut shown, mut hidden) = (0, 0);
    while bench.ledger.acks() == 0 {
        sleep(10 * MS).await;
        match bench.observer.is_ready() {
            false => shown += 1,
            true => hidden += usize::from(shown > 0 && bench.ledger.confirmations().is_empty()),
        }
    }
    assert!(shown > 100 && hidden == 0, "{shown} {hidden}");
    bench.settled().await;
    assert!(bench.observer.is_ready());
    bench.end(pipeline).await;
}
