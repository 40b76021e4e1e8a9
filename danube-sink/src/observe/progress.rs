//! Progress of a mapping's work, checked by `/live`.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Running steps of a mapping. A step that takes longer than its limit makes `/live` fail.
///
/// Only bounded work is a step: waiting for records, backing off and being detached are not. Clones share the steps.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress(Arc<Mutex<Steps>>);

#[derive(Debug, Default)]
struct Steps {
    next: u64,
    /// A few, in no order: each keeps its number.
    running: Vec<Running>,
}

#[derive(Debug, Clone, Copy)]
struct Running {
    number: u64,
    since: Instant,
    limit: Duration,
}

/// Guard of one step; dropping it ends the step.
#[derive(Debug)]
#[must_use = "a step ends when this is dropped"]
pub(crate) struct Step {
    progress: Progress,
    number: u64,
}

/// A step that has exceeded its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Overrun {
    pub(super) elapsed: Duration,
    pub(super) limit: Duration,
}

impl Progress {
    /// Starts a step that must end within `limit`.
    pub(crate) fn step(&self, limit: Duration) -> Step {
        let mut steps = self.steps();
        let number = steps.next;
        steps.next += 1;
        steps.running.push(Running { number, since: Instant::now(), limit });
        drop(steps);
        Step { progress: self.clone(), number }
    }

    /// The oldest step that has exceeded its limit.
    pub(super) fn overrun(&self) -> Option<Overrun> {
        let steps = self.steps();
        let overruns = steps.running.iter().map(|step| Overrun { elapsed: step.since.elapsed(), limit: step.limit });
        overruns.filter(|overrun| overrun.elapsed > overrun.limit).max_by_key(|overrun| overrun.elapsed)
    }

    fn steps(&self) -> MutexGuard<'_, Steps> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        let mut steps = self.progress.steps();
        if let Some(index) = steps.running.iter().position(|step| step.number == self.number) {
            steps.running.swap_remove(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_step_overruns_until_it_ends() {
        let progress = Progress::default();
        let limit = Duration::from_secs(10);
        let long = progress.step(2 * limit);
        let short = progress.step(limit);
        advance(limit).await;
        assert_eq!(progress.overrun(), None);
        advance(Duration::from_secs(1)).await;
        assert_eq!(progress.overrun(), Some(Overrun { elapsed: Duration::from_secs(11), limit }));
        drop(short);
        assert_eq!(progress.overrun(), None);
        drop(long);
        advance(3 * limit).await;
        assert_eq!(progress.overrun(), None, "no step, no limit");
    }
}
