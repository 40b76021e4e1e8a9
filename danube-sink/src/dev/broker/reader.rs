//! What a subscription reads its messages from, and which of them it never gets.

use std::ops::Range;

use super::log::Log;
use super::realism::{LIVE_TAIL, READER_QUEUE, Realism};

/// The reading end of a log.
#[derive(Debug)]
pub(crate) struct Reader {
    /// The offset that it reads next.
    next: u64,
    /// Offsets below this one are taken for duplicates of messages that are acknowledged.
    duplicates_below: u64,
    skipped: u64,
    source: Source,
}

#[derive(Debug)]
enum Source {
    /// Everything that the log holds.
    Log,
    /// The newest messages; older ones are skipped.
    LiveTail,
    /// Log, then cache, through a queue.
    Replay(Replay),
}

#[derive(Debug)]
struct Replay {
    cache_capacity: u64,
    /// Messages up to here are in the queue, or were.
    read: u64,
    /// Messages up to here can be read even if the cache moves on: the log of an earlier start, or a copy of the cache.
    held: u64,
    error: Option<String>,
}

impl Reader {
    /// Begins after the last message: there is no "earliest".
    pub(crate) fn latest(end: u64, realism: Realism) -> Self {
        let source = if realism.live_tail_skips { Source::LiveTail } else { Source::Log };
        Self { next: end, duplicates_below: 0, skipped: 0, source }
    }

    /// Begins at `next`, with a cursor from before the broker's start; `held` is the end of the log at that start.
    pub(crate) fn replay(next: u64, held: u64, realism: Realism) -> Self {
        let cache_capacity = u64::try_from(realism.cache_capacity.max(1)).unwrap_or(u64::MAX);
        let replay = Replay { cache_capacity, read: next, held, error: None };
        let source = if realism.log_reader_ends { Source::Replay(replay) } else { Source::Log };
        Self { next, duplicates_below: 0, skipped: 0, source }
    }

    /// Offsets start at 0 again, below where this one begins: they never arrive.
    pub(crate) fn with_duplicates(self) -> Self {
        Self { duplicates_below: self.next, ..self }
    }

    /// Counts messages that were lost before it began.
    pub(crate) fn with_skipped(self, skipped: u64) -> Self {
        Self { skipped, ..self }
    }

    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// Follows the log; answers the offsets that are skipped because of it.
    pub(crate) fn follow(&mut self, log: &Log) -> Option<Range<u64>> {
        let end = log.end();
        let oldest = match &mut self.source {
            Source::Log => log.first(),
            Source::LiveTail => end.saturating_sub(LIVE_TAIL).max(log.first()),
            Source::Replay(replay) => {
                replay.follow(self.next, end);
                log.first()
            }
        };
        let skipped = self.next..oldest;
        if skipped.is_empty() {
            return None;
        }
        self.skipped += oldest - self.next;
        self.next = oldest;
        Some(skipped)
    }

    /// The next offset that can be taken now.
    pub(crate) fn peek(&self, end: u64) -> Option<u64> {
        let read = match &self.source {
            Source::Log | Source::LiveTail => end,
            Source::Replay(replay) => replay.read.min(end),
        };
        (self.next < read).then_some(self.next)
    }

    /// Takes the offset that [`Reader::peek`] answered.
    pub(crate) fn take(&mut self, end: u64) {
        self.next += 1;
        if let Source::Replay(replay) = &mut self.source {
            replay.follow(self.next, end);
        }
    }

    /// The oldest offset that it still can take.
    pub(crate) fn needs(&self, end: u64) -> u64 {
        match self.source {
            Source::LiveTail => self.next.max(end.saturating_sub(LIVE_TAIL)),
            Source::Log | Source::Replay(_) => self.next,
        }
    }

    /// Messages that the subscription never got and never will.
    pub(crate) fn skipped(&self, end: u64) -> u64 {
        self.skipped + (self.needs(end) - self.next) + self.duplicates_below.min(end)
    }

    /// Why it ended, if it did.
    pub(crate) fn error(&self) -> Option<&str> {
        match &self.source {
            Source::Replay(replay) => replay.error.as_deref(),
            Source::Log | Source::LiveTail => None,
        }
    }
}

impl Replay {
    /// Reads on while the queue has room. One more message than the queue takes is in the reader's hand.
    fn follow(&mut self, next: u64, end: u64) {
        let room = next + READER_QUEUE + 1;
        while self.error.is_none() && self.read < end.min(room) {
            if self.read >= self.held {
                let cached = end.saturating_sub(self.cache_capacity);
                if self.read < cached {
                    self.error = Some(format!("cache gap: expected {}, observed {cached}", self.read));
                    return;
                }
                self.held = end;
            }
            self.read = self.held.min(end).min(room);
        }
    }
}
