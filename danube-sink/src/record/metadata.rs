//! Metadata of a record, such as its offset and time of publishing.

use std::fmt;

use danube_sink_config::{
    Diagnostics, Setting, Value,
    schema::{ValueType, suggest},
};

/// A piece of a record's metadata: `topic`, `partition`, `offset`, `publish_time`, `producer`, `key` or `id`.
///
/// `SinkRecord::metadata` gives its value. [`MetadataColumns`](super::MetadataColumns) is the setting of connectors that write
/// it on request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Metadata {
    /// The topic, without a partition's suffix; a string.
    Topic,
    /// The number of the partition; `null` if the topic has none.
    Partition,
    /// The offset within the topic or partition.
    Offset,
    /// The time at which the producer sent the message; RFC 3339 in UTC with six decimals.
    PublishTime,
    /// The name of the producer; a string.
    Producer,
    /// The routing key, a string; `null` if there is none.
    Key,
    /// The record's stable name, a string: see `SinkRecord::id`.
    Id,
}

impl Metadata {
    const ALL: [Self; 7] =
        [Self::Topic, Self::Partition, Self::Offset, Self::PublishTime, Self::Producer, Self::Key, Self::Id];

    /// Names in the configuration, in the order of [`ALL`](Self::ALL).
    pub(super) const WORDS: &'static [&'static str] =
        &["topic", "partition", "offset", "publish_time", "producer", "key", "id"];

    /// Name in the configuration.
    pub const fn as_str(self) -> &'static str {
        Self::WORDS[self as usize]
    }

    /// The one of exactly this name.
    #[cfg(feature = "cel")]
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metadata| metadata.as_str() == name)
    }

    pub(super) fn from_word(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metadata| suggest::same_word(metadata.as_str(), text))
    }
}

/// Name in the configuration.
impl fmt::Display for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Setting for Metadata {
    const VALUE_TYPE: ValueType = ValueType::Enum { what: "metadata", words: Self::WORDS };

    fn read(value: &Value) -> Result<Self, Diagnostics> {
        value.validate(&Self::VALUE_TYPE)?;
        Self::from_word(value.as_str()?)
            .ok_or_else(|| value.diagnostic("unknown metadata", "write another word").into())
    }
}
