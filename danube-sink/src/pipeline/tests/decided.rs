//! Records that go back to the broker before their dead letters are published.

use super::{
    bench::{Bench, SECOND},
    faults::Fault,
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
