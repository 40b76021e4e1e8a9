//! Records that the target refuses, and schemas that cannot be looked up.

use tokio::time::{Instant, sleep};

use super::{
    bench::{Bench, DEAD_LETTERS, MS, SECOND, TOPIC, in_time},
    faults::Fault,
    memory::Kind,
    target::{Answer, Fate},
};
use crate::config::{OnInvalidRecord, OnRetriesExhausted};

#[tokio::test(start_paused = true)]
async fn an_outage_of_the_registry_delays_one_partition_only_and_loses_nothing() {
    let mut bench = Bench::new();
    bench.map("/default/plain");
    bench.create("/default/plain");
    bench.broker.begin(Fault::RegistryFails, 60 * SECOND);
    bench.publish_to(TOPIC, 15, Kind::WithSchema);
    bench.publish_to("/default/plain", 15, Kind::Plain);
    let pipeline = bench.start();
    sleep(3 * SECOND).await;
    assert_eq!(bench.ledger.acks(), 15);
    bench.settled().await;
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn an_undecodable_record_becomes_a_dead_letter_that_says_where_it_came_from_and_why() {
    let bench = Bench::new();
    bench.publish(2);
    bench.publish_to(TOPIC, 1, Kind::Invalid);
    bench.publish(2);
    let pipeline = bench.start();
    bench.settled().await;
    assert_eq!(bench.ledger.confirmations(), [0, 1, 3, 4]);
    let dead_letters = bench.broker.dead_letters();
    let [(topic, dead_letter)] = &dead_letters[..] else { panic!("{dead_letters:?}") };
    let attribute = |name: &str| dead_letter.attributes.get(name).map(String::as_str);
    assert_eq!(topic, DEAD_LETTERS);
    assert_eq!(attribute("origin"), Some(TOPIC), "attributes stay");
    assert_eq!(attribute("x-original-topic"), Some(TOPIC));
    assert_eq!(attribute("x-original-topic-offset"), Some("2"));
    assert!(attribute("x-failure-reason").unwrap().starts_with("not JSON"));
    assert_eq!(dead_letter.schema, Some((2, Some(1))));
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn the_next_batches_are_written_while_a_dead_letter_waits_for_its_topic() {
    let mut bench = Bench::new();
    bench.mapping().batch_size = 2;
    bench.target.answers([Answer::Partial(vec![Fate::Rejected, Fate::Written])]);
    bench.broker.begin(Fault::PublishFails, 10 * SECOND);
    bench.publish(6);
    let pipeline = bench.start();
    sleep(2 * SECOND).await;
    assert_eq!(bench.ledger.confirmations(), [1, 2, 3, 4, 5]);
    assert_eq!(bench.broker.dead_letters().len(), 0);
    bench.settled().await;
    assert_eq!(bench.broker.dead_letters().len(), 1);
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn a_rejected_record_is_acknowledged_only_after_its_dead_letter_is_published() {
    let bench = Bench::new();
    bench.target.answers([Answer::Partial(vec![Fate::Written, Fate::Rejected, Fate::Written])]);
    bench.broker.begin(Fault::PublishFails, 20 * SECOND);
    bench.publish(3);
    let pipeline = bench.start();
    sleep(10 * SECOND).await;
    let acked = [0, 1, 2].map(|number| bench.ledger.entry(number).acked);
    assert_eq!(acked, [true, false, false], "the newest waits for what is older");
    bench.settled().await;
    assert_eq!(bench.broker.overtakings(TOPIC), 0);
    assert_eq!(bench.ledger.entry(1).dead_letters, 1);
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn with_skip_an_invalid_record_is_acknowledged_and_the_others_are_written() {
    let mut bench = Bench::new();
    bench.mapping().on_invalid_record = OnInvalidRecord::Skip;
    bench.target.answers([Answer::Invalid(1)]);
    bench.publish(3);
    bench.publish_to(TOPIC, 1, Kind::Invalid);
    let pipeline = bench.start();
    bench.settled().await;
    assert_eq!(bench.ledger.confirmations(), [0, 2]);
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn with_stop_an_invalid_record_ends_the_connector_after_the_others_are_written() {
    let mut bench = Bench::new();
    bench.mapping().on_invalid_record = OnInvalidRecord::Stop;
    bench.target.answers([Answer::Invalid(1)]);
    bench.publish(4);
    let mut pipeline = bench.start();
    let error = in_time(pipeline.ended()).await.unwrap_err();
    assert!(error.to_string().contains("not what the target takes"), "{error}");
    assert_eq!(bench.ledger.confirmations(), [0, 2, 3]);
    let acked = [0, 1, 2, 3].map(|number| bench.ledger.entry(number).acked);
    assert_eq!(acked, [true, false, true, false], "the newest waits for what is older");
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn with_stop_no_record_is_written_after_an_older_one_that_stays_with_the_broker() {
    for (answers, written) in [(vec![], &[1][..]), (vec![Answer::Refused; 4], &[])] {
        let mut bench = Bench::with_window(100);
        (bench.mapping().batch_size, bench.mapping().on_invalid_record) = (8, OnInvalidRecord::Stop);
        if answers.is_empty() {
            [0, 2].into_iter().for_each(|number| bench.target.refuse(number));
        } else {
            bench.target.answers(answers.into_iter().chain([Answer::Retryable]));
        }
        bench.publish(8);
        let mut pipeline = bench.start();
        in_time(pipeline.ended()).await.unwrap_err();
        assert_eq!(bench.ledger.confirmations(), written);
        bench.end(pipeline).await;
    }
}

#[tokio::test(start_paused = true)]
async fn records_that_the_target_refuses_are_found_in_halves_and_the_others_are_written_in_order() {
    let mut bench = Bench::with_window(100);
    bench.mapping().batch_size = 16;
    bench.target.refuse(3);
    bench.target.refuse(12);
    bench.publish(16);
    let pipeline = bench.start();
    bench.settled().await;
    assert_eq!(bench.ledger.confirmations(), [0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15]);
    assert_eq!([3, 12].map(|number| bench.ledger.entry(number).dead_letters), [1, 1]);
    assert_eq!(bench.target.sizes(), [16, 8, 4, 2, 2, 1, 1, 4, 8, 4, 4, 2, 1, 1, 2]);
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_too_large_for_the_target_is_halved_and_a_single_record_waits() {
    let mut bench = Bench::with_window(100);
    bench.mapping().batch_size = 16;
    // No record fits at first; then all the rest does.
    bench.target.answers([16, 8, 4, 2, 1].map(|size| Answer::AtMost(size - 1)));
    bench.publish(16);
    let pipeline = bench.start();
    bench.settled().await;
    assert_eq!(bench.ledger.confirmations(), (0..16).collect::<Vec<_>>());
    assert_eq!(bench.target.sizes(), [16, 8, 4, 2, 1, 1, 1, 2, 4, 8]);
    assert!(bench.broker.dead_letters().is_empty());
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_with_many_invalid_records_is_written_twice_and_is_no_mass_refusal() {
    let mut bench = Bench::with_window(200);
    bench.mapping().batch_size = 100;
    let invalid: Vec<_> = (0..100).filter(|number| number % 50 != 7).collect();
    bench.target.answers([Answer::InvalidEach(invalid.clone()), Answer::Ok, Answer::InvalidEach(invalid)]);
    bench.publish(200);
    let pipeline = bench.start();
    bench.settled().await;
    assert_eq!(bench.ledger.confirmations(), [7, 57, 107, 157]);
    assert_eq!(bench.target.sizes(), [100, 2, 100, 2]);
    assert_eq!(bench.broker.dead_letters().len(), 196);
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn a_target_that_goes_away_while_halves_are_written_gets_each_record_once() {
    let bench = Bench::new();
    bench.target.answers([Answer::Refused, Answer::Retryable, Answer::Ok, Answer::Retryable]);
    bench.publish(10);
    let pipeline = bench.start();
    bench.settled().await;
    assert_eq!(bench.ledger.confirmations(), (0..10).collect::<Vec<_>>());
    assert_eq!(bench.target.sizes(), [10, 5, 5, 5, 5]);
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn a_failing_target_does_not_stop_another_partition() {
    let mut bench = Bench::new();
    bench.map("/default/well");
    bench.create("/default/well");
    bench.target.fail(TOPIC);
    bench.publish(15);
    bench.publish_to("/default/well", 15, Kind::Plain);
    let pipeline = bench.start();
    sleep(5 * SECOND).await;
    assert_eq!(bench.ledger.acks(), 15);
    bench.target.recover(TOPIC);
    bench.settled().await;
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn a_failing_partition_that_fills_the_budget_holds_up_another_for_half_an_ack_timeout_at_most() {
    let mut bench = Bench::with_window(100);
    bench.mapping().batch_size = 2;
    bench.map("/default/well");
    bench.create("/default/well");
    bench.config.max_buffered_bytes = 6_000;
    bench.target.fail(TOPIC);
    bench.publish(50);
    let pipeline = bench.start();
    sleep(100 * MS).await;
    bench.publish_to("/default/well", 50, Kind::Plain);
    sleep(bench.dispatch.ack_timeout / 2 + 10 * SECOND).await;
    assert_eq!(bench.ledger.acks(), 50);
    bench.target.recover(TOPIC);
    bench.settled().await;
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn with_stop_the_connector_ends_after_max_retries_and_acknowledges_nothing() {
    let mut bench = Bench::new();
    bench.config.on_retries_exhausted = OnRetriesExhausted::Stop;
    bench.config.max_retries = 3;
    bench.target.fail(TOPIC);
    bench.publish(2);
    let mut pipeline = bench.start();
    let error = in_time(pipeline.ended()).await.unwrap_err();
    assert!(error.to_string().contains("not written in 4 attempts"), "{error}");
    assert_eq!(bench.target.sizes(), [2; 4]);
    assert_eq!(bench.ledger.acks(), 0);
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn with_dead_letter_a_batch_goes_there_after_max_retries() {
    let mut bench = Bench::new();
    bench.config.on_retries_exhausted = OnRetriesExhausted::DeadLetter;
    bench.config.max_retries = 3;
    bench.ledger.exhausted_to_dead_letters();
    bench.target.fail(TOPIC);
    bench.publish(2);
    let pipeline = bench.start();
    bench.settled().await;
    assert_eq!(bench.target.sizes(), [2; 4]);
    assert_eq!(bench.broker.dead_letters().len(), 2);
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn with_wait_a_batch_is_tried_on_after_max_retries() {
    let mut bench = Bench::new();
    bench.config.max_retries = 3;
    bench.target.answers(vec![Answer::Retryable; 20]);
    bench.publish(2);
    let pipeline = bench.start();
    bench.settled().await;
    let calls = bench.target.calls();
    // Detached half an ack timeout after the arrival, which was a flush interval before the first write.
    let detached = calls[0].at + bench.dispatch.ack_timeout / 2 - bench.mappings[0].flush_interval;
    let sizes = |of: &dyn Fn(Instant) -> bool| {
        calls.iter().filter(|call| of(call.at)).map(|call| call.numbers.len()).collect::<Vec<_>>()
    };
    let (before, after) = (sizes(&|at| at + SECOND < detached), sizes(&|at| at > detached + 2 * SECOND));
    assert!(before.len() > 2 && before.iter().all(|size| *size == 2), "{calls:?}");
    assert!(after.len() > 2 && after.iter().all(|size| *size == 1), "one record probes: {calls:?}");
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_not_tried_comes_again_at_once_and_is_no_failure_unless_nothing_came_on() {
    let mut bench = Bench::new();
    bench.config.on_retries_exhausted = OnRetriesExhausted::Stop;
    bench.config.max_retries = 0;
    bench.target.answers([
        Answer::Partial(vec![Fate::Written, Fate::Deferred, Fate::Deferred]),
        Answer::Partial(vec![Fate::Rejected, Fate::Deferred]),
    ]);
    bench.publish(3);
    let mut pipeline = bench.start();
    bench.settled().await;
    assert_eq!(bench.target.sizes(), [3, 2, 1]);
    let calls = bench.target.calls();
    assert_eq!(calls[0].at, calls[2].at);
    bench.target.answers([Answer::Partial(vec![Fate::Deferred])]);
    bench.publish(1);
    let error = in_time(pipeline.ended()).await.unwrap_err();
    assert!(error.to_string().contains("not written in 1 attempts"), "{error}");
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn a_write_that_hangs_is_given_up_and_tried_again() {
    let mut bench = Bench::new();
    bench.config.write_timeout = 2 * SECOND;
    bench.target.answers([Answer::Hang]);
    bench.publish(2);
    let pipeline = bench.start();
    bench.settled().await;
    let calls = bench.target.calls();
    assert!(calls[1].at - calls[0].at >= 2 * SECOND && calls[1].at - calls[0].at <= 2_200 * MS);
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn the_target_is_left_alone_for_as_long_as_it_asked() {
    let bench = Bench::new();
    bench.target.answers([Answer::RetryAfter(7 * SECOND)]);
    bench.publish(2);
    let pipeline = bench.start();
    bench.settled().await;
    let calls = bench.target.calls();
    assert!(calls[1].at - calls[0].at >= 7 * SECOND);
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn a_fatal_answer_or_a_panic_ends_the_connector_and_acknowledges_nothing_of_the_batch() {
    for (answer, text) in
        [(Answer::Fatal, "the table is gone"), (Answer::Panic, "the connector panicked in process_batch")]
    {
        let mut bench = Bench::new();
        bench.mapping().batch_size = 2;
        bench.target.answers([Answer::Ok, answer]);
        bench.publish(6);
        let mut pipeline = bench.start();
        let error = in_time(pipeline.ended()).await.unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
        assert_eq!(bench.ledger.acks(), 2);
        assert_eq!(bench.target.sizes(), [2, 2]);
        bench.end(pipeline).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_that_was_never_tried_is_not_dead_lettered_for_another_one() {
    let mut bench = Bench::with_window(100);
    bench.mapping().batch_size = 10;
    bench.config.on_retries_exhausted = OnRetriesExhausted::DeadLetter;
    bench.config.max_retries = 2;
    bench.ledger.exhausted_to_dead_letters();
    let mut fates = vec![Fate::Deferred; 10];
    fates[0] = Fate::Retried;
    bench.target.answers(vec![Answer::Partial(fates); 3]);
    bench.publish(10);
    let pipeline = bench.start();
    bench.settled().await;
    assert_eq!((bench.broker.dead_letters().len(), bench.ledger.confirmations().len()), (1, 9));
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn a_schema_that_the_registry_lacks_costs_one_series_of_look_ups() {
    let mut bench = Bench::with_window(1_000);
    bench.config.max_retries = 5;
    bench.publish_to(TOPIC, 100, Kind::Unregistered);
    bench.publish(1);
    let pipeline = bench.start();
    let took = bench.settled().await;
    assert!(took < 30 * SECOND, "took {took:?}");
    let dead_letters = bench.broker.dead_letters();
    assert_eq!((dead_letters.len(), bench.ledger.confirmations().len()), (100, 1));
    let reason = &dead_letters[0].1.attributes["x-failure-reason"];
    assert_eq!(reason, "schema 3 version 1 cannot be used: no such schema");
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn many_invalid_records_are_published_at_once() {
    let mut bench = Bench::with_window(1_000);
    bench.mapping().batch_size = 500;
    bench.publish_to(TOPIC, 5_000, Kind::Invalid);
    let pipeline = bench.start();
    bench.settled().await;
    assert_eq!(bench.broker.dead_letters().len(), 5_000);
    assert!(bench.broker.publishes() <= 50, "{} calls", bench.broker.publishes());
    bench.end(pipeline).await;
}
