//! A stripe of a mapping: decodes its records, batches them, and writes the batches in order.

use std::{future::pending, mem, panic::resume_unwind, sync::Arc};

use tokio::{
    task::{JoinError, JoinSet},
    time::Instant,
};
use tokio_util::sync::ReusableBoxFuture;

use super::{
    backoff::sleep_until,
    batch::Batch,
    decode::Decoding,
    deliver::{Deliver, Unpublished},
    mapping::Mapping,
    partition::Partition,
    signals::Signals,
};
use crate::{
    error::{ConnectorError, ConnectorResult},
    observe::Closed,
};

/// Builds the batches of one stripe while others are written.
pub(crate) struct Stripe {
    mapping: Arc<Mapping>,
    number: usize,
    decoding: Decoding,
    deliver: Arc<Deliver>,
    deliveries: Deliveries,
    /// Delivered batches whose dead letters are being published, each in a task of its own.
    publications: JoinSet<()>,
    signals: Signals,
}

/// The most batches whose dead letters are being published. The next ones are written meanwhile.
const MOST_PUBLICATIONS: usize = 4;

/// The batches in delivery.
enum Deliveries {
    /// One at a time, in the task of the stripe.
    One { delivery: ReusableBoxFuture<'static, ConnectorResult<Unpublished>>, is_running: bool },
    /// Several, each in a task of its own.
    Several { most: usize, tasks: JoinSet<ConnectorResult<Unpublished>> },
}

impl Stripe {
    pub(crate) fn new(
        mapping: Arc<Mapping>,
        number: usize,
        decoding: Decoding,
        deliver: Arc<Deliver>,
        signals: Signals,
    ) -> Self {
        let deliveries = match mapping.writes_at_once(deliver.instances()) {
            1 => Deliveries::One { delivery: ReusableBoxFuture::new(pending()), is_running: false },
            most => Deliveries::Several { most, tasks: JoinSet::new() },
        };
        Self { mapping, number, decoding, deliver, deliveries, publications: JoinSet::new(), signals }
    }

    /// Runs until the queue is closed and everything is delivered. After an error, the whole pipeline takes no more.
    pub(crate) async fn run(mut self) {
        if let Err(error) = self.deliver_all().await {
            self.signals.fail(error);
        }
        self.mapping.stripes()[self.number].end();
        // Writes and dead letters in flight are settled, after an error too.
        if !self.deliveries.are_empty() {
            self.deliver.end_writes();
        }
        while let Some(delivered) = self.deliveries.next().await {
            match delivered {
                Ok(unpublished) => self.publish(unpublished),
                Err(error) => self.signals.fail(error),
            }
        }
        while let Some(published) = self.publications.join_next().await {
            if let Err(error) = joined(published) {
                self.signals.fail(error);
            }
        }
    }

    async fn deliver_all(&mut self) -> ConnectorResult<()> {
        let mapping = Arc::clone(&self.mapping);
        let queue = &mapping.stripes()[self.number];
        let progress = mapping.observer.progress();
        let mut batch = Batch::default();
        // The turn of a batch that waited for an instance.
        let mut is_its_turn = false;
        loop {
            if mapping.is_overdue() {
                self.release(&mut batch);
            }
            {
                let _step = progress.step(mapping.settings.ack_timeout);
                self.decoding.fill(&mut batch, || queue.pop()).await;
            }
            // Read once: a deadline between two readings would neither close the batch nor set a timer.
            let now = Instant::now();
            let has_capacity = self.deliveries.have_capacity() && self.publications.len() < MOST_PUBLICATIONS;
            let has_writer = mem::take(&mut is_its_turn) || self.deliver.is_idle();
            if let Some(reason) = self.closes(&batch, now, has_writer)
                && has_capacity
            {
                mapping.observer.batch_closed(batch.len(), reason);
                self.deliveries.start(Arc::clone(&self.deliver).batch(batch.take()));
                continue;
            }
            if queue.is_closed() && batch.is_empty() {
                // What could not be decoded stays with the broker, and what follows it too, to keep the order.
                if self.decoding.is_empty() {
                    self.decoding.release();
                } else if self.deliveries.are_empty() {
                    self.decoding.release();
                    queue.end();
                }
                if queue.is_done() && self.decoding.is_empty() && self.deliveries.are_empty() {
                    return Ok(());
                }
            }
            let waits_for_writer = has_capacity && !has_writer && self.waits_in_vain(&batch, now);
            let deadlines = [batch.deadline(&mapping.settings), batch.refill_deadline()];
            let deadline = deadlines.into_iter().flatten().filter(|deadline| *deadline > now).min();
            tokio::select! {
                () = queue.changed() => {}
                Some(delivered) = self.deliveries.next() => {
                    self.publish(delivered?);
                }
                Some(published) = self.publications.join_next() => joined(published)?,
                () = sleep_until(deadline) => {}
                () = self.deliver.idle(), if waits_for_writer => is_its_turn = true,
                // A full batch waits for a writer, not for the registry.
                () = self.decoding.registry(), if batch.remaining(&mapping.settings).is_some() => {}
            }
        }
    }

