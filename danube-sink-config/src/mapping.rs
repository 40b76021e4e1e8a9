//! Which topics a connector reads, and what each is for.

use std::collections::HashMap;

use super::{
    read::mapping_list::MappingReader,
    settings::{ConsumerConfig, MappingSettings},
};

/// What a topic mapping says beyond the common keys. Derive it.
///
/// ```text
/// #[derive(TopicMapping)]
/// struct Table {
///     /// The table that the topic's records go to.
///     target_table: String,
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what a topic mapping's keys are",
    label = "not a topic mapping",
    note = "put `#[derive(TopicMapping)]` on `{Self}`, or write `TopicMappings<()>` if the common keys are enough"
)]
pub trait TopicMapping: Sized {
    /// The keys, for the reader and for what explains them.
    #[doc(hidden)]
    const SETTINGS: &'static [super::generated::SettingInfo];

    /// Reads every key, then builds.
    #[doc(hidden)]
    fn read(mapping: &mut MappingReader<'_>) -> Option<Self>;
}

/// A mapping that has only the common keys.
impl TopicMapping for () {
    const SETTINGS: &'static [super::generated::SettingInfo] = &[];

    fn read(_: &mut MappingReader<'_>) -> Option<Self> {
        Some(())
    }
}

/// One topic mapping: the common keys, and the connector's own.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapping<T = ()> {
    /// What the common keys say.
    pub settings: MappingSettings,
    /// What the connector's own keys say.
    pub own: T,
}

/// What came through a topic mapping: a record.
pub trait Mapped {
    /// The topic as the mapping names it.
    fn topic(&self) -> &str;

    /// The subscription through which it came.
    fn subscription(&self) -> &str;
}

/// A record of a topic that is not mapped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no mapping for topic {topic} ({subscription})")]
pub struct NoMapping {
    topic: String,
    subscription: String,
}

/// The topic mappings of a connector, found by record.
#[derive(Debug, Clone, Default)]
pub struct TopicMappings<T = ()> {
    mappings: Vec<Mapping<T>>,
    /// A topic may be mapped once for each of its subscriptions.
    by_topic: HashMap<String, Vec<usize>>,
}

impl<T> TopicMappings<T> {
    /// The mapping through which the record came.
    ///
    /// # Errors
    /// [`NoMapping`] if the record's topic is not mapped here; as a connector's error it is a fatal one.
    pub fn for_record(&self, record: &impl Mapped) -> Result<&T, NoMapping> {
        let of_topic = self.by_topic.get(record.topic()).map_or(&[][..], Vec::as_slice);
        let found = match of_topic {
            // A record made by hand, in a test, has no subscription.
            [only] => Some(only),
            several => several
                .iter()
                .find(|index| self.mappings[**index].settings.consumer.subscription == record.subscription()),
        };
        found.map(|index| &self.mappings[*index].own).ok_or_else(|| NoMapping {
            topic: record.topic().to_owned(),
            subscription: record.subscription().to_owned(),
        })
    }

    /// What the connector's own keys say for a topic; the first of its mappings if there are several.
    pub fn get(&self, topic: &str) -> Option<&T> {
        let first = self.by_topic.get(topic)?.first()?;
        self.mappings.get(*first).map(|mapping| &mapping.own)
    }

    /// The mappings in the order of the file.
    pub fn iter(&self) -> std::slice::Iter<'_, Mapping<T>> {
        self.mappings.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.mappings.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.mappings.is_empty()
    }

    /// What a connector's `consumer_configs` answers.
    pub fn consumer_configs(&self) -> Vec<ConsumerConfig> {
        self.iter().map(|mapping| mapping.settings.consumer.clone()).collect()
    }

    /// What the common keys of all mappings say.
    pub fn settings(&self) -> Vec<MappingSettings> {
        self.iter().map(|mapping| mapping.settings.clone()).collect()
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
