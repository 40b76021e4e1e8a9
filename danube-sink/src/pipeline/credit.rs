//! Credit: how many messages the broker sends before one is acknowledged, and how fast it refills its window.
//!
//! The broker keeps at most `max_unacked_messages` of a subscription unacknowledged, 10 by default, and does not announce
//! it. So the limit starts at 10. It rises with what was in hand: the broker cannot have sent more than its window. And
//! where other consumers of a Shared subscription use part of the window, it holds back at fewer, which shows:
//!
//! ```text
//!  6 in hand, silence until the flush ── written, acks sent ─── 6 more arrive at once
//!                                                               └─ the broker was holding back at 6
//! ```
//!
//! After three such cycles in a row the limit falls to what they had in hand.
//!
//! A burst is what arrives while the window is full, and what follows without a pause. Its last messages do not fill the window:
//! once nothing follows, their batch waits for no more.

use std::time::Duration;

use tokio::time::Instant;

/// The broker's default.
pub(crate) const DEFAULT_WINDOW: usize = 10;
/// A shorter silence before an acknowledgement has no known cause.
const MEANINGFUL_SILENCE: Duration = Duration::from_millis(20);
/// A message that arrives so much sooner after an acknowledgement than the silence before it lasted, was released by it.
const RELEASE_RATIO: u32 = 10;
/// Consecutive cycles in which the broker held back at fewer before the limit falls.
const CYCLES: u32 = 3;
/// How long to wait for a refill, at least and in refills, before the broker counts as having nothing more.
const SHORTEST_REFILL_WAIT: Duration = Duration::from_millis(2);
const REFILLS_TO_WAIT: u32 = 4;
/// Weight of the last measurement of a refill.
const WEIGHT: f64 = 0.2;

/// The credit of one partition: what is known of its subscription's window.
#[derive(Debug)]
pub(crate) struct Credit {
    limit: usize,
    /// The configuration states it.
    is_known: bool,
    last_arrival: Option<Instant>,
    /// The most messages in hand since none were.
    peak: usize,
    /// The settlement of everything in hand, if nothing arrived since.
    settled: Option<Settled>,
    held_back: HeldBack,
    /// When the last acknowledgements were sent while the broker held back, if nothing arrived since.
    acks_sent: Option<Instant>,
    refill: Option<Duration>,
    /// The last arrival or acknowledgement of a burst.
    burst: Option<Instant>,
}

/// A settlement of everything in hand.
#[derive(Debug)]
struct Settled {
    count: usize,
    at: Instant,
    /// How long nothing had arrived before it.
    silence: Duration,
}

/// Consecutive cycles in which the broker held back below the limit.
#[derive(Debug, Default)]
struct HeldBack {
    cycles: u32,
    most: usize,
}

impl Credit {
    pub(crate) fn new(known: Option<usize>) -> Self {
        Self {
            limit: known.unwrap_or(DEFAULT_WINDOW).max(1),
            is_known: known.is_some(),
            last_arrival: None,
            peak: 0,
            settled: None,
            held_back: HeldBack::default(),
            acks_sent: None,
            refill: None,
            burst: None,
        }
    }

    /// How many messages the broker sends before one is acknowledged.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// How long the broker takes from an acknowledgement to the message that follows it.
    pub(crate) fn refill(&self) -> Option<Duration> {
        self.refill
    }

    /// Whether a message that arrives now is of a burst, with so many unacknowledged.
    pub(crate) fn is_burst(&mut self, unacknowledged: usize, now: Instant) -> bool {
        let wait = refill_wait(self.refill.unwrap_or_default());
        let follows = self.burst.is_some_and(|last| now.duration_since(last) <= wait);
        self.burst = (unacknowledged >= self.limit || follows).then_some(now);
        self.burst.is_some()
    }

    /// Records an arrival; so many messages are in hand now.
    pub(crate) fn received(&mut self, in_hand: usize, now: Instant) {
        self.last_arrival = Some(now);
        self.peak = self.peak.max(in_hand);
        if let Some(settled) = self.settled.take() {
            self.learn(&settled, now.duration_since(settled.at));
        }
        if let Some(sent) = self.acks_sent.take() {
            let took = now.duration_since(sent);
            self.refill = Some(self.refill.map_or(took, |refill| refill.mul_f64(1.0 - WEIGHT) + took.mul_f64(WEIGHT)));
        }
        if in_hand > self.limit {
            self.limit = in_hand;
            self.held_back = HeldBack::default();
        }
    }

    /// Records a settlement; so many messages remain in hand.
    pub(crate) fn settled(&mut self, in_hand: usize, now: Instant) {
        if in_hand == 0 {
            let count = std::mem::take(&mut self.peak);
            let silence = self.last_arrival.map(|last| now.duration_since(last));
            self.settled = silence.map(|silence| Settled { count, at: now, silence });
        }
    }

