//! Id of a record, for idempotent writes.

use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};

use super::{MessageSource, SinkRecord};
use crate::varint::put_varint;

/// RFC 9562's namespace of URLs, `6ba7b811-9dad-11d1-80b4-00c04fd430c8`.
const URL_NAMESPACE: u128 = 0x6ba7_b811_9dad_11d1_80b4_00c0_4fd4_30c8;

/// Unique, durable id of a message. Write it beside the data, or use it as the key, to make a write idempotent.
///
/// Offsets restart at 0 when a broker loses its storage, so the id also contains the producer and the publish time.
#[derive(Debug, Clone)]
pub struct RecordId {
    pub(crate) source: Arc<MessageSource>,
    pub(super) offset: u64,
    pub(super) publish_time: u64,
    pub(super) sequence: u64,
}

/// `/default/orders-part-1@42-7f3a…-1517966773840000-6`: topic or partition, offset, producer id, publish time and sequence
/// number. Only the sequence number distinguishes messages of a non-reliable topic, which all have offset 0.
impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, offset, publish_time, sequence } = self;
        let MessageSource { topic, producer_id, .. } = &**source;
        write!(f, "{topic}@{offset}-{producer_id:x}-{publish_time}-{sequence}")
    }
}

impl PartialEq for RecordId {
    fn eq(&self, other: &Self) -> bool {
        self.numbers() == other.numbers()
            && (Arc::ptr_eq(&self.source, &other.source) || self.source.topic == other.source.topic)
    }
}

impl Eq for RecordId {}

impl Hash for RecordId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.source.topic.hash(state);
        self.numbers().hash(state);
    }
}

impl RecordId {
    pub(crate) fn new(source: Arc<MessageSource>, offset: u64, publish_time: u64, sequence: u64) -> Self {
        Self { source, offset, publish_time, sequence }
    }

    fn numbers(&self) -> [u64; 4] {
        [self.offset, self.source.producer_id, self.publish_time, self.sequence]
    }

    /// Distinguishes messages of one offset, after the broker restarted its offsets. It is stored in spools, so it never
    /// changes.
    pub(crate) fn fingerprint(producer_id: u64, publish_time: u64, sequence: u64) -> u64 {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let mix = |hash: u64, part: u64| (hash.rotate_left(23) ^ part).wrapping_mul(ODD);
        [producer_id, publish_time, sequence].into_iter().fold(ODD, mix)
    }

    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    pub(crate) fn publish_time(&self) -> u64 {
        self.publish_time
    }

    /// Name of the topic or of the partition: `/default/orders-part-1`.
    pub fn topic(&self) -> &str {
        &self.source.topic
    }

    /// Producer id, which the broker draws at random when a producer connects. It is unique among the producers of a topic
    /// and changes when the broker loses its storage, so offsets never restart among the records of one producer id. It is 0
    /// for messages that the broker itself publishes.
    pub fn producer_id(&self) -> u64 {
        self.source.producer_id
    }

    /// The id as a UUID, for a target whose keys are UUIDs: version 5 of RFC 9562, of the id's text in the namespace of URLs.
    /// Anyone who has the text can compute it, as with `uuid_generate_v5(uuid_ns_url(), id)` in PostgreSQL.
    ///
    /// ```
    /// use danube_sink::SinkRecord;
    ///
    /// let record = SinkRecord::builder("/default/t").offset(7).build();
    /// assert_eq!(record.id().to_string(), "/default/t@7-0-0-0");
    /// assert_eq!(record.id().uuid(), "2d1306f5-c50d-558f-a059-782bf319261f");
    /// ```
    pub fn uuid(&self) -> String {
        let mut digest = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
        digest.update(&URL_NAMESPACE.to_be_bytes());
        digest.update(self.to_string().as_bytes());
        let hash = digest.finish();
        let bits = hash.as_ref().iter().take(16).fold(0, |bits: u128, byte| bits << 8 | u128::from(*byte));
        uuid_of(bits, 5)
    }

