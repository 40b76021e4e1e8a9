//! What a record says of itself beside its payload.

/// Something that a record says of itself beside its payload: a setting for connectors that write it along, on request.
///
/// `SinkRecord::metadata` gives its value. The convention is a key of the topic mapping, a list that is empty by default:
///
/// ```toml
/// metadata = ["topic", "partition", "offset", "publish_time", "producer", "key", "id"]
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Metadata {
    /// The topic, without a partition's suffix; a text.
    Topic,
    /// The number of the partition; `null` if the topic has none.
    Partition,
    /// The number within topic or partition.
    Offset,
    /// When the producer sent it; RFC 3339 in UTC with six decimals.
    PublishTime,
    /// The producer's name; a text.
    Producer,
    /// The producer's routing key, a text; `null` if there is none.
    Key,
    /// What names the record for good, a text: see `SinkRecord::id`.
    Id,
}