    /// Records that acknowledgements are sent, while the broker holds back or not.
    pub(crate) fn acks_sent(&mut self, holds_back: bool, now: Instant) {
        self.acks_sent = holds_back.then_some(now);
        self.burst = self.burst.map(|_| now);
    }

    fn learn(&mut self, settled: &Settled, delay: Duration) {
        if self.is_known || settled.silence < MEANINGFUL_SILENCE || settled.count >= self.limit {
            return;
        }
        if delay * RELEASE_RATIO > settled.silence {
            self.held_back = HeldBack::default();
            return;
        }
        self.held_back.cycles += 1;
        self.held_back.most = self.held_back.most.max(settled.count);
        if self.held_back.cycles == CYCLES {
            self.limit = self.held_back.most;
            self.held_back = HeldBack::default();
        }
    }
}

/// How long to wait for the message that follows another or an acknowledgement, before the broker counts as having nothing more.
pub(crate) fn refill_wait(refill: Duration) -> Duration {
    SHORTEST_REFILL_WAIT.max(refill * REFILLS_TO_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// A credit and a clock that the test advances.
    struct Bench {
        credit: Credit,
        in_hand: usize,
        now: Instant,
    }

    impl Bench {
        fn new() -> Self {
            Self { credit: Credit::new(None), in_hand: 0, now: Instant::now() }
        }

        fn receive(&mut self, count: usize) {
            self.in_hand += count;
            self.credit.received(self.in_hand, self.now);
        }

        fn settle(&mut self, count: usize) {
            self.in_hand -= count;
            self.credit.settled(self.in_hand, self.now);
        }

        /// So many arrive and are settled after a flush interval; the next arrives at once.
        fn held_back_at(&mut self, count: usize) {
            self.receive(count - self.in_hand);
            self.now += 1_000 * MS;
            self.settle(count);
            self.now += MS;
            self.receive(1);
        }
    }

    #[test]
    fn the_limit_starts_at_the_brokers_default_and_rises_with_what_is_in_hand() {
        let mut bench = Bench::new();
        assert_eq!(bench.credit.limit(), 10);
        bench.receive(10);
        assert_eq!(bench.credit.limit(), 10);
        bench.receive(190);
        assert_eq!(bench.credit.limit(), 200);
        bench.settle(200);
        assert_eq!(bench.credit.limit(), 200);
    }

    #[test]
    fn three_cycles_at_fewer_lower_it_and_more_in_hand_raises_it_again() {
        let mut bench = Bench::new();
        bench.held_back_at(4);
        bench.held_back_at(6);
        assert_eq!(bench.credit.limit(), 10);
        bench.held_back_at(5);
        assert_eq!(bench.credit.limit(), 6);
        bench.receive(8);
        assert_eq!(bench.credit.limit(), 9);
    }

    #[test]
    fn a_trickle_does_not_lower_it() {
        let mut bench = Bench::new();
        for _ in 0..10 {
            bench.receive(3);
            bench.now += 1_000 * MS;
            bench.settle(3);
            bench.now += 300 * MS;
        }
        assert_eq!(bench.credit.limit(), 10);
    }

    #[test]
    fn a_configured_limit_holds_until_more_is_in_hand() {
        let mut bench = Bench { credit: Credit::new(Some(100)), ..Bench::new() };
        (0..5).for_each(|_| bench.held_back_at(6));
        assert_eq!(bench.credit.limit(), 100);
        bench.receive(150);
        assert!(bench.credit.limit() > 100, "the broker's operator changed it");
    }

    #[test]
    fn a_burst_lasts_until_a_pause() {
        let mut bench = Bench::new();
        assert!(!bench.credit.is_burst(9, bench.now), "no window was full");
        assert!(bench.credit.is_burst(10, bench.now));
        bench.now += MS;
        assert!(bench.credit.is_burst(1, bench.now));
        bench.now += 1_000 * MS;
        bench.credit.acks_sent(true, bench.now);
        bench.now += MS;
        assert!(bench.credit.is_burst(1, bench.now), "a slow write came between");
        bench.now += 3 * MS;
        assert!(!bench.credit.is_burst(1, bench.now));
        bench.credit.acks_sent(true, bench.now);
        assert!(!bench.credit.is_burst(1, bench.now));
    }

    #[test]
    fn a_refill_is_measured_while_the_broker_holds_back() {
        let mut bench = Bench::new();
        bench.credit.acks_sent(false, bench.now);
        bench.now += 1_000 * MS;
        bench.receive(1);
        assert_eq!(bench.credit.refill(), None);
        bench.credit.acks_sent(true, bench.now);
        bench.now += MS;
        bench.receive(1);
        assert_eq!(bench.credit.refill(), Some(MS));
    }
}
