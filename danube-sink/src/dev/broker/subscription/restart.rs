//! State of a subscription after a restart of the broker.

use super::Subscription;
use crate::dev::broker::cursor::Cursor;
use crate::dev::broker::hang::Hang;
use crate::dev::broker::keys::KeyOrder;
use crate::dev::broker::reader::Reader;
use crate::dev::broker::realism::Realism;
use crate::dev::broker::window::Window;

impl Subscription {
    /// Restarts with the messages kept; consumers and attempts are forgotten.
    pub(crate) fn revive(&mut self, end: u64) {
        self.consumers.clear();
        self.hang = Hang::default();
        if !self.realism.recreates_readers() {
            self.window.forget_attempts();
            return;
        }
        let unacked = self.needs(end);
        let cursor = self.cursor.restarted();
        self.reader = match cursor.position() {
            Some(position) => Reader::replay(position + 1, end, self.realism),
            None if self.realism.live_tail_skips => {
                Reader::latest(end, self.realism).with_skipped(end.saturating_sub(unacked))
            }
            None => Reader::replay(unacked, end, Realism::default()),
        };
        self.forget_window();
        self.start = self.reader.next();
        self.cursor = cursor;
    }

    /// Restarts with the messages lost: offsets restart at 0.
    pub(crate) fn rewind(&mut self) {
        self.consumers.clear();
        self.hang = Hang::default();
        self.forget_window();
        let cursor = self.cursor.restarted();
        (self.reader, self.cursor) = match cursor.position() {
            Some(position) if self.realism.offsets_below_cursor_are_skipped => {
                (Reader::replay(position + 1, 0, self.realism).with_duplicates(), cursor)
            }
            position => {
                let reader = match position {
                    Some(_) => Reader::replay(0, 0, self.realism),
                    None => Reader::latest(0, self.realism),
                };
                (reader, Cursor::new(None, self.realism.cursor_stops_at_gap))
            }
        };
        self.start = 0;
    }

    fn forget_window(&mut self) {
        self.window = Window::new(self.window.limit(), self.window.policy().clone());
        self.keys = KeyOrder::default();
    }
}