    /// Idempotency key of a batch, in 64 hexadecimal digits: equal for the same records, in the same order, of the same
    /// subscription. For a target that recognizes a repeated write by a key or token.
    ///
    /// ```
    /// use danube_sink::{RecordId, SinkRecord};
    ///
    /// let record = |offset| SinkRecord::builder("/default/t").offset(offset).build();
    /// assert_eq!(RecordId::of_batch(&[record(1), record(2)]), RecordId::of_batch(&[record(1), record(2)]));
    /// assert_ne!(RecordId::of_batch(&[record(1), record(2)]), RecordId::of_batch(&[record(1)]));
    /// ```
    pub fn of_batch(records: &[SinkRecord]) -> String {
        /// A digest of few large parts is faster than one of many small ones.
        const PART: usize = 16 * 1024;
        let (mut digest, mut part) = (Context::new(&SHA256), Vec::with_capacity(PART.min(64 * records.len())));
        let mut before: Option<&SinkRecord> = None;
        let mut numbers_before = [0; 4];
        for record in records {
            let id = record.id();
            let stream = (record.subscription(), id.topic());
            let is_of_stream = |other: &SinkRecord| {
                let is_shared =
                    Arc::ptr_eq(other.chunk(), record.chunk()) && Arc::ptr_eq(&other.id().source, &id.source);
                is_shared || (other.subscription(), other.id().topic()) == stream
            };
            let is_named = !before.replace(record).is_some_and(is_of_stream);
            part.push(u8::from(is_named));
            let numbers = id.numbers();
            // The differences between neighbours are small.
            for (number, before) in numbers.iter().zip(numbers_before) {
                put_varint(&mut part, number.wrapping_sub(before));
            }
            numbers_before = numbers;
            if is_named {
                part.extend([stream.0, "\0", stream.1, "\0"].into_iter().flat_map(str::bytes));
            }
            if part.len() >= PART {
                digest.update(&part);
                part.clear();
            }
        }
        digest.update(&part);
        let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
        digest.finish().as_ref().iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
    }

    /// Sequence number that the producer assigned to the message.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }
}

/// The UUID of a hash, as RFC 9562 marks it with its version.
pub(crate) fn uuid_of(hash: u128, version: u128) -> String {
    // The version and the variant.
    let bits = hash & !(0xf << 76 | 0b11 << 62) | version << 76 | 0b10 << 62;
    let hex = format!("{bits:032x}");
    [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| hex[part].to_owned()).join("-")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::record::RecordBuilder;

    /// A target that has the key of an earlier version knows the batch.
    #[test]
    fn the_key_of_a_batch_never_changes() {
        let record = |offset| SinkRecord::builder("/default/t").subscription("s").offset(offset);
        let together = RecordBuilder::build_together((0..3_000).map(record));
        let alone: Vec<_> = (0..3_000).map(|offset| record(offset).build()).collect();
        let key = "2fda38825eda90af2d648fea268e12ded9ac8b277ebf030875c87b635df0e09b";
        assert_eq!([together, alone].map(|records| RecordId::of_batch(&records)), [key, key]);
    }

    #[test]
    fn batches_of_other_numbers_have_other_keys() {
        let numbers: &[u64] = &[0, 1, 127, 128, 255, 16_383, 16_384, u64::MAX];
        let record =
            |offset, sequence| SinkRecord::builder("/default/t").offset(offset).producer("p", 1, sequence).build();
        let of = |[a, b, c]: [u64; 3]| RecordId::of_batch(&[record(a, b), record(c, a)]);
        let all =
            numbers.iter().flat_map(|a| numbers.iter().flat_map(move |b| numbers.iter().map(move |c| [*a, *b, *c])));
        let keys: HashSet<_> = all.map(of).collect();
        assert_eq!(keys.len(), numbers.len().pow(3));
    }
}
