//! Several instances of a connector.

use tokio::time::{sleep, timeout};

use super::{
    bench::{Bench, SECOND, in_time},
    faults::Fault,
};
use crate::observe::{Observer, Phase};

const TASKS: usize = 3;

/// A new subscription begins at the latest message: earlier ones are lost, and readiness reports that it exists.
#[tokio::test(start_paused = true)]
async fn they_are_ready_when_every_partition_is_attached_and_stay_so_through_a_failing_look_up() {
    for partitions in [&["/default/one"][..], &["/default/many-part-0", "/default/many-part-1"]] {
        let mut bench = Bench::empty();
        bench.map(partitions[0].trim_end_matches("-part-0"));
        partitions.iter().for_each(|partition| bench.create(partition));
        let observer = Observer::new("test");
        observer.phase(Phase::Running);
        bench.broker.begin(Fault::AttachHangs, 120 * SECOND);
        let pipeline = bench.start_tasks(TASKS, &observer);
        let early = timeout(100 * SECOND, observer.ready()).await;
        assert!(early.is_err(), "ready before anything is attached to {partitions:?}");
        in_time(observer.ready()).await;
        bench.broker.begin(Fault::LookUpFails, 120 * SECOND);
        sleep(100 * SECOND).await;
        assert!(observer.is_ready(), "{partitions:?} are read all the while");
        bench.end(pipeline).await;
    }
}
