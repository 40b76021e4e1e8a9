//! Slots: the numbers that a target stores for deduplication.

use crate::record::SinkRecord;

/// Number of offsets in a slot.
const BITS: i64 = 48;
const SLOTS: i64 = 256;
/// Number of laps that a stored number can distinguish.
const LAPS: i64 = 1 << 15;
const BITMAP: i64 = (1 << BITS) - 1;
/// The number of a slot without a bit.
pub(super) const EMPTY: i64 = 0;

/// Slot: a range of a producer's offsets for which the target stores one number.
pub(super) struct Slot {
    /// The name of the producer's newest offset.
    pub(super) producer: String,
    /// The name of the slot.
    pub(super) name: String,
    /// The first offset of the slot in this lap.
    pub(super) begin: i64,
}

impl Slot {
    /// The slot of a record; `None` for a record of the broker itself, which has none.
    pub(super) fn of(record: &SinkRecord) -> Option<Self> {
        let (id, offset) = (record.id(), offset_of(record));
        if id.producer_id() == 0 {
            return None;
        }
        let producer = format!("danube:{}:{}:{:x}", record.subscription(), id.topic(), id.producer_id());
        let name = match offset {
            0 => format!("{producer}:first"),
            _ => name_of(&producer, offset / BITS % SLOTS),
        };
        Some(Self { producer, name, begin: offset / BITS * BITS })
    }

    /// Whether both records have the same slot.
    pub(super) fn is_shared(one: &SinkRecord, other: &SinkRecord) -> bool {
        let slot = |record| (offset_of(record) / BITS, offset_of(record) == 0);
        let (id, other_id) = (one.id(), other.id());
        slot(one) == slot(other)
            && id.producer_id() == other_id.producer_id()
            && (id.topic(), one.subscription()) == (other_id.topic(), other.subscription())
    }
}

fn name_of(producer: &str, slot: i64) -> String {
    format!("{producer}:{slot}")
}

pub(super) fn offset_of(record: &SinkRecord) -> i64 {
    record.offset().cast_signed()
}

fn lap_of(offset: i64) -> i64 {
    offset / BITS / SLOTS
}

/// Marks of written records in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marks {
    /// A bit for each offset of one lap.
    Bits { lap: i64, bits: i64 },
    /// The sequence number of the newest record without an offset.
    Count(i64),
}

impl Marks {
    /// The mark of one record.
    pub(super) fn of(record: &SinkRecord) -> Self {
        match offset_of(record) {
            0 => Self::Count(record.id().sequence().cast_signed()),
            offset => Self::Bits { lap: lap_of(offset), bits: 1 << (offset % BITS) },
        }
    }

    /// Decodes a number of the target. It has the lap modulo [`LAPS`], which stands for the last such lap up to that of the
    /// producer's `newest` offset, since [`Rollover`] removes numbers of earlier laps.
    pub(super) fn read(&self, number: i64, newest: i64) -> Option<Self> {
        match self {
            Self::Count(_) => Some(Self::Count(number)),
            Self::Bits { .. } => bits_of(number, newest),
        }
    }

    pub(super) fn number(self) -> i64 {
        match self {
            Self::Count(count) => count,
            Self::Bits { lap, bits } => (lap % LAPS) << BITS | bits,
        }
    }

    /// Whether their number decodes to these marks until the next [`Rollover`], given the producer's newest offset.
    pub(super) fn are_readable(self, newest: i64) -> bool {
        match self {
            Self::Count(_) => true,
            Self::Bits { lap, .. } => lap > lap_of(newest) - LAPS / 2,
        }
    }

    /// Whether the marks are among `others`.
    pub(super) fn are_in(self, others: Self) -> bool {
        match (self, others) {
            (Self::Bits { lap, bits }, Self::Bits { lap: other, bits: others }) => lap == other && bits & others != 0,
            _ => self == others,
        }
    }

    /// Combines both. If the laps differ, the later one wins.
    pub(super) fn with(self, others: Self) -> Self {
        match (self, others) {
            (Self::Bits { lap, bits }, Self::Bits { lap: other, bits: others }) if lap == other => {
                Self::Bits { lap, bits: bits | others }
            }
            (Self::Bits { lap, .. }, Self::Bits { lap: other, .. }) if other > lap => others,
            _ => self,
        }
    }
}

fn bits_of(number: i64, newest: i64) -> Option<Marks> {
    let bits = number & BITMAP;
    let lap = lap_of(newest) - (lap_of(newest) - (number >> BITS)).rem_euclid(LAPS);
    (bits != 0).then_some(Marks::Bits { lap, bits })
}

/// Rollover of a producer's lap numbers: its newest offset passes half of the distinguishable laps.
///
/// Every slot that was not changed in the last lap is then emptied. So no slot ever has a lap [`LAPS`] or more before that of
/// the newest offset, not even for a producer that seldom sends, and equal numbers mean equal laps.
pub(super) struct Rollover {
    producer: String,
    /// The newest offset before.
    before: i64,
    /// The newest offset after.
    after: i64,
}

impl Rollover {
    pub(super) fn of(producer: &str, before: i64, after: i64) -> Option<Self> {
        let half = |offset| lap_of(offset) / (LAPS / 2);
        (half(after) > half(before)).then(|| Self { producer: producer.to_owned(), before, after })
    }

    /// Names of all slots of the producer.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        (0..SLOTS).map(|slot| name_of(&self.producer, slot))
    }

    /// Whether a slot with this number in the target is to be emptied.
    pub(super) fn empties(&self, number: i64) -> bool {
        match bits_of(number, self.before) {
            Some(Marks::Bits { lap, .. }) => lap < lap_of(self.after) - 1,
            _ => false,
        }
    }
}
