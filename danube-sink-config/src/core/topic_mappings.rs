//! The topic mappings of a connector: which topics it reads, and the settings for each.

use std::collections::HashMap;

use super::settings::{ConnectorConfig, ConsumerConfig, MappingSettings};

/// A topic mapping: the common settings, and those of the connector.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapping<T = ()> {
    /// The settings that every mapping has.
    pub settings: MappingSettings,
    /// The settings of the connector's own keys.
    pub own: T,
}

/// A record or a consumer, for the lookup of its topic mapping.
pub trait Mapped {
    /// The topic, as the mapping names it.
    fn topic(&self) -> &str;

    /// The subscription by which the record was received.
    fn subscription(&self) -> &str;
}

impl Mapped for ConsumerConfig {
    fn topic(&self) -> &str {
        &self.topic
    }

    fn subscription(&self) -> &str {
        &self.subscription
    }
}

/// The error for a record of a topic without a mapping.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no mapping for topic {topic} ({subscription})")]
pub struct NoMapping {
    topic: String,
    subscription: String,
}

/// The topic mappings of a connector.
#[derive(Debug, Clone)]
pub struct TopicMappings<T = ()> {
    mappings: Vec<Mapping<T>>,
    /// A topic may be mapped once for each of its subscriptions.
    by_topic: HashMap<String, Vec<usize>>,
}

impl<T> TopicMappings<T> {
    /// The connector's own settings for the topic mapping of a record.
    ///
    /// # Errors
    /// [`NoMapping`] if the record's topic has no mapping here; as a connector's error it is a fatal one.
    pub fn for_record(&self, record: &impl Mapped) -> Result<&T, NoMapping> {
        self.mapping_for(record).map(|mapping| &mapping.own)
    }

    /// The topic mapping of a record, with the common settings, such as the type of its subscription.
    ///
    /// # Errors
    /// As [`for_record`](Self::for_record).
    pub fn mapping_for(&self, record: &impl Mapped) -> Result<&Mapping<T>, NoMapping> {
        let of_topic = self.by_topic.get(record.topic()).map_or(&[][..], Vec::as_slice);
        let found = match of_topic {
            // A record that a test has built has no subscription.
            [only] => Some(only),
            several => several
                .iter()
                .find(|index| self.mappings[**index].settings.consumer.subscription == record.subscription()),
        };
        found.map(|index| &self.mappings[*index]).ok_or_else(|| NoMapping {
            topic: record.topic().to_owned(),
            subscription: record.subscription().to_owned(),
        })
    }

    /// The connector's own settings for a topic; of its first mapping if it has several.
    pub fn get(&self, topic: &str) -> Option<&T> {
        let first = self.by_topic.get(topic)?.first()?;
        self.mappings.get(*first).map(|mapping| &mapping.own)
    }

    /// The mappings in the order of the file.
    pub fn iter(&self) -> std::slice::Iter<'_, Mapping<T>> {
        self.mappings.iter()
    }

    /// The number of mappings.
    pub fn len(&self) -> usize {
        self.mappings.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.mappings.is_empty()
    }

    /// Topic and subscription of each mapping, for a connector's `consumer_configs`.
    pub fn consumer_configs(&self) -> Vec<ConsumerConfig> {
        self.iter().map(|mapping| mapping.settings.consumer.clone()).collect()
    }

    /// The common settings of each mapping.
    pub fn settings(&self) -> Vec<MappingSettings> {
        self.iter().map(|mapping| mapping.settings.clone()).collect()
    }
}

impl ConnectorConfig {
    /// The configuration with the settings of topic mappings.
    #[must_use]
    pub fn with_mappings<T>(mut self, mappings: &TopicMappings<T>) -> Self {
        self.mappings = mappings.settings();
        self
    }
}

/// No mappings. What a connector prepares for each mapping in `initialize` can be kept in such a list, as `#[state]`.
impl<T> Default for TopicMappings<T> {
    fn default() -> Self {
        Self { mappings: Vec::new(), by_topic: HashMap::new() }
    }
}

impl<T> FromIterator<Mapping<T>> for TopicMappings<T> {
    fn from_iter<I: IntoIterator<Item = Mapping<T>>>(mappings: I) -> Self {
        let mappings: Vec<Mapping<T>> = mappings.into_iter().collect();
        let mut by_topic: HashMap<String, Vec<usize>> = HashMap::with_capacity(mappings.len());
        for (index, mapping) in mappings.iter().enumerate() {
            by_topic.entry(mapping.settings.consumer.topic.clone()).or_default().push(index);
        }
        Self { mappings, by_topic }
    }
}

impl<'a, T> IntoIterator for &'a TopicMappings<T> {
    type Item = &'a Mapping<T>;
    type IntoIter = std::slice::Iter<'a, Mapping<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
