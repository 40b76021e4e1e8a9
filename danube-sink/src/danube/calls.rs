//! Lists of unary calls on one connection, many in flight at once.

use std::pin::pin;

use bytes::Bytes;
use futures_util::{StreamExt, stream::FuturesUnordered};
use h2::client::SendRequest;
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep},
};

use super::{
    connection::{CALL_TIMEOUT, Link, not_made},
    http2::{Http2, broken},
    unary::Unary,
};
use crate::pipeline::BrokerFailure;

/// Makes a call with each [framed](super::unary::frame) message, while `permits` lasts. Returns the answers in order.
///
/// Callers that share `permits` take turns, message by message.
pub(super) async fn call_each(
    link: &Link<Http2>,
    method: &Unary,
    permits: &Semaphore,
    mut messages: impl ExactSizeIterator<Item = Bytes>,
) -> Vec<Result<(), BrokerFailure>> {
    let mut answers = Vec::with_capacity(messages.len());
    answers.resize_with(messages.len(), || None);
    let mut in_flight = FuturesUnordered::new();
    let mut next = 0;
    // One timer for the list: it expires when no answer at all arrives within the timeout of one call.
    let mut timer = pin!(sleep(CALL_TIMEOUT));
    let mut last_progress = Instant::now();
    // Kept between answers: it is the list's turn among all callers.
    let ready = |sender: SendRequest<Bytes>| async { (permits.acquire().await, sender.ready().await) };
    let mut turn = pin!(ready(link.transport.sender.clone()));
    // Why the rest is not sent.
    let mut lost = None;

    while !in_flight.is_empty() || (messages.len() > 0 && lost.is_none()) {
        let idle = in_flight.is_empty();
        tokio::select! {
            biased;
            Some((index, answer)) = in_flight.next() => {
                last_progress = Instant::now();
                let answer: Result<Bytes, BrokerFailure> = answer;
                if answer.as_ref().err().is_none_or(|failure| !failure.is_of_connection()) {
                    link.answered(last_progress);
                }
                if let Some(slot) = answers.get_mut::<usize>(index) {
                    *slot = Some(answer.map(drop).map_err(|failure| link.failed(failure)));
                }
            }
            (permit, sender) = &mut turn, if messages.len() > 0 && lost.is_none() => {
                let mut sender = match sender {
                    // If another call found the connection dead, these need not wait for the timeout too.
                    Ok(_) if link.is_lost() => {
                        lost = Some(not_made());
                        continue;
                    }
                    Ok(sender) => sender,
                    Err(error) => {
                        lost = Some(broken(&error));
                        continue;
                    }
                };
                if idle {
                    last_progress = Instant::now();
                }
                if let Some(message) = messages.next() {
                    let (index, call) = (next, method.call(&mut sender, message));
                    in_flight.push(async move {
                        let answer = call.await;
                        drop(permit);
                        (index, answer)
                    });
                    next += 1;
                }
                turn.set(ready(sender));
            }
            () = &mut timer, if !idle => {
                let limit = last_progress + CALL_TIMEOUT;
                if limit <= Instant::now() {
                    break;
                }
                timer.as_mut().reset(limit);
            }
        }
    }
    drop(in_flight);
    if answers.iter().all(Option::is_some) {
        return answers.into_iter().flatten().collect();
    }
    let unanswered = match lost {
        Some(failure) => link.failed(failure),
        None => link.unanswered(last_progress),
    };
    answers.into_iter().map(|answer| answer.unwrap_or_else(|| Err(unanswered.clone()))).collect()
}
