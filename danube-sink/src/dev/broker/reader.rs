//! Reader of a subscription: its source of messages, and the messages that it skips.

use std::ops::Range;

use super::log::Log;
use super::realism::{LIVE_TAIL, READER_QUEUE, Realism};

/// Reader of a log.
#[derive(Debug)]
pub(crate) struct Reader {
    /// The next offset to read.
    next: u64,
    /// Offsets below this one count as duplicates of acknowledged messages.
    duplicates_below: u64,
    skipped: u64,
    source: Source,
}

#[derive(Debug)]
enum Source {
    /// The whole log.
    Log,
    /// The newest messages; older ones are skipped.
    LiveTail,
    /// Log, then cache, through a queue.
    Replay(Replay),
}

#[derive(Debug)]
struct Replay {
    cache_capacity: u64,
    /// End of the messages that have entered the queue.
    read: u64,
    /// End of the messages that stay readable when the cache advances: the log of an earlier start, or a copy of the cache.
    held: u64,
    error: Option<String>,
}

impl Reader {
    /// Creates a reader that starts after the last message; there is no "earliest".
    pub(crate) fn latest(end: u64, realism: Realism) -> Self {
        let source = if realism.live_tail_skips { Source::LiveTail } else { Source::Log };
        Self { next: end, duplicates_below: 0, skipped: 0, source }
    }

    /// Creates a reader that starts at `next`, with a cursor from before the broker's start; `held` is the end of the log at
    /// that start.
    pub(crate) fn replay(next: u64, held: u64, realism: Realism) -> Self {
        let cache_capacity = u64::try_from(realism.cache_capacity.max(1)).unwrap_or(u64::MAX);
        let replay = Replay { cache_capacity, read: next, held, error: None };
        let source = if realism.log_reader_ends { Source::Replay(replay) } else { Source::Log };
        Self { next, duplicates_below: 0, skipped: 0, source }
    }

    /// Makes offsets below the start count as duplicates, for a log whose offsets restart at 0.
    pub(crate) fn with_duplicates(self) -> Self {
        Self { duplicates_below: self.next, ..self }
    }

    /// Sets the number of messages lost before the start.
    pub(crate) fn with_skipped(self, skipped: u64) -> Self {
        Self { skipped, ..self }
    }

    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// Follows the log, and returns the skipped offsets.
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

    /// Takes the offset that [`Reader::peek`] returned.
    pub(crate) fn take(&mut self, end: u64) {
        self.next += 1;
        if let Source::Replay(replay) = &mut self.source {
            replay.follow(self.next, end);
        }
    }

    /// The oldest offset that it may still take.
    pub(crate) fn needs(&self, end: u64) -> u64 {
        match self.source {
            Source::LiveTail => self.next.max(end.saturating_sub(LIVE_TAIL)),
            Source::Log | Source::Replay(_) => self.next,
        }
    }

    /// Number of messages that the subscription will never get.
    pub(crate) fn skipped(&self, end: u64) -> u64 {
        self.skipped + (self.needs(end) - self.next) + self.duplicates_below.min(end)
    }

    /// The error with which it ended.
    pub(crate) fn error(&self) -> Option<&str> {
        match &self.source {
            Source::Replay(replay) => replay.error.as_deref(),
            Source::Log | Source::LiveTail => None,
        }
    }
}

impl Replay {
    /// Reads while the queue has capacity. One more message than the queue holds is read.
    fn follow(&mut self, next: u64, end: u64) {
        let limit = next + READER_QUEUE + 1;
        while self.error.is_none() && self.read < end.min(limit) {
            if self.read >= self.held {
                let cached = end.saturating_sub(self.cache_capacity);
                if self.read < cached {
                    self.error = Some(format!("cache gap: expected {}, observed {cached}", self.read));
                    return;
                }
                self.held = end;
            }
            self.read = self.held.min(end).min(limit);
        }
    }
}
