//! A thousand mappings share one budget.

use tokio::time::sleep;

use super::{
    bench::{Bench, SECOND},
    memory::Kind,
};

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
