//! The records that `dev` publishes: the lines of files.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use super::Options;
use crate::{
    config::ConnectorConfig,
    error::{ConnectorError, ConnectorResult},
};

/// The records of each topic.
pub(crate) struct Data {
    pub(crate) topics: Vec<(String, Vec<String>)>,
}

impl Data {
    /// Reads the files named by the options, or the ones in the folder `dev` that belong to the mapped topics.
    pub(crate) fn find(core: &ConnectorConfig, options: &Options) -> ConnectorResult<Self> {
        let mut topics = Vec::new();
        let mut searched = Vec::new();
        if options.data.is_empty() {
            let mapped: BTreeSet<_> = core.mappings.iter().map(|mapping| &mapping.consumer.topic).collect();
            for topic in mapped {
                let file = PathBuf::from(format!("dev{topic}.jsonl"));
                if file.is_file() {
                    topics.push((topic.clone(), read(&file)?));
                } else if let Some(text) = sampled(topic, options) {
                    topics.push((topic.clone(), lines(text)));
                } else {
                    searched.push(format!("  {}", file.display()));
                }
            }
        }
        for (topic, file) in &options.data {
            if !core.mappings.iter().any(|mapping| mapping.consumer.topic == *topic) {
                return Err(ConnectorError::configuration(format!("--data: no mapping reads topic {topic}")));
            }
            topics.push((topic.clone(), read(file)?));
        }
        if topics.is_empty() && !options.keep_running {
            return Err(ConnectorError::configuration(format!(
                "there are no records to publish. Searched for:\n{}\nWrite one of these files with a JSON value on each line, \
                 name another file with --data TOPIC=FILE, or serve other clients with --keep-running",
                searched.join("\n")
            )));
        }
        Ok(Self { topics })
    }

    /// The number of records.
    pub(crate) fn records(&self) -> u64 {
        self.topics.iter().map(|(_, lines)| lines.len() as u64).sum()
    }

    /// The number of acknowledgements of all records: each mapping of a topic receives its records.
    pub(crate) fn deliveries(&self, core: &ConnectorConfig) -> u64 {
        let mappings = |topic: &str| core.mappings.iter().filter(|mapping| mapping.consumer.topic == topic).count();
        self.topics.iter().map(|(topic, lines)| (lines.len() * mappings(topic)) as u64).sum()
    }
}

/// The records of the program's own sample.
fn sampled(topic: &str, options: &Options) -> Option<&'static str> {
    let records = options.sample?.records;
    records.iter().find(|(of, _)| *of == topic).map(|(_, text)| *text)
}

fn read(file: &Path) -> ConnectorResult<Vec<String>> {
    let text = fs::read_to_string(file)
        .map_err(|error| ConnectorError::configuration(format!("{} cannot be read: {error}", file.display())))?;
    Ok(lines(&text))
}

fn lines(text: &str) -> Vec<String> {
    text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ConsumerConfig, MappingSettings, SubscriptionType};

    #[test]
    fn each_mapping_of_a_topic_counts_its_records() {
        let mut core = ConnectorConfig::new("http://localhost:1", "sink");
        for (topic, subscription) in [("/default/a", "one"), ("/default/a", "two"), ("/default/b", "one")] {
            let consumer = ConsumerConfig {
                topic: topic.to_owned(),
                consumer_name: "c".to_owned(),
                subscription: subscription.to_owned(),
                subscription_type: SubscriptionType::Shared,
                expected_schema_subject: None,
            };
            core.mappings.push(MappingSettings::new(consumer, &core));
        }
        let records = |count: usize| vec!["{}".to_owned(); count];
        let data = Data { topics: vec![("/default/a".to_owned(), records(20)), ("/default/b".to_owned(), records(3))] };
        assert_eq!((data.records(), data.deliveries(&core)), (23, 43));
    }
}
