//! What a table's log says of the records that the table has, so that none is written twice.
//!
//! ```text
//!  txn  appId = danube:<subscription>:<topic or partition>:<producer>          version = its newest offset in the table
//!  txn  appId = danube:<subscription>:<topic or partition>:<producer>:<slot>   version = <lap> and a bit for each of 48 offsets
//! ```
//!
//! Each commit says which offsets it has, in the same atomic write as the rows. A record whose bit is set is a redelivery,
//! and left out.
//!
//! - **No order is needed.** A bit says of one record that it is in the table, so one that comes late is written, whether the
//!   subscription is Exclusive or Shared, and so is one that was rejected before and is valid now.
//! - **A batch of several partitions or producers** has the bits of all of them, in one commit.
//! - **Offsets that start again at 0** are no redelivery. A broker that lost its storage has lost its producers too, and draws
//!   new numbers for them, of 64 random bits, which begin without a bit. Clocks play no part.
//! - **Several connectors of one subscription** change the same numbers. The log then takes one commit and refuses the other,
//!   which reads the log again and is tried again.
//! - **The slots are a ring**: 256 of them for each producer, the last 12 288 offsets, more than a broker sends ahead of
//!   acknowledgements. What comes again from before them is written again, and so is what comes after 30 days: a table must
//!   not remember its producers for ever.
//! - **Offset 0** is what every record of a topic that is not reliable has, so there the producer's own count is kept instead.
//!   Such a topic sends nothing again, but a batch whose commit was not answered may be written twice.
//! - **Producer 0** is the broker itself, which publishes dead letters and what came over MQTT. It keeps its number for ever,
//!   so its records are written at least once.

use danube_sink::SinkRecord;

/// Offsets in a slot.
const BITS: u64 = 48;
const SLOTS: u64 = 256;
/// Laps are told apart by so many bits.
const LAPS: u64 = 1 << 15;

/// Where the log says whether the table has a record.
pub(crate) struct Place {
    /// The name of the producer's newest offset.
    pub(crate) producer: String,
    /// The name of the slot.
    pub(crate) slot: String,
    /// The first offset that the slot can say something of in this lap.
    begin: i64,
}

impl Place {
    /// `None` where the log cannot say it.
    pub(crate) fn of(record: &SinkRecord) -> Option<Self> {
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
    pub(crate) fn is_shared(one: &SinkRecord, other: &SinkRecord) -> bool {
        let slot = |record: &SinkRecord| (record.offset() / BITS, record.offset() == 0);
        let (id, other_id) = (one.id(), other.id());
        slot(one) == slot(other) && id.producer_id() == other_id.producer_id() && id.topic() == other_id.topic()
    }

    /// Whether the slot can say something of this lap already.
    pub(crate) fn is_begun(&self, newest: i64) -> bool {
        newest >= self.begin
    }
}

/// What a slot says of a record that the table has.
pub(crate) enum Mark {
    Bit { lap: i64, bit: i64 },
    Count(i64),
}

impl Mark {
    pub(crate) fn of(record: &SinkRecord) -> Self {
        match record.offset() {
            0 => Self::Count(record.id().sequence().cast_signed()),
            offset => Self::Bit { lap: (offset / BITS / SLOTS % LAPS).cast_signed(), bit: 1 << (offset % BITS) },
        }
    }

    /// Whether the slot says that the table has the record.
    pub(crate) fn is_in(&self, slot: i64) -> bool {
        match self {
            Self::Bit { lap, bit } => slot >> BITS == *lap && slot & bit != 0,
            Self::Count(count) => slot == *count,
        }
    }

    /// The slot with the record. One that is further on is left as it is.
    pub(crate) fn put_in(&self, slot: Option<i64>) -> i64 {
        match (self, slot) {
            (Self::Count(count), _) => *count,
            (Self::Bit { lap, bit }, Some(slot)) if slot >> BITS == *lap => slot | bit,
            (Self::Bit { lap, .. }, Some(slot)) if slot >> BITS > *lap => slot,
            (Self::Bit { lap, bit }, _) => lap << BITS | bit,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    fn record(producer: u64, offset: u64, sequence: u64) -> SinkRecord {
        SinkRecord::builder("/default/t").subscription("s").producer("p", producer, sequence).offset(offset).build()
    }

    /// Writes what is not there; whether it was.
    fn arrives(log: &mut HashMap<String, i64>, record: &SinkRecord) -> bool {
        let (place, mark) = (Place::of(record).unwrap(), Mark::of(record));
        let newest = log.get(&place.producer).copied();
        let slot = newest.filter(|newest| place.is_begun(*newest)).and_then(|_| log.get(&place.slot).copied());
        if slot.is_some_and(|slot| mark.is_in(slot)) {
            return false;
        }
        log.insert(place.slot.clone(), mark.put_in(slot));
        log.insert(place.producer, newest.unwrap_or_default().max(record.offset().cast_signed()));
        true
    }

    #[test]
    fn each_offset_is_new_once_in_any_order() {
        let (mut log, mut seen) = (HashMap::new(), HashSet::new());
        for offset in (0..9_000).step_by(2).chain((0..9_000).rev()).chain(0..9_000) {
            assert_eq!(arrives(&mut log, &record(7, offset, 1_000 + offset)), seen.insert(offset), "{offset}");
        }
    }

    #[test]
    fn the_ring_remembers_as_many_as_a_broker_sends_ahead() {
        let mut log = HashMap::new();
        let end = 1_000_000;
        assert!((1..end).all(|offset| arrives(&mut log, &record(7, offset, 0))));
        assert!((end - 12_000..end).all(|offset| !arrives(&mut log, &record(7, offset, 0))));
        assert!(arrives(&mut log, &record(7, 5, 0)), "long forgotten: rather twice than not at all");
        assert!((end - 12_000..end).all(|offset| !arrives(&mut log, &record(7, offset, 0))), "and nothing else is");
        assert!(log.len() <= 257, "{}", log.len());
    }

    #[test]
    fn another_producer_begins_without_a_bit() {
        let mut log = HashMap::new();
        assert!((0..100).all(|offset| arrives(&mut log, &record(7, offset, offset))));
        assert!((0..100).all(|offset| arrives(&mut log, &record(8, offset, offset))));
        assert!(Place::of(&record(0, 1, 1)).is_none());
    }

    #[test]
    fn records_without_offsets_are_told_apart_by_their_count() {
        let mut log = HashMap::new();
        assert!((0..100).all(|count| arrives(&mut log, &record(7, 0, count))));
        assert!(!arrives(&mut log, &record(7, 0, 99)));
    }
}
