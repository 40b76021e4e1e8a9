//! Frames: records that were appended together, with their first position and a checksum.
//!
//! ```text
//!  segment:  magic and version │ frame │ frame │ …
//!  frame:    body's length (u32) │ records (u32) │ first position (u64) │ CRC-32 of these two and the body (u32) │ body
//! ```
//!
//! Numbers are little-endian. A body is a Protobuf message, so that later versions can add fields: [`super::stored::Start`] in
//! the first frame of a segment, which has no records, and [`Batch`] in the others.

use bytes::{Buf, Bytes};
use crc32fast::Hasher;

use super::stored::Batch;

/// The beginning of each segment. The last byte is the version of the format.
pub(super) const MAGIC: [u8; 8] = *b"DNBSPOL\x01";
pub(super) const MAGIC_BYTES: u64 = MAGIC.len() as u64;
/// The bytes of a frame before its body.
const HEADER: usize = 20;
/// A frame has at most so many records; one more than that is a sign of damage.
pub(super) const MOST_RECORDS: usize = 256;

/// A frame that was found in a segment, with a valid checksum.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) first: u64,
    pub(super) records: u32,
    body: Bytes,
}

/// What follows in a segment.
#[derive(Debug)]
pub(super) enum Found {
    Frame(Frame),
    /// The frame continues behind the given bytes: read more of them.
    Incomplete,
    /// The bytes are no frame.
    Invalid,
}

impl Frame {
    /// The position behind its last record.
    pub(super) fn end(&self) -> u64 {
        self.first + u64::from(self.records)
    }

    /// The frame's size in the segment.
    pub(super) fn size(&self) -> usize {
        HEADER + self.body.len()
    }

    /// The body, as a message of this type.
    pub(super) fn body<M: prost::Message + Default>(&self) -> Option<M> {
        M::decode(self.body.clone()).ok()
    }

    pub(super) fn batch(&self) -> Option<Batch> {
        self.body().filter(|batch: &Batch| self.records > 0 && batch.records.len() == self.records as usize)
    }

    /// Reads the frame at the beginning of the bytes.
    pub(super) fn find(bytes: &Bytes) -> Found {
        match Self::parse(bytes) {
            Ok((frame, checksum)) if frame.checksum() == checksum => Found::Frame(frame),
            Ok(_) => Found::Invalid,
            Err(found) => found,
        }
    }

    /// Reads the frame at the beginning of the bytes although its checksum is wrong, if its records can be read and have this
    /// position. Their contents may be damaged.
    pub(super) fn find_damaged(bytes: &Bytes, position: u64) -> Option<Self> {
        let (frame, _) = Self::parse(bytes).ok()?;
        (frame.first == position && frame.batch().is_some()).then_some(frame)
    }

    /// Takes a frame and its checksum apart.
    fn parse(bytes: &Bytes) -> Result<(Self, u32), Found> {
        let mut header = bytes.get(..HEADER).ok_or(Found::Incomplete)?;
        let length = header.get_u32_le() as usize;
        let (records, first, checksum) = (header.get_u32_le(), header.get_u64_le(), header.get_u32_le());
        if records as usize > MOST_RECORDS {
            return Err(Found::Invalid);
        }
        let rest = bytes.len().checked_sub(HEADER + length).ok_or(Found::Incomplete)?;
        Ok((Self { first, records, body: bytes.slice(HEADER..bytes.len() - rest) }, checksum))
    }

    fn checksum(&self) -> u32 {
        checksum_of(self.records, self.first, &self.body)
    }

    /// The size of a frame at this position that is whole, but for its checksum, and the position behind its last record. A
    /// process that is killed leaves less of a frame.
    pub(super) fn damaged(bytes: &Bytes, position: u64) -> Option<(usize, u64)> {
        let mut header = bytes.get(..HEADER)?;
        let size = HEADER + header.get_u32_le() as usize;
        let (records, first) = (header.get_u32_le(), header.get_u64_le());
        let is_whole = size <= bytes.len() && first == position && (1..=MOST_RECORDS).contains(&(records as usize));
        is_whole.then_some((size, first + u64::from(records)))
    }

    /// Finds the next frame with records from this position on, in bytes that begin with an invalid one. Returns its distance
    /// too.
    pub(super) fn find_later(bytes: &Bytes, position: u64) -> Option<(usize, Self)> {
        (1..bytes.len().saturating_sub(HEADER)).find_map(|distance| match Self::find(&bytes.slice(distance..)) {
            Found::Frame(frame) if frame.records > 0 && frame.first >= position => Some((distance, frame)),
            _ => None,
        })
    }
}

/// Appends a frame to the buffer.
pub(super) fn encode(buffer: &mut Vec<u8>, first: u64, records: usize, body: &impl prost::Message) {
    let records = u32::try_from(records).unwrap_or(u32::MAX);
    let begin = buffer.len();
    buffer.resize(begin + HEADER, 0);
    body.encode_raw(buffer);
    let (header, body) = buffer[begin..].split_at_mut(HEADER);
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    header[..4].copy_from_slice(&length.to_le_bytes());
    header[4..8].copy_from_slice(&records.to_le_bytes());
    header[8..16].copy_from_slice(&first.to_le_bytes());
    header[16..].copy_from_slice(&checksum_of(records, first, body).to_le_bytes());
}

fn checksum_of(records: u32, first: u64, body: &[u8]) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(&records.to_le_bytes());
    hasher.update(&first.to_le_bytes());
    hasher.update(body);
    hasher.finalize()
}
