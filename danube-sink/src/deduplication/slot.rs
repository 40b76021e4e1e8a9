//! The numbers by which a target knows records.

use crate::record::SinkRecord;

/// Offsets in a slot.
const BITS: u64 = 48;
const SLOTS: u64 = 256;
/// Laps are told apart by so many bits.
const LAPS: u64 = 1 << 15;

/// Where the target says whether it has a record.
pub(super) struct Place {
    /// The name of the producer's newest offset.
    pub(super) producer: String,
    /// The name of the slot.
    pub(super) slot: String,
    /// The first offset that the slot can say something of in this lap.
    pub(super) begin: i64,
}

impl Place {
    /// `None` where the target cannot say it.
    pub(super) fn of(record: &SinkRecord) -> Option<Self> {
        let (id, part) = (record.id(), record.offset() / BITS);
        if id.producer_id() == 0 {
            return None;
        }
        let producer = format!("danube:{}:{}:{:x}", record.subscription(), id.topic(), id.producer_id());
        let slot = match record.offset() {
            0 => format!("{producer}:first"),
            _ => format!("{producer}:{}", part % SLOTS),
        };
        Some(Self { producer, slot, begin: (part * BITS).cast_signed() })
    }

    /// Whether both records have the same.
    pub(super) fn is_shared(one: &SinkRecord, other: &SinkRecord) -> bool {
        let slot = |record: &SinkRecord| (record.offset() / BITS, record.offset() == 0);
        let (id, other_id) = (one.id(), other.id());
        slot(one) == slot(other)
            && id.producer_id() == other_id.producer_id()
            && (id.topic(), one.subscription()) == (other_id.topic(), other.subscription())
    }
}

/// What a slot says of a record that the target has.
pub(super) enum Mark {
    Bit { lap: i64, bit: i64 },
    Count(i64),
}

impl Mark {
    pub(super) fn of(record: &SinkRecord) -> Self {
        match record.offset() {
            0 => Self::Count(record.id().sequence().cast_signed()),
            offset => Self::Bit { lap: (offset / BITS / SLOTS % LAPS).cast_signed(), bit: 1 << (offset % BITS) },
        }
    }

    /// Whether the slot says that the target has the record.
    pub(super) fn is_in(&self, slot: i64) -> bool {
        match self {
            Self::Bit { lap, bit } => slot >> BITS == *lap && slot & bit != 0,
            Self::Count(count) => slot == *count,
        }
    }

    /// The slot with the record. One that is further on is left as it is.
    pub(super) fn put_in(&self, slot: Option<i64>) -> i64 {
        match (self, slot) {
            (Self::Count(count), _) => *count,
            (Self::Bit { lap, bit }, Some(slot)) if slot >> BITS == *lap => slot | bit,
            (Self::Bit { lap, .. }, Some(slot)) if slot >> BITS > *lap => slot,
            (Self::Bit { lap, bit }, _) => lap << BITS | bit,
        }
    }
}
