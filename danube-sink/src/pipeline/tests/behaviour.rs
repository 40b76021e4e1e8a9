//! Behaviour of the real broker that loses messages or blocks a subscription. All of it is off unless a bench enables it.
//!
//! | here | the broker |
//! |---|---|
//! | [`Reading::Tail`] | a subscription made since the broker started reads a live tail, 256 messages by default, and skips what falls out of it |
//! | [`Reading::Cache`] | an older one reads its log through a cache; when the cache has moved on the reader ends, for good |
//! | `hangs` | once the newest acknowledgement has overtaken an older message, nothing happens until the next one is published: acknowledgements are answered and wait |
//! | `keeps_cursor` | after a restart without its log, offsets begin at 0 below the old cursor, and messages below it are never sent |
//! | `counts_attaches` | each attach counts an attempt of every unacknowledged message |
//! | `max_redelivery_count` | a message that is redelivered more often than this blocks its subscription, for good |
//!
//! The cursor stands still after a skip: a broker that reloads the topic redelivers everything since.

use std::{collections::BTreeSet, ops::Range};

/// The behaviour of a topic's broker beyond sending messages and taking acknowledgements.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Behaviour {
    pub(super) reading: Reading,
    pub(super) hangs: bool,
    pub(super) keeps_cursor: bool,
    pub(super) counts_attaches: bool,
    pub(super) max_redelivery_count: Option<u32>,
    /// The topic is not reliable: each message has the offset 0, is sent once and needs no acknowledgement.
    pub(super) is_unreliable: bool,
}

/// How a subscription reads its log. It reads only while a consumer is attached and the window has room.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Reading {
    /// However far it is behind.
    #[default]
    All,
    Tail(usize),
    Cache(usize),
}

/// How far a subscription has read its log.
#[derive(Debug, Default)]
pub(super) struct Reader {
    reading: Reading,
    keeps_cursor: bool,
    /// The first offset that was never sent.
    next: usize,
    /// Everything below it is acknowledged.
    cursor: usize,
    /// Acknowledged at or above the cursor.
    acked: BTreeSet<usize>,
    /// Offsets below it are taken for duplicates.
    duplicates_below: usize,
    has_ended: bool,
}

impl Reader {
    pub(super) fn new(behaviour: Behaviour) -> Self {
        Self { reading: behaviour.reading, keeps_cursor: behaviour.keeps_cursor, ..Self::default() }
    }

    pub(super) fn next(&self) -> usize {
        self.next
    }

    pub(super) fn advance(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }

    /// Skips messages of a log of this length that it never sends. Returns which.
    pub(super) fn skip(&mut self, published: usize) -> Range<usize> {
        let first = self.next;
        let behind = published - first;
        self.has_ended |= matches!(self.reading, Reading::Cache(cache) if behind > cache);
        let oldest = match self.reading {
            _ if self.has_ended => published,
            Reading::Tail(tail) => published.saturating_sub(tail),
            Reading::All | Reading::Cache(_) => 0,
        };
        self.next = first.max(oldest).max(self.duplicates_below.min(published));
        first..self.next
    }

    pub(super) fn acked(&mut self, offset: usize) {
        self.acked.insert(offset);
        while self.acked.remove(&self.cursor) {
            self.cursor += 1;
        }
    }

    pub(super) fn cursor(&self) -> usize {
        self.cursor
    }

    /// The broker reloads the topic with its log: it sends everything from the cursor on.
    pub(super) fn reload(&mut self, published: usize) {
        self.next = self.cursor.min(published);
        self.acked.clear();
        self.has_ended = false;
    }

    /// The log is empty, and offsets restart at 0.
    pub(super) fn restart_offsets(&mut self) {
        let before = std::mem::take(self);
        self.reading = before.reading;
        self.keeps_cursor = before.keeps_cursor;
        if before.keeps_cursor {
            (self.cursor, self.duplicates_below) = (before.cursor, before.cursor);
        }
    }
}
