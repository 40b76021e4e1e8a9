//! Records that go back to the broker before their dead letters are published.

use tokio::time::sleep;

use super::{
    bench::{Bench, SECOND, TOPIC, in_time},
    faults::Fault,
    memory::Kind,
    target::Answer,
};
use crate::config::{OnInvalidRecord, OnRetriesExhausted};

/// Its dead letter cannot be published for longer than the ack timeout.
#[tokio::test(start_paused = true)]
async fn a_record_that_goes_back_to_the_broker_before_its_dead_letter_is_not_offered_again() {
    let bench = Bench::new();
    bench.publish(5);
    [1, 2, 4].into_iter().for_each(|number| bench.target.refuse(number));
    bench.broker.begin(Fault::PublishFails, 120 * SECOND);
    let pipeline = bench.start();
    bench.settled().await;
    assert!(bench.ledger.entry(4).deliveries > 1, "it went back");
    assert_eq!((bench.broker.dead_letters().len(), bench.ledger.confirmations()), (3, vec![0, 3]));
    for number in [1, 2, 4] {
        let alone = bench.target.calls().iter().filter(|call| call.numbers == [number]).count();
        assert_eq!(alone, 1, "record {number}");
    }
    bench.end(pipeline).await;
}

/// Its verdict is remembered while the target fails, and the records before it go back too.
#[tokio::test(start_paused = true)]
async fn nothing_behind_a_record_that_stops_the_connector_is_written_when_it_comes_again() {
    let mut bench = Bench::with_window(30);
    bench.mapping().on_invalid_record = OnInvalidRecord::Stop;
    bench.target.fail_for(TOPIC, 60 * SECOND);
    bench.publish(5);
    let mut pipeline = bench.start();
    sleep(2 * SECOND).await;
    assert_eq!(bench.target.sizes()[0], 5);
    bench.publish_to(TOPIC, 1, Kind::Invalid);
    bench.publish(15);
    let error = in_time(pipeline.ended()).await.unwrap_err();
    assert!(error.to_string().contains("invalid"), "{error}");
    assert!(bench.ledger.entry(5).deliveries > 1, "it went back");
    assert!(pipeline.drain().await.is_ok());
    assert_eq!(bench.ledger.confirmations(), [0, 1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_record_whose_retries_are_exhausted_is_not_written_when_it_comes_again_before_its_dead_letter() {
    let mut bench = Bench::new();
    bench.mapping().on_invalid_record = OnInvalidRecord::Skip;
    bench.config.on_retries_exhausted = OnRetriesExhausted::DeadLetter;
    bench.config.max_retries = 0;
    bench.ledger.exhausted_to_dead_letters();
    bench.target.answers([Answer::Retryable]);
    bench.publish(3);
    bench.broker.begin(Fault::PublishFails, 120 * SECOND);
    let pipeline = bench.start();
    bench.settled().await;
    assert_eq!((bench.broker.dead_letters().len(), bench.target.sizes()), (3, vec![3]));
    bench.end(pipeline).await;
}
