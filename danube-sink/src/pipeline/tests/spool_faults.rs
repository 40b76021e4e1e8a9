//! A spool whose process is overtaken, whose successor dies, or whose disk fails.

use std::fs;

use tokio::time::{sleep, timeout};

use super::{
    bench::{Bench, SECOND, TOPIC, in_time},
    faults::Fault,
    memory::Kind,
    spooled::{Process, open, start},
};
use crate::{
    observe::Phase,
    pipeline::TakeoverWait,
    spool::tests::{Folder, files},
};

/// A process that runs with a spool of this size, while the target takes no records.
fn failing(max_bytes: u64) -> (Bench, Folder, Process) {
    let bench = Bench::new();
    bench.observer.phase(Phase::Running);
    let folder = Folder::new();
    bench.target.fail(TOPIC);
    let process = start(&bench, &folder, max_bytes);
    (bench, folder, process)
}

#[tokio::test(start_paused = true)]
async fn an_attach_during_which_another_process_spooled_brings_no_record() {
    let bench = Bench::new();
    bench.ledger.counts_repeats();
    let folder = Folder::new();
    bench.target.fail(TOPIC);
    let earlier = start(&bench, &folder, 1 << 30);
    bench.publish(10);
    bench.settled().await;
    bench.broker.begin(Fault::AttachHangs, 20 * SECOND);
    bench.broker.end_stream(TOPIC, true);
    // It has looked for other processes, and waits for the broker.
    sleep(5 * SECOND).await;
    bench.broker.heal();
    let later = start(&bench, &folder, 1 << 30);
    bench.publish(10);
    bench.settled().await;
    later.kill();
    bench.publish(10);
    timeout(60 * SECOND, earlier.intake.takeover().reported()).await.expect("it makes way");
    earlier.kill();
    bench.target.recover(TOPIC);
    let last = start(&bench, &folder, 1 << 30);
    in_time(bench.ledger.delivered_all()).await;
    last.end().await;
    assert_eq!(bench.ledger.confirmations(), (0..30).collect::<Vec<_>>());
    bench.lawful();
}

#[tokio::test(start_paused = true)]
async fn a_successor_that_dies_while_it_attaches_is_followed() {
    let bench = Bench::new();
    let folder = Folder::new();
    let earlier = start(&bench, &folder, 1 << 30);
    bench.publish(3);
    bench.settled().await;
    let later = open(&bench, &folder, 1 << 30);
    bench.broker.take_over(TOPIC);
    let (takeover, successors) = (earlier.intake.takeover(), earlier.spool.successors());
    in_time(takeover.reported()).await;
    earlier.end().await;
    let mut wait = TakeoverWait::default();
    timeout(600 * SECOND, takeover.ended(&successors, &mut wait)).await.expect_err("the other one lives");
    drop(later);
    timeout(SECOND, takeover.ended(&successors, &mut wait)).await.expect("the other one is dead");
    let next = start(&bench, &folder, 1 << 30);
    bench.publish(3);
    in_time(bench.ledger.delivered_all()).await;
    next.end().await;
    bench.lawful();
}

#[tokio::test(start_paused = true)]
async fn a_successor_with_another_folder_is_waited_for_no_longer_than_some_minutes() {
    let bench = Bench::new();
    let folder = Folder::new();
    let earlier = start(&bench, &folder, 1 << 30);
    bench.publish(3);
    bench.settled().await;
    bench.broker.take_over(TOPIC);
    let (takeover, successors) = (earlier.intake.takeover(), earlier.spool.successors());
    in_time(takeover.reported()).await;
    earlier.end().await;
    let mut wait = TakeoverWait::default();
    for minutes in [5, 10, 20, 40, 60, 60] {
        let limit = SECOND * 60 * minutes;
        timeout(limit - SECOND, takeover.ended(&successors, &mut wait)).await.expect_err("it may live");
        timeout(limit + SECOND, takeover.ended(&successors, &mut wait)).await.expect("it may be dead");
    }
    bench.broker.leave(TOPIC);
    timeout(30 * SECOND, takeover.ended(&successors, &mut wait)).await.expect("it has left");
    bench.lawful();
}

#[tokio::test(start_paused = true)]
async fn a_log_that_cannot_be_read_is_shown_until_it_can() {
    let mut bench = Bench::new();
    bench.mapping().batch_size = 10;
    bench.observer.phase(Phase::Running);
    let folder = Folder::new();
    bench.target.hang(TOPIC);
    let process = start(&bench, &folder, 320_000);
    bench.publish(2_000);
    bench.settled().await;
    assert!(bench.observer.is_ready());
    let segments = files(&folder, ".segment");
    assert!(segments.len() > 3, "{segments:?}");
    let (segment, moved) = (&segments[2], segments[2].with_extension("moved"));
    fs::rename(segment, &moved).unwrap();
    bench.target.recover(TOPIC);
    sleep(600 * SECOND).await;
    assert!(!bench.observer.is_ready());
    fs::rename(&moved, segment).unwrap();
    in_time(bench.ledger.delivered_all()).await;
    assert!(bench.observer.is_ready());
    process.end().await;
    assert_eq!(bench.ledger.confirmations(), (0..2_000).collect::<Vec<_>>());
    bench.lawful();
}

