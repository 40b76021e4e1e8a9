//! A thousand mappings share one budget.

use tokio::time::{sleep, timeout};

use super::{
    bench::{Bench, MS, SECOND, TOPIC, in_time},
    faults::Fault,
    memory::Kind,
    spooled::start,
    target::{Answer, Fate},
};
use crate::spool::tests::Folder;

#[tokio::test(start_paused = true)]
async fn a_thousand_mappings_stay_inside_the_budget_and_get_everything_after_an_outage() {
    const MAPPINGS: usize = 1_000;
    let mut bench = Bench::empty();
    // Room for 125 messages of the 5 000.
    bench.config.max_buffered_bytes = 65_000;
    let topics: Vec<_> = (0..MAPPINGS).map(|number| format!("/default/topic-{number}-")).collect();
    for topic in &topics {
        bench.map(topic);
        bench.create(topic);
        bench.target.fail(topic);
        bench.publish_to(topic, 5, Kind::Plain);
    }
    let pipeline = bench.start();
    sleep(120 * SECOND).await;
    assert_eq!(bench.ledger.acks(), 0);
    assert!(!bench.target.sizes().is_empty(), "the dead target was tried");
    for topic in &topics {
        bench.target.recover(topic);
    }
    bench.settled().await;
    assert_eq!(bench.ledger.acks(), MAPPINGS * 5);
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_remembered_of_settled_messages_is_inside_the_budget() {
    const TOPICS: usize = 20;
    let mut bench = Bench::with_window(10);
    bench.config.max_buffered_bytes = 200_000;
    bench.target.takes(MS / 10);
    let topics: Vec<_> = (0..TOPICS).map(|number| format!("/default/topic-{number}-")).collect();
    for topic in &topics {
        bench.map(topic).batch_size = 10;
        bench.create(topic);
        bench.publish_to(topic, 2_000, Kind::Plain);
    }
    let pipeline = bench.start();
    let (mut most, mut settled) = (0.0_f64, Box::pin(bench.settled()));
    loop {
        tokio::select! {
            _ = &mut settled => break,
            () = sleep(50 * MS) => most = most.max(bench.metric("buffered_bytes", "")),
        }
    }
    drop(settled);
    assert!(most > 0.0 && most <= 200_000.0 + 10.0 * 600.0, "{most} bytes");
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn a_drain_that_is_dropped_leaves_nothing_in_the_gauge() {
    let bench = Bench::new();
    let pipeline = bench.start();
    bench.publish(5);
    bench.settled().await;
    bench.target.hang(TOPIC);
    bench.publish(1);
    sleep(2 * SECOND).await;
    assert!(bench.metric("buffered_bytes", "") > 0.0);
    assert!(timeout(SECOND, pipeline.drain()).await.is_err());
    sleep(MS).await;
    assert_eq!(bench.metric("buffered_bytes", ""), 0.0);
}

#[tokio::test(start_paused = true)]
async fn the_logs_of_a_spool_stay_inside_the_budget_when_they_are_read_at_once() {
    const MAPPINGS: usize = 20;
    const LIMIT: usize = 2_000_000;
    let mut bench = Bench::empty();
    bench.dispatch.window = 1_000;
    let topics: Vec<_> = (0..MAPPINGS).map(|number| format!("/default/topic-{number}-")).collect();
    for topic in &topics {
        bench.map(topic);
        bench.create(topic);
        bench.target.fail(topic);
        for _ in 0..400 {
            bench.broker.publish(topic, 1_000, Kind::Plain, false);
        }
    }
    let folder = Folder::new();
    let process = start(&bench, &folder, 1 << 30);
    bench.settled().await;
    process.end().await;
    for topic in &topics {
        bench.target.recover(topic);
    }
    bench.config.max_buffered_bytes = LIMIT;
    bench.target.takes(MS);
    let process = start(&bench, &folder, 1 << 30);
    let (buffered, mut most) = (bench.observer.buffered_bytes(), 0);
    let mut delivered = Box::pin(in_time(bench.ledger.delivered_all()));
    loop {
        tokio::select! {
            () = &mut delivered => break,
            () = sleep(MS) => most = most.max(buffered.get()),
        }
    }
    drop(delivered);
    assert!(most > 0 && most <= LIMIT as u64, "{most} bytes");
    process.end().await;
}

/// Leaves 20 000 messages in the spool, for a target that has recovered.
async fn spool_backlog(bench: &mut Bench, folder: &Folder) {
    bench.target.fail(TOPIC);
    let process = start(bench, folder, 1 << 30);
    bench.publish(20_000);
    bench.settled().await;
    process.end().await;
    bench.target.recover(TOPIC);
}

/// The delivery from the spool reads as far ahead as its batches need.
#[tokio::test(start_paused = true)]
async fn a_slow_target_does_not_let_the_delivery_read_ever_further_ahead() {
    const RECORD: u64 = 520;
    let mut bench = Bench::with_window(1_000);
    bench.mapping().batch_size = 100;
    bench.config.max_buffered_bytes = 4_000_000;
    let folder = Folder::new();
    spool_backlog(&mut bench, &folder).await;
    bench.target.takes(MS);
    let process = start(&bench, &folder, 1 << 30);
    let (buffered, mut most) = (bench.observer.buffered_bytes(), 0);
    let mut delivered = Box::pin(in_time(bench.ledger.delivered_all()));
    loop {
        tokio::select! {
            () = &mut delivered => break,
            () = sleep(20 * MS) => most = most.max(buffered.get()),
        }
    }
    drop(delivered);
    assert!(most > 0 && most <= 1_500 * RECORD, "{most} bytes, of records and of what the ledger remembers");
    process.end().await;
    bench.lawful();
}

/// A mapping that waits gives back all of its window but the record that probes.
async fn gives_its_window_back(bench: &Bench) {
    let pipeline = bench.start();
    sleep(60 * SECOND).await;
    let buffered = bench.metric("buffered_bytes", "");
    assert!(buffered > 0.0 && buffered < 250_000.0, "{buffered} bytes");
    bench.broker.heal();
    bench.target.recover(TOPIC);
    bench.target.answers([]);
    bench.settled().await;
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn rejected_records_keep_no_memory_of_a_batch_that_waits_for_its_target() {
    let refused = [Answer::Partial([vec![Fate::Rejected], vec![Fate::Retried; 9]].concat())];
    for (kind, answers) in [(Kind::Invalid, vec![]), (Kind::Plain, refused.to_vec())] {
        let bench = Bench::new();
        bench.broker.publish(TOPIC, 100_000, kind, false);
        for _ in 0..9 {
            bench.broker.publish(TOPIC, 100_000, Kind::Plain, false);
        }
        bench.target.answers(answers.into_iter().chain(vec![Answer::Retryable; 1_000]));
        gives_its_window_back(&bench).await;
        assert_eq!((bench.broker.dead_letters().len(), bench.ledger.entry(0).dead_letters), (1, 1), "{kind:?}");
        let offered = bench.target.calls().iter().filter(|call| call.numbers.contains(&0)).count();
        assert_eq!(offered, usize::from(kind == Kind::Plain), "a verdict is final");
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_that_waits_for_its_schema_keeps_no_other_in_memory() {
    let bench = Bench::new();
    bench.broker.begin(Fault::RegistryFails, 120 * SECOND);
    for _ in 0..10 {
        bench.broker.publish(TOPIC, 100_000, Kind::WithSchema, false);
    }
    gives_its_window_back(&bench).await;
}

#[tokio::test(start_paused = true)]
async fn a_drain_reads_nothing_of_the_spool_that_it_does_not_write() {
    const LIMIT: usize = 300_000;
    let mut bench = Bench::with_window(1_000);
    let folder = Folder::new();
    spool_backlog(&mut bench, &folder).await;
    bench.target.takes(20 * MS);
    bench.config.max_buffered_bytes = LIMIT;
    let process = start(&bench, &folder, 1 << 30);
    sleep(5 * SECOND).await;
    let (buffered, mut most) = (bench.observer.buffered_bytes(), 0);
    let mut ended = Box::pin(process.end());
    loop {
        tokio::select! {
            () = &mut ended => break,
            () = sleep(MS) => most = most.max(buffered.get()),
        }
    }
    drop(ended);
    assert!(most > 0 && most <= LIMIT as u64, "{most} bytes");
    bench.lawful();
}
