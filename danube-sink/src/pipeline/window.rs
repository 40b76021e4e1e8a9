//! How much the broker lets out at once, learnt from what happens after an acknowledgement.
//!
//! The broker keeps at most `max_unacked_messages` of a subscription un-acknowledged, 10 by default, and tells nobody.
//! Waiting to fill a batch of 100 then takes the flush interval each time. A client can see the window, though:
//!
//! ```text
//!  10 in hand, silence until the flush ── written, acks leave ── 10 more arrive at once
//!                                                                └─ the broker was holding back at 10
//! ```
//!
//! From then on a batch closes as soon as 10 are in hand. Two things make the figure move: other consumers of the
//! subscription take part of the window, so that the broker holds back at fewer; and a coincidence may look like a
//! release. So there are two bounds. At the upper one, the most ever in hand, a batch closes at once; at the lower one,
//! the fewest at which the broker was seen to hold back, after a short silence. Now and then the upper one waits for the
//! silence too, and what arrives meanwhile raises it. Acknowledgements that release nothing forget both.

use std::time::Duration;

use tokio::time::Instant;

/// A silence this long says that the broker holds back, where it was seen to.
pub(crate) const QUIET: Duration = Duration::from_millis(2);
/// A shorter silence before an acknowledgement tells nothing of why it was silent.
const TELLING_SILENCE: Duration = Duration::from_millis(20);
/// What comes so much sooner after an acknowledgement than the silence before it lasted, was released by it.
const TELLING_RATIO: u32 = 10;
/// Acknowledgements in a row that may release nothing before what was learnt is forgotten.
const MISSES: u32 = 3;

/// What is known of the window of one partition's subscription.
#[derive(Debug, Default)]
pub(crate) struct Window {
    /// Messages received whose acknowledgement has not been sent.
    unacked: usize,
    last_arrival: Option<Instant>,
    /// The last acknowledgement, if it was of everything in hand and nothing came since.
    release: Option<Release>,
    bounds: Option<Bounds>,
}

/// An acknowledgement of everything in hand.
#[derive(Debug)]
struct Release {
    count: usize,
    at: Instant,
    /// How long nothing had come before it.
    silence: Duration,
}

#[derive(Debug)]
struct Bounds {
    lower: usize,
    upper: usize,
    /// The longest that a release takes to show.
    at_once: Duration,
    releases: u32,
    misses: u32,
}

/// Whether the broker will send more before something is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Room {
    /// As far as is known.
    Open,
    /// Not if it is silent for [`QUIET`].
    OpenUnlessQuiet,
    /// No.
    Exhausted,
}

impl Window {
    pub(crate) fn received(&mut self, now: Instant) {
        self.unacked += 1;
        self.last_arrival = Some(now);
        if let Some(release) = self.release.take() {
            self.learn(&release, now.duration_since(release.at));
        }
        if let Some(bounds) = &mut self.bounds {
            bounds.upper = bounds.upper.max(self.unacked);
        }
    }

    fn learn(&mut self, release: &Release, delay: Duration) {
        let told = release.silence >= TELLING_SILENCE && delay * TELLING_RATIO <= release.silence;
        match &mut self.bounds {
            None if told => {
                let at_once = TELLING_SILENCE.max(delay) * 2;
                let (lower, upper) = (release.count, release.count);
                self.bounds = Some(Bounds { lower, upper, at_once, releases: 0, misses: 0 });
            }
            None => {}
            Some(bounds) if delay <= bounds.at_once => {
                bounds.misses = 0;
                bounds.releases += 1;
                if told {
                    bounds.lower = bounds.lower.min(release.count);
                }
            }
            Some(bounds) if bounds.misses < MISSES => bounds.misses += 1,
            Some(_) => self.bounds = None,
        }
    }

    pub(crate) fn acknowledged(&mut self, count: usize, now: Instant) {
        let everything = count == self.unacked;
        self.release = self.last_arrival.filter(|_| everything).map(|last| Release {
            count,
            at: now,
            silence: now.duration_since(last),
        });
        self.unacked = self.unacked.saturating_sub(count);
    }