    /// Gives back records of detached partitions that are not in delivery.
    fn release(&mut self, batch: &mut Batch) {
        let mapping = &self.mapping;
        let gives_back = *mapping.failing().borrow() > 0 && mapping.gives_back(&self.signals.stop);
        // Behind records that went back, also if the target takes others by now: to keep the order.
        let goes_back = |of: &Partition| of.is_overdue() && (gives_back || of.has_released());
        // The oldest first: a record that goes back takes all that follow it along.
        batch.release(&mapping.decisions, goes_back);
        self.decoding.release_some(goes_back);
        mapping.stripes()[self.number].release(goes_back);
    }

    fn publish(&mut self, unpublished: Unpublished) {
        if !unpublished.is_empty() {
            self.publications.spawn(Arc::clone(&self.deliver).publish(unpublished));
        }
    }

    fn closes(&self, batch: &Batch, now: Instant, has_writer: bool) -> Option<Closed> {
        let settings = &self.mapping.settings;
        if batch.is_empty() {
            return None;
        }
        if let Some(reason) = batch.full(settings) {
            return Some(reason);
        }
        if self.mapping.stripes()[self.number].is_closed() {
            Some(Closed::Drain)
        } else if batch.deadline(settings).is_some_and(|deadline| deadline <= now) {
            Some(Closed::Time)
        } else {
            (has_writer && self.waits_in_vain(batch, now)).then_some(Closed::Window)
        }
    }

    /// Whether the broker sends nothing more for the batch.
    fn waits_in_vain(&self, batch: &Batch, now: Instant) -> bool {
        batch.is_held_back(&self.mapping.cost) || batch.refill_deadline().is_some_and(|deadline| deadline <= now)
    }
}

impl Deliveries {
    fn have_capacity(&self) -> bool {
        match self {
            Self::One { is_running, .. } => !is_running,
            Self::Several { most, tasks } => tasks.len() < *most,
        }
    }

    fn are_empty(&self) -> bool {
        match self {
            Self::One { is_running, .. } => !is_running,
            Self::Several { tasks, .. } => tasks.is_empty(),
        }
    }

    fn start(&mut self, next: impl Future<Output = ConnectorResult<Unpublished>> + Send + 'static) {
        match self {
            // Deliveries of one stripe are alike, so that each uses the memory of the one before.
            Self::One { delivery, is_running } => {
                delivery.set(next);
                *is_running = true;
            }
            Self::Several { tasks, .. } => drop(tasks.spawn(next)),
        }
    }

    /// Waits for the next delivery to end; `None` if none is running.
    async fn next(&mut self) -> Option<ConnectorResult<Unpublished>> {
        match self {
            Self::One { is_running: false, .. } => None,
            Self::One { delivery, is_running } => {
                let delivered = delivery.get_pin().await;
                *is_running = false;
                Some(delivered)
            }
            Self::Several { tasks, .. } => tasks.join_next().await.map(|delivered| joined(delivered)?),
        }
    }
}

/// The result of a task. Resumes its panic.
fn joined<T>(result: Result<T, JoinError>) -> ConnectorResult<T> {
    result.map_err(|error| match error.try_into_panic() {
        Ok(panic) => resume_unwind(panic),
        Err(error) => ConnectorError::fatal(format!("the delivery of a batch was aborted: {error}")),
    })
}
