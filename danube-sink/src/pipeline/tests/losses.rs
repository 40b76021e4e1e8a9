//! Losses: messages that the broker skips are counted, and all that it sends are delivered.

use tokio::time::sleep;

use super::{
    behaviour::{Behaviour, Reading},
    bench::{Bench, MS, SECOND, TOPIC},
    memory::Kind,
    target::{Answer, Fate},
};

fn bench(behaviour: Behaviour) -> Bench {
    let mut bench = Bench::empty();
    bench.dispatch.behaviour = behaviour;
    bench.map(TOPIC);
    bench.create(TOPIC);
    bench
}

#[tokio::test(start_paused = true)]
async fn a_burst_beyond_the_live_tail_is_counted_as_a_gap() {
    let bench = bench(Behaviour { reading: Reading::Tail(256), ..Behaviour::default() });
    let pipeline = bench.start();
    sleep(SECOND).await;
    bench.target.answers([Answer::Slow(SECOND)]);
    bench.publish(10);
    sleep(100 * MS).await;
    bench.publish(800);
    bench.settled().await;
    let skipped = bench.ledger.count(|entry| entry.skipped);
    assert!(skipped > 500, "{skipped}");
    // Until they can no longer arrive late.
    sleep(3 * SECOND).await;
    assert_eq!(bench.metric("intake_gap_messages_total", TOPIC), skipped as f64);
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn messages_that_come_while_they_are_taken_are_all_delivered_from_a_live_tail() {
    let bench = bench(Behaviour { reading: Reading::Tail(256), hangs: true, ..Behaviour::default() });
    let pipeline = bench.start();
    sleep(SECOND).await;
    for _ in 0..200 {
        bench.publish(8);
        sleep(MS).await;
    }
    bench.settled().await;
    assert_eq!(bench.ledger.count(|entry| entry.skipped), 0, "the first ten wait for no flush interval");
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_the_cache_has_left_behind_sends_nothing_and_the_rest_is_delivered() {
    let bench = bench(Behaviour { reading: Reading::Cache(1_024), ..Behaviour::default() });
    let pipeline = bench.start();
    bench.publish(20);
    bench.settled().await;
    bench.target.answers([Answer::Slow(5 * SECOND)]);
    bench.publish(10);
    sleep(2 * SECOND).await;
    bench.publish(3_000);
    bench.settled().await;
    assert_eq!(bench.ledger.acks(), 30);
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn offsets_below_an_old_cursor_are_skipped_and_what_follows_is_delivered() {
    let bench = bench(Behaviour { keeps_cursor: true, ..Behaviour::default() });
    let pipeline = bench.start();
    bench.publish(30);
    bench.settled().await;
    bench.broker.restart(TOPIC);
    bench.publish(50);
    bench.settled().await;
    assert_eq!(bench.ledger.count(|entry| entry.skipped), 30);
    assert_eq!(bench.ledger.acks(), 30 + 20);
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_standing_cursor_sends_again_is_written_once() {
    let bench = bench(Behaviour { reading: Reading::Tail(256), ..Behaviour::default() });
    let pipeline = bench.start();
    bench.target.answers([Answer::Slow(SECOND)]);
    bench.publish(10);
    sleep(100 * MS).await;
    bench.publish(400);
    bench.settled().await;
    bench.broker.reload(TOPIC);
    bench.settled().await;
    let confirmed = bench.ledger.confirmations().len();
    assert_eq!(confirmed, bench.ledger.acks());
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn an_older_record_that_waits_for_its_dead_letter_keeps_the_newest_acknowledgement_back() {
    let bench = bench(Behaviour { hangs: true, ..Behaviour::default() });
    bench.target.answers([Answer::Partial(vec![Fate::Written, Fate::Rejected, Fate::Written])]);
    bench.broker.begin(super::faults::Fault::PublishFails, 5 * SECOND);
    bench.publish_to(TOPIC, 3, Kind::Plain);
    let pipeline = bench.start();
    bench.settled().await;
    assert_eq!(bench.broker.overtakings(TOPIC), 0);
    bench.end(pipeline).await;
}

/// The cursor of before a restart lies above the messages published since, and a broker that reloads the topic skips them.
#[tokio::test(start_paused = true)]
async fn what_a_reload_after_a_restart_passes_over_is_lost_and_the_rest_is_delivered() {
    let bench = bench(Behaviour { keeps_cursor: true, ..Behaviour::default() });
    let pipeline = bench.start();
    bench.publish(5);
    bench.settled().await;
    bench.broker.restart(TOPIC);
    bench.publish(3);
    bench.broker.reload(TOPIC);
    bench.publish(6);
    bench.settled().await;
    assert_eq!(bench.ledger.count(|entry| entry.skipped), 5, "the offsets below the old cursor");
    bench.end(pipeline).await;
}
