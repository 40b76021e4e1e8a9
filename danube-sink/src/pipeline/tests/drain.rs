//! Drains: records in hand are written and acknowledged, and no new ones are taken.

use tokio::time::{sleep, timeout};

use super::{
    bench::{Bench, MS, SECOND, TOPIC, in_time},
    faults::Fault,
    memory::Kind,
    target::Answer,
};
use crate::config::OnRetriesExhausted;

#[tokio::test(start_paused = true)]
async fn a_drain_writes_the_open_batch_at_once_and_acknowledges_it() {
    let mut bench = Bench::new();
    bench.mapping().flush_interval = 3_600 * SECOND;
    bench.publish(3);
    let pipeline = bench.start();
    sleep(SECOND).await;
    assert_eq!(bench.target.sizes(), [0; 0]);
    timeout(SECOND, pipeline.drain()).await.unwrap().unwrap();
    assert_eq!(bench.target.sizes(), [3]);
    assert_eq!(bench.ledger.acks(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_drain_takes_no_more_messages() {
    let bench = Bench::new();
    bench.target.answers([Answer::Slow(10 * SECOND)]);
    bench.publish(5);
    let pipeline = bench.start();
    sleep(2 * SECOND).await;
    let drained = tokio::spawn(pipeline.drain());
    sleep(SECOND).await;
    bench.publish(5);
    in_time(drained).await.unwrap().unwrap();
    assert_eq!(bench.ledger.confirmations(), [0, 1, 2, 3, 4]);
    assert_eq!(bench.ledger.acks(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_drain_in_a_retry_pause_waits_for_a_target_that_recovers() {
    let bench = Bench::new();
    bench.target.fail(TOPIC);
    bench.publish(5);
    let pipeline = bench.start();
    sleep(10 * SECOND).await;
    let drained = tokio::spawn(pipeline.drain());
    sleep(10 * SECOND).await;
    bench.target.recover(TOPIC);
    in_time(drained).await.unwrap().unwrap();
    assert_eq!(bench.ledger.acks(), 5);
    bench.lawful();
}

#[tokio::test(start_paused = true)]
async fn a_drain_that_is_dropped_leaves_to_the_broker_what_the_target_never_took() {
    let bench = Bench::new();
    bench.target.fail(TOPIC);
    bench.publish(5);
    let pipeline = bench.start();
    sleep(10 * SECOND).await;
    assert!(timeout(20 * SECOND, pipeline.drain()).await.is_err());
    assert_eq!(bench.ledger.acks(), 0);
    bench.target.recover(TOPIC);
    let pipeline = bench.start();
    bench.settled().await;
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn a_drain_says_whether_records_were_settled_or_given_back() {
    for (answer, left) in [
        (Answer::Ok, "every record that it received of the partition is settled"),
        (Answer::Fatal, "5 records of the partition were given back to the broker"),
    ] {
        let bench = Bench::new();
        bench.target.answers([answer]);
        bench.publish(5);
        let pipeline = bench.start();
        sleep(10 * SECOND).await;
        let _ = in_time(pipeline.drain()).await;
        assert_eq!(bench.reasons(), [format!("the connector stops: {left}")]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_never_took_a_record_is_still_shown_after_a_drain() {
    let bench = Bench::new();
    bench.target.fail(TOPIC);
    bench.publish(5);
    let pipeline = bench.start();
    sleep(10 * SECOND).await;
    assert!(bench.reasons()[0].contains("the target takes no records"), "{:?}", bench.reasons());
    assert!(timeout(5 * SECOND, pipeline.drain()).await.is_err());
    assert!(bench.reasons()[0].contains("the target takes no records"), "{:?}", bench.reasons());
    bench.target.recover(TOPIC);
    let pipeline = bench.start();
    bench.settled().await;
    assert_eq!(bench.reasons(), [""; 0], "the next pipeline delivers everything");
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_during_a_drain_is_taken_up_again_for_its_acknowledgements() {
    let bench = Bench::new();
    bench.target.answers([Answer::Slow(10 * SECOND)]);
    bench.publish(5);
    let pipeline = bench.start();
    sleep(2 * SECOND).await;
    let drained = tokio::spawn(pipeline.drain());
    sleep(SECOND).await;
    bench.broker.end_stream(TOPIC, true);
    in_time(drained).await.unwrap().unwrap();
    assert_eq!(bench.ledger.acks(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_fails_does_not_keep_another_from_draining() {
    let mut bench = Bench::new();
    bench.map("/default/well");
    bench.create("/default/well");
    bench.target.fail(TOPIC);
    bench.publish(5);
    bench.publish_to("/default/well", 5, Kind::Plain);
    let pipeline = bench.start();
    sleep(900 * MS).await;
    assert!(timeout(20 * SECOND, pipeline.drain()).await.is_err());
    assert_eq!(bench.ledger.acks(), 5);
    bench.lawful();
}

#[tokio::test(start_paused = true)]
async fn a_full_budget_does_not_keep_a_drain_from_acknowledging() {
    let mut bench = Bench::with_window(100);
    bench.map("/default/well");
    bench.create("/default/well");
    bench.config.max_buffered_bytes = 6_000;
    bench.target.fail(TOPIC);
    let pipeline = bench.start();
    bench.publish_to("/default/well", 5, Kind::Plain);
    bench.publish(5);
    sleep(100 * MS).await;
    // It waits for all of the budget, and what comes later waits behind it.
    bench.broker.publish(TOPIC, 10_000, Kind::Plain, false);
    sleep(100 * MS).await;
    bench.publish_to("/default/well", 50, Kind::Plain);
    sleep(100 * MS).await;
    assert!(timeout(10 * SECOND, pipeline.drain()).await.is_err());
    assert!(bench.ledger.acks() >= 6, "those in hand, with those for which there was memory");
    bench.lawful();
}

#[tokio::test(start_paused = true)]
async fn what_a_restarted_broker_lost_does_not_delay_a_drain() {
    let bench = Bench::new();
    bench.target.answers([Answer::Slow(2 * SECOND)]);
    bench.publish(5);
    let pipeline = bench.start();
    sleep(2 * SECOND).await;
    bench.broker.restart(TOPIC);
    sleep(10 * SECOND).await;
    bench.publish(5);
    bench.settled().await;
    timeout(SECOND, pipeline.drain()).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn acknowledgements_whose_answers_were_lost_long_ago_do_not_delay_a_drain() {
    let bench = Bench::new();
    let pipeline = bench.start();
    bench.broker.begin(Fault::AnswersAreLost, 10 * SECOND);
    bench.publish(5);
    bench.settled().await;
    sleep(2 * 3_600 * SECOND).await;
    bench.publish(45);
    bench.settled().await;
    timeout(100 * MS, pipeline.drain()).await.expect("at once").unwrap();
}

#[tokio::test(start_paused = true)]
async fn acknowledgements_that_failed_while_a_stream_ended_do_not_delay_a_drain() {
    for (fails, ends) in [(100, 60), (100, 150), (200, 150), (300, 250), (300, 400), (500, 400)] {
        let bench = Bench::new();
        let pipeline = bench.start();
        bench.publish(5);
        sleep(990 * MS).await;
        bench.broker.begin(Fault::AcksFail, fails * MS);
        sleep(ends * MS).await;
        bench.broker.end_stream(TOPIC, true);
        bench.settled().await;
        sleep(3_600 * SECOND).await;
        timeout(100 * MS, pipeline.drain()).await.expect("at once").unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_cannot_be_written_does_not_hold_a_drain() {
    for waiting in [1, 10, 60] {
        let bench = Bench::new();
        bench.publish_to(TOPIC, 1, Kind::Invalid);
        bench.broker.begin(Fault::PublishFails, 86_000 * SECOND);
        let pipeline = bench.start();
        sleep(waiting * SECOND).await;
        timeout(5 * SECOND, pipeline.drain()).await.expect("a drain ends").unwrap();
        assert_eq!(bench.ledger.acks(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_drain_attaches_to_no_partition_whose_records_were_given_back() {
    let mut bench = Bench::new();
    bench.map("/default/slow");
    bench.create("/default/slow");
    bench.target.answers([Answer::Slow(25 * SECOND)]);
    bench.broker.begin(Fault::PublishFails, 86_000 * SECOND);
    let pipeline = bench.start();
    bench.publish_to(TOPIC, 3, Kind::Invalid);
    bench.publish_to("/default/slow", 1, Kind::Plain);
    // Half the ack timeout is over during the drain.
    sleep(14 * SECOND).await;
    in_time(pipeline.drain()).await.unwrap();
    assert_eq!((bench.ledger.acks(), bench.broker.attaches(TOPIC)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_drain_tries_a_dead_target_whose_health_checks_fail_and_ends_when_it_is_back() {
    for health in [Answer::Retryable, Answer::Hang] {
        let mut bench = Bench::new();
        bench.config.write_timeout = 5 * SECOND;
        bench.target.fail(TOPIC);
        bench.target.health(Some(health));
        bench.publish(5);
        let pipeline = bench.start();
        sleep(120 * SECOND).await;
        let drained = tokio::spawn(pipeline.drain());
        let before = bench.target.sizes().len();
        sleep(20 * SECOND).await;
        assert!(bench.target.sizes().len() > before, "it is tried");
        bench.target.recover(TOPIC);
        bench.target.health(None);
        timeout(40 * SECOND, drained).await.expect("a drain ends").unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_fatal_health_check_ends_a_drain() {
    let bench = Bench::new();
    bench.target.fail(TOPIC);
    bench.publish(5);
    let pipeline = bench.start();
    sleep(60 * SECOND).await;
    bench.target.health(Some(Answer::Fatal));
    let drained = timeout(10 * SECOND, pipeline.drain()).await.expect("a drain ends");
    assert!(drained.unwrap_err().to_string().contains("may not log in"));
}

#[tokio::test(start_paused = true)]
async fn a_drain_gives_up_no_record_that_the_broker_can_keep() {
    for exhausted in [OnRetriesExhausted::DeadLetter, OnRetriesExhausted::Stop] {
        let mut bench = Bench::new();
        bench.config.on_retries_exhausted = exhausted;
        bench.target.fail(TOPIC);
        bench.publish(5);
        let pipeline = bench.start();
        sleep(SECOND).await;
        assert!(timeout(20 * SECOND, pipeline.drain()).await.is_err(), "it waits for the target");
        assert_eq!((bench.ledger.acks(), bench.broker.dead_letters().len()), (0, 0));
        bench.target.recover(TOPIC);
        let pipeline = bench.start();
        bench.settled().await;
        bench.end(pipeline).await;
    }
}