/// Its records were read before and given back, for the target to recover: they are redelivered, and none of them is new.
#[tokio::test(start_paused = true)]
async fn a_log_that_cannot_be_read_once_more_is_shown_until_it_can() {
    for is_damaged in [false, true] {
        let (bench, folder, process) = failing(1 << 30);
        bench.publish(10);
        bench.settled().await;
        sleep(120 * SECOND).await;
        let segment = &files(&folder, ".segment")[0];
        let moved = segment.with_extension("moved");
        fs::rename(segment, &moved).unwrap();
        bench.target.recover(TOPIC);
        sleep(60 * SECOND).await;
        let reasons = bench.reasons();
        assert!(reasons[0].contains("the spool cannot be read"), "{reasons:?}");
        if is_damaged {
            let bytes = fs::metadata(&moved).unwrap().len();
            fs::write(&moved, vec![0; usize::try_from(bytes).unwrap()]).unwrap();
        }
        fs::rename(&moved, segment).unwrap();
        sleep(60 * SECOND).await;
        assert!(bench.observer.is_ready(), "{:?}", bench.reasons());
        assert_eq!(bench.ledger.confirmations().len(), if is_damaged { 1 } else { 10 });
        process.end().await;
        bench.lawful();
    }
}

#[tokio::test(start_paused = true)]
async fn a_spool_that_is_removed_acknowledges_nothing_and_says_so() {
    let (bench, folder, process) = failing(1 << 30);
    bench.publish(10);
    bench.settled().await;
    fs::remove_dir_all(&folder.0).unwrap();
    bench.publish(10);
    sleep(600 * SECOND).await;
    assert_eq!(bench.ledger.acks(), 10);
    let reasons = bench.reasons();
    assert!(reasons[0].contains("was removed while the connector runs"), "{reasons:?}");
    process.end().await;
    assert_eq!(bench.ledger.acks(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_full_spool_and_a_target_that_takes_nothing_are_shown_together() {
    let (bench, _folder, process) = failing(100_000);
    bench.publish(5_000);
    sleep(120 * SECOND).await;
    let reasons = bench.reasons();
    let [reason] = &reasons[..] else { panic!("{reasons:?}") };
    assert!(["the target takes no records", "the spool is full"].iter().all(|each| reason.contains(each)), "{reason}");
    bench.target.recover(TOPIC);
    in_time(bench.ledger.delivered_all()).await;
    assert!(bench.observer.is_ready());
    process.end().await;
    bench.lawful();
}

#[tokio::test(start_paused = true)]
async fn a_target_that_takes_no_records_of_an_ended_process_is_shown() {
    let (bench, folder, process) = failing(1 << 30);
    bench.publish(10);
    bench.settled().await;
    process.end().await;
    let process = start(&bench, &folder, 1 << 30);
    sleep(120 * SECOND).await;
    assert!(!bench.observer.is_ready());
    bench.target.recover(TOPIC);
    in_time(bench.ledger.delivered_all()).await;
    sleep(SECOND).await;
    assert!(bench.observer.is_ready());
    process.end().await;
    bench.lawful();
}

#[cfg(target_os = "linux")]
#[tokio::test(start_paused = true)]
async fn a_disk_that_is_filled_under_load_loses_nothing() {
    let Some(crate::spool::tests::Mount(folder)) = &crate::spool::tests::Mount::new() else { return };
    let bench = Bench::new();
    bench.ledger.counts_repeats();
    bench.observer.phase(Phase::Running);
    bench.target.fail(TOPIC);
    let mut process = start(&bench, folder, 1 << 30);
    for round in 1..=4 {
        for _ in 0..2_000 {
            bench.broker.publish(TOPIC, 4_096, Kind::Plain, false);
        }
        sleep(600 * SECOND).await;
        let acks = bench.ledger.acks();
        assert!(acks < 2_000 * round && !bench.observer.is_ready(), "{acks}");
        if round % 2 == 0 {
            process.kill();
            process = start(&bench, folder, 1 << 30);
            sleep(600 * SECOND).await;
        }
        bench.target.recover(TOPIC);
        in_time(bench.ledger.delivered_all()).await;
        bench.settled().await;
        bench.target.fail(TOPIC);
    }
    process.end().await;
    bench.lawful();
}