    /// A message in hand was given up: the broker still counts it, but it will not fill a batch here.
    pub(crate) fn let_go(&mut self) {
        self.unacked = self.unacked.saturating_sub(1);
    }

    pub(crate) fn room(&self) -> Room {
        match &self.bounds {
            // Powers of two: often at first, when a mistake is likely, and ever more rarely.
            Some(bounds) if self.unacked >= bounds.upper && !bounds.releases.is_power_of_two() => Room::Exhausted,
            Some(bounds) if self.unacked >= bounds.lower => Room::OpenUnlessQuiet,
            _ => Room::Open,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// A window and a clock that goes on as the test says.
    struct Bench {
        window: Window,
        now: Instant,
    }

    impl Bench {
        fn new() -> Self {
            Self { window: Window::default(), now: Instant::now() }
        }

        fn receive(&mut self, count: usize) -> Room {
            (0..count).for_each(|_| self.window.received(self.now));
            self.window.room()
        }

        fn acknowledge(&mut self, count: usize) {
            self.window.acknowledged(count, self.now);
        }

        fn wait(&mut self, time: Duration) {
            self.now += time;
        }

        /// A timed flush of ten that releases more at once.
        fn learn_ten(&mut self) {
            self.receive(10);
            self.wait(1_000 * MS);
            self.acknowledge(10);
            self.wait(MS);
        }
    }

    #[test]
    fn a_release_after_a_silence_tells_the_window() {
        let mut bench = Bench::new();
        assert_eq!(bench.receive(10), Room::Open);
        bench = Bench::new();
        bench.learn_ten();
        assert_eq!(bench.receive(9), Room::Open);
        assert_eq!(bench.receive(1), Room::Exhausted);
    }

    #[test]
    fn a_steady_stream_tells_nothing() {
        let mut bench = Bench::new();
        for _ in 0..100 {
            bench.receive(5);
            bench.wait(MS);
            bench.acknowledge(5);
            bench.wait(MS);
            assert_eq!(bench.window.room(), Room::Open);
        }
        assert_eq!(bench.receive(1_000), Room::Open);
    }

    #[test]
    fn messages_that_come_while_writing_tell_that_nothing_was_held_back() {
        let mut bench = Bench::new();
        bench.receive(3);
        bench.wait(500 * MS);
        bench.receive(1);
        bench.wait(500 * MS);
        bench.acknowledge(3);
        assert_eq!(bench.receive(2), Room::Open);
    }

    #[test]
    fn a_window_shared_with_others_is_known_at_the_fewest_and_the_most() {
        let mut bench = Bench::new();
        bench.learn_ten();
        bench.receive(4);
        bench.wait(1_000 * MS);
        bench.acknowledge(4);
        assert_eq!(bench.receive(3), Room::Open);
        assert_eq!(bench.receive(1), Room::OpenUnlessQuiet);
        bench.acknowledge(4);
        bench.receive(2);
        bench.acknowledge(2);
        assert_eq!(bench.receive(10), Room::Exhausted);
    }

    #[test]
    fn a_coincidence_is_found_out_under_load() {
        let mut bench = Bench::new();
        bench.learn_ten();
        bench.receive(10);
        bench.acknowledge(10);
        assert_eq!(bench.receive(10), Room::OpenUnlessQuiet, "it is tried whether more comes");
        assert_eq!(bench.receive(40), Room::OpenUnlessQuiet);
        bench.acknowledge(50);
        bench.receive(1);
        bench.acknowledge(1);
        assert_eq!(bench.receive(20), Room::OpenUnlessQuiet, "ten is not the window any more");
    }

    #[test]
    fn acknowledgements_that_release_nothing_forget() {
        let mut bench = Bench::new();
        bench.learn_ten();
        for _ in 0..5 {
            bench.receive(10);
            bench.acknowledge(10);
            bench.wait(500 * MS);
        }
        assert_eq!(bench.receive(10), Room::Open);
    }
}
