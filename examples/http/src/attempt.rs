//! One try to send a batch.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use danube_sink::{
    ConnectorError::{Fatal, Refused, Retryable},
    ConnectorResult, PartialFailure, SinkRecord,
};

use crate::{
    endpoint::{Endpoint, Request},
    target::Target,
};

/// What became of a request; `None` if it was not sent.
pub(crate) type Sent<'r> = (Vec<&'r SinkRecord>, Option<ConnectorResult<()>>);

/// One try to send a batch.
pub(crate) struct Attempt<'a> {
    pub(crate) target: &'a Target,
    pub(crate) endpoint: &'a Endpoint,
    /// When no further request begins, so that the try ends in time.
    pub(crate) until: Instant,
    /// Whether the API is to be left alone.
    pub(crate) stopped: AtomicBool,
}

impl Attempt<'_> {
    /// Sends requests one after the other. None overtakes one that is to be sent again.
    pub(crate) async fn send<'r>(&self, line: Vec<Request<'r>>) -> Vec<Sent<'r>> {
        let mut sent = Vec::with_capacity(line.len());
        for request in line {
            let answer = if self.stopped.load(Ordering::Relaxed) || Instant::now() >= self.until {
                None
            } else {
                Some(self.target.send(self.endpoint, &request).await)
            };
            if matches!(answer, Some(Err(Retryable { .. } | Fatal { .. }))) {
                self.stopped.store(true, Ordering::Relaxed);
            }
            sent.push((request.records, answer));
        }
        sent
    }
}

/// What the answers say of `records`, of which some are in `failure` already.
pub(crate) fn outcome<'r>(
    records: &[SinkRecord],
    sent: impl Iterator<Item = Sent<'r>>,
    mut failure: PartialFailure,
) -> ConnectorResult<()> {
    let mut again = Vec::new();
    let mut refusal = None;
    let mut pause = None;
    for (group, answer) in sent {
        match answer {
            Some(Ok(())) => {}
            None => again.extend(group),
            Some(Err(error @ Refused { .. })) if group.len() > 1 => {
                again.extend(group);
                refusal = Some(error);
            }
            Some(Err(error @ Refused { .. })) => _ = failure.reject(group[0], error.report()),
            Some(Err(error @ Retryable { retry_after, .. })) => {
                pause = pause.max(retry_after);
                group.iter().for_each(|record| _ = failure.retry(record, error.report()));
            }
            Some(Err(error)) => return Err(error),
        }
    }
    match refusal {
        // The runtime finds the record in halves of the batch.
        Some(refusal) if again.len() == records.len() => return Err(refusal),
        // What was refused will be a batch of its own.
        _ => again.iter().for_each(|record| _ = failure.again(record)),
    }
    pause.into_iter().for_each(|pause| _ = failure.wait(pause));
    failure.into_result()
}
