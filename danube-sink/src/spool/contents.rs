//! The contents of a segment, read whole: also frames with a wrong checksum, as far as their records can be read.

use std::{fs, io, path::Path};

use bytes::Bytes;

use super::{
    disk::at,
    frame::{Found, Frame, MAGIC},
    stored::Start,
};

/// The frames of a segment that have records.
pub(super) struct Contents {
    /// The log that the segment belongs to; `None` if that cannot be read.
    pub(super) start: Option<Start>,
    rest: Bytes,
    /// The position of the next frame.
    position: u64,
}

/// A frame with records.
pub(super) struct FoundFrame {
    pub(super) frame: Frame,
    /// Its checksum is wrong, so that the records may be damaged.
    pub(super) is_damaged: bool,
}

impl Contents {
    /// Reads a segment. Blocks.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        let mut rest = Bytes::from(fs::read(path).map_err(at(path, "reading"))?);
        rest = rest.slice(MAGIC.len().min(rest.len())..);
        let (mut start, mut position) = (None, 0);
        if let Found::Frame(frame) = Frame::find(&rest)
            && frame.records == 0
        {
            (start, position) = (frame.body(), frame.first);
            rest = rest.slice(frame.size()..);
        }
        Ok(Self { start, rest, position })
    }

    /// The position of the next frame, unless one is damaged.
    pub(super) fn position(&self) -> u64 {
        self.position
    }
}

impl Iterator for Contents {
    type Item = FoundFrame;

    fn next(&mut self) -> Option<FoundFrame> {
        loop {
            let (frame, is_damaged) = match Frame::find(&self.rest) {
                Found::Frame(frame) => (frame, false),
                Found::Incomplete | Found::Invalid => match Frame::find_damaged(&self.rest, self.position) {
                    Some(frame) => (frame, true),
                    None => {
                        let (distance, _) = Frame::find_later(&self.rest, self.position)?;
                        self.rest = self.rest.slice(distance..);
                        continue;
                    }
                },
            };
            self.rest = self.rest.slice(frame.size()..);
            if frame.records > 0 {
                self.position = frame.end();
                return Some(FoundFrame { frame, is_damaged });
            }
        }
    }
}
