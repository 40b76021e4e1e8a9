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
    /// The mapped topics without records, and the file that each may have.
    missing: Vec<(String, PathBuf)>,
}

impl Data {
    /// Reads the files named by the options, and for the other mapped topics those in the folder `dev`.
    pub(crate) fn find(core: &ConnectorConfig, options: &Options) -> ConnectorResult<Self> {
        let (mut topics, mut missing) = (Vec::new(), Vec::new());
        let mut unnamed: BTreeSet<_> = core.mappings.iter().map(|mapping| &mapping.consumer.topic).collect();
        for (topic, file) in &options.data {
            if !core.mappings.iter().any(|mapping| mapping.consumer.topic == *topic) {
                return Err(ConnectorError::configuration(format!("--data: no mapping reads topic {topic}")));
            }
            unnamed.remove(topic);
            topics.push((topic.clone(), read(file)?));
        }
        for topic in unnamed {
            let file = PathBuf::from(format!("dev{topic}.jsonl"));
            if file.is_file() {
                topics.push((topic.clone(), read(&file)?));
            } else if let Some(text) = sampled(topic, options) {
                topics.push((topic.clone(), lines(text)));
            } else {
                missing.push((topic.clone(), file));
            }
        }
        if topics.is_empty() && !options.keep_running {
            let searched: Vec<_> = missing.iter().map(|(_, file)| format!("  {}", file.display())).collect();
            return Err(ConnectorError::configuration(format!(
                "there are no records to publish. Searched for:\n{}\nWrite one of these files with a JSON value on each line, \
                 name another file with --data TOPIC=FILE, or serve other clients with --keep-running",
                searched.join("\n")
            )));
        }
        Ok(Self { topics, missing })
    }

    /// A line for each mapped topic without records.
    pub(crate) fn notes(&self) -> String {
        let note = |(topic, file): &(String, PathBuf)| {
            format!("note: no records for {topic}: there is no {}\n", file.display())
        };
        self.missing.iter().map(note).collect()
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

/// The lines that are not blank. An editor may have begun the file with a byte-order mark, which is not part of a record.
fn lines(text: &str) -> Vec<String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
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
        let topics = vec![("/default/a".to_owned(), records(20)), ("/default/b".to_owned(), records(3))];
        let data = Data { topics, missing: Vec::new() };
        assert_eq!((data.records(), data.deliveries(&core)), (23, 43));
    }

    #[test]
    fn records_are_lines_without_a_byte_order_mark() {
        assert_eq!(lines("\u{feff}{\"a\":1}\r\n \n{\"a\":2}"), ["{\"a\":1}", "{\"a\":2}"]);
        assert!(lines("\u{feff}").is_empty());
    }
}
