//! Fault injection into the embedded broker.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Fault of acks and nacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acks {
    /// They are processed.
    Taken,
    /// The call returns OK without an effect.
    Ignored,
    /// The call returns Unavailable without an effect.
    Refused,
    /// They are processed, but the call returns Unavailable: the response is lost.
    AnswerLost,
}

/// Fault injection into the embedded broker, for tests. All faults are off by default and can be changed at any time; a
/// restart does not reset them.
#[derive(Debug, Default)]
pub struct Faults {
    acks: AtomicU8,
    ack_delay_micros: AtomicU64,
    skips: AtomicU64,
    close_health: AtomicBool,
    registry_down: AtomicBool,
    pub(crate) stall: Gate,
    pub(crate) freeze: Gate,
}

impl Faults {
    /// Sets the fault of acks and nacks.
    pub fn set_acks(&self, acks: Acks) {
        let code = match acks {
            Acks::Taken => 0,
            Acks::Ignored => 1,
            Acks::Refused => 2,
            Acks::AnswerLost => 3,
        };
        self.acks.store(code, Ordering::SeqCst);
    }

    /// Delays each ack and nack before it is processed, like network latency.
    pub fn set_ack_delay(&self, delay: Duration) {
        let micros = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
        self.ack_delay_micros.store(micros, Ordering::SeqCst);
    }

    /// Stalls delivery while set; streams stay open and calls are served.
    pub fn set_stalled(&self, stalled: bool) {
        self.stall.set(stalled);
    }

    /// Freezes all connections while set, without closing them: half-open connections.
    pub fn set_frozen(&self, frozen: bool) {
        self.freeze.set(frozen);
    }

    /// Returns CLOSE for every health check while set.
    pub fn set_close_health(&self, close: bool) {
        self.close_health.store(close, Ordering::SeqCst);
    }

    /// Returns Unavailable for every call of the schema registry while set.
    pub fn set_registry_down(&self, down: bool) {
        self.registry_down.store(down, Ordering::SeqCst);
    }

    /// Skips the next `count` messages of reliable topics: consumers see a gap in the offsets.
    pub fn skip_messages(&self, count: u64) {
        self.skips.fetch_add(count, Ordering::SeqCst);
    }

    pub(crate) fn acks(&self) -> Acks {
        match self.acks.load(Ordering::SeqCst) {
            0 => Acks::Taken,
            1 => Acks::Ignored,
            2 => Acks::Refused,
            _ => Acks::AnswerLost,
        }
    }

    pub(crate) fn ack_delay(&self) -> Option<Duration> {
        match self.ack_delay_micros.load(Ordering::SeqCst) {
            0 => None,
            micros => Some(Duration::from_micros(micros)),
        }
    }

    pub(crate) fn closes_health(&self) -> bool {
        self.close_health.load(Ordering::SeqCst)
    }

    pub(crate) fn registry_is_down(&self) -> bool {
        self.registry_down.load(Ordering::SeqCst)
    }

    /// Whether to skip the current message; counts it.
    pub(crate) fn take_skip(&self) -> bool {
        self.skips.load(Ordering::Relaxed) > 0
            && self.skips.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
    }
}

/// A switch that tasks can wait for.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    closed: AtomicBool,
    waiting: Mutex<Vec<Waker>>,
}

impl Gate {
    fn set(&self, closed: bool) {
        self.closed.store(closed, Ordering::SeqCst);
        if !closed {
            let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            waiting.into_iter().for_each(Waker::wake);
        }
    }

    /// Ready when the gate is open.
    pub(crate) fn poll_open(&self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.closed.load(Ordering::SeqCst) {
            return Poll::Ready(());
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
        drop(waiting);
        // The gate may have opened before the waker was registered.
        if self.closed.load(Ordering::SeqCst) { Poll::Pending } else { Poll::Ready(()) }
    }
}
