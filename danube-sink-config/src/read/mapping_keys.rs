//! Reads the keys that every topic mapping has.

use std::{ops::Range, time::Duration};

use crate::{
    beyond::{CheckDecoding, Part, Problem},
    file::value::Value,
    read::check,
    read::keys::{self, Home, Key},
    read::mapping_list::MappingReader,
    read::table::{self, Given},
    report::mistake::{Mistake, Mistakes},
    setting::Setting,
    settings::{
        ConnectorConfig, ConsumerConfig, MappingSettings, OnInvalidRecord, OnRetriesExhausted, SubscriptionType,
    },
};

/// What holds for a mapping that says nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Common<'r> {
    /// Looks at what says how payloads are read.
    pub(crate) decoding: CheckDecoding,
    pub(crate) core: &'r ConnectorConfig,
    pub(crate) host: &'r str,
    /// What the connector's code says for keys that a mapping leaves out.
    pub(crate) defaults: &'r [(&'r str, Value)],
}

/// What the common keys of one mapping say, and where. A key that is wrong holds its default, and is among the mistakes.
pub(crate) struct Draft {
    pub(crate) settings: MappingSettings,
    pub(crate) topic_span: Option<Range<usize>>,
    pub(crate) dead_letter_span: Option<Range<usize>>,
}

impl Draft {
    /// The topic; empty if there is none that is right.
    pub(crate) fn topic(&self) -> &str {
        &self.settings.consumer.topic
    }

    pub(crate) fn read(reader: &mut MappingReader<'_>, common: Common<'_>) -> Self {
        let core = common.core;
        let topic = reader.text(&keys::TOPIC);
        if !topic.present {
            reader.table.missing(keys::TOPIC.name, "add `topic = \"/namespace/name\"`");
        }
        let mut settings = MappingSettings::new(consumer(reader, topic.value, common), core);
        reader.number(&keys::MAPPING_BATCH_SIZE, &mut settings.batch_size);
        reader.number(&keys::MAPPING_BATCH_BYTES, &mut settings.batch_bytes);
        reader.milliseconds(&keys::MAPPING_FLUSH_INTERVAL, &mut settings.flush_interval);
        reader.milliseconds(&keys::MAPPING_ACK_TIMEOUT, &mut settings.ack_timeout);
        settings.max_unacked_messages = reader.optional(&keys::MAPPING_MAX_UNACKED).or(core.max_unacked_messages);
        reader.word(&keys::MAPPING_CREATE_TOPICS, &mut settings.create_topics);
        settings.partitions = reader.optional(&keys::PARTITIONS);
        reader.word(&keys::SOLE_CONSUMER, &mut settings.sole_consumer);
        reader.word(&keys::SINGLE_WRITER, &mut settings.single_writer);
        reader.word(&keys::PAYLOAD_FORMAT, &mut settings.payload_format);
        schemas(reader, &mut settings, common);
        reader.word(&keys::ON_INVALID_RECORD, &mut settings.on_invalid_record);
        reader.word(&keys::MAPPING_ON_MASS_REFUSAL, &mut settings.on_mass_refusal);
        let dead_letter = reader.text(&keys::DEAD_LETTER_TOPIC);
        settings.dead_letter_topic = dead_letter.value;
        if !dead_letter.present {
            needs_dead_letter_topic(reader, &settings, core);
        }
        Self { settings, topic_span: topic.span, dead_letter_span: dead_letter.span }
    }
}

fn consumer(reader: &mut MappingReader<'_>, topic: Option<String>, common: Common<'_>) -> ConsumerConfig {
    let name = &common.core.connector_name;
    let subscription = reader.text(&keys::SUBSCRIPTION);
    if !subscription.present && name.is_empty() {
        reader.table.missing(keys::SUBSCRIPTION.name, "add `subscription = \"…\"`");
    }
    let mut subscription_type = SubscriptionType::Shared;
    reader.word(&keys::SUBSCRIPTION_TYPE, &mut subscription_type);
    ConsumerConfig {
        topic: topic.unwrap_or_default(),
        consumer_name: reader
            .text(&keys::CONSUMER_NAME)
            .value
            .unwrap_or_else(|| consumer_name(name, common.host, subscription_type)),
        subscription: subscription.value.unwrap_or_else(|| name.clone()),
        subscription_type,
        expected_schema_subject: reader.text(&keys::SCHEMA_SUBJECT).value,
    }
}

fn schemas(reader: &mut MappingReader<'_>, settings: &mut MappingSettings, common: Common<'_>) {
    settings.expected_schema_version = reader.optional(&keys::SCHEMA_VERSION);
    settings.min_schema_version = reader.optional(&keys::MIN_SCHEMA_VERSION);
    reader.word(&keys::SHOW_PAYLOAD, &mut settings.show_payload_in_errors);
    let decoding = &mut settings.decoding;
    reader.word(&keys::AVRO_ENCODING, &mut decoding.avro_encoding);
    let reader_schema = reader.text(&keys::AVRO_READER_SCHEMA);
    decoding.avro_reader_schema = reader_schema.value;
    decoding.protobuf_message = reader.text(&keys::PROTOBUF_MESSAGE).value;
    reader.word(&keys::NUMBER_ENCODING, &mut decoding.number_encoding);
    let validate = reader.given(&keys::VALIDATE_JSON_SCHEMA, bool::read);
    decoding.validate_json_schema = validate.value.unwrap_or_default();
    for Problem { part, message, help } in (common.decoding)(decoding) {
        let (key, span) = match part {
            Part::ReaderSchema => (keys::AVRO_READER_SCHEMA.name, &reader_schema.span),
            _ => (keys::VALIDATE_JSON_SCHEMA.name, &validate.span),
        };
        reader.mistakes.push(Mistake::new(format!("`{key}`: {message}"), help).at(span.clone()));
    }
}

/// The name that a process has on every start: the broker lets a consumer of the same name take over.
///
/// One consumer at a time reads an Exclusive or Failover subscription, so that any process may go on under the same
/// name; of the other types there may be one a host.
fn consumer_name(connector: &str, host: &str, subscription_type: SubscriptionType) -> String {
    match subscription_type {
        SubscriptionType::Exclusive | SubscriptionType::Failover => connector.to_owned(),
        SubscriptionType::Shared | SubscriptionType::KeyShared => format!("{connector}-{host}"),
    }
}

fn needs_dead_letter_topic(reader: &mut MappingReader<'_>, settings: &MappingSettings, core: &ConnectorConfig) {
    let (because, span) = if settings.on_invalid_record == OnInvalidRecord::DeadLetter {
        (keys::ON_INVALID_RECORD.name, reader.find(&keys::ON_INVALID_RECORD).and_then(|value| value.span.clone()))
    } else if core.on_retries_exhausted == OnRetriesExhausted::DeadLetter {
        (keys::ON_RETRIES_EXHAUSTED.name, None)
    } else {
        return;
    };
    let message = format!("`{because} = \"dead_letter\"` needs a `dead_letter_topic` in {}", reader.table.title());
    let help = "add `dead_letter_topic = \"/namespace/name\"`";
    let at_header = reader.table.mistake(message.clone(), help);
    reader.mistakes.push(if span.is_some() { Mistake::new(message, help).at(span) } else { at_header });
}

impl<'r> MappingReader<'r> {
    fn find(&mut self, key: &Key) -> Option<&'r Value> {
        let found = table::find(&mut [(Home::Mapping, &mut self.table)], key, self.mistakes).map(|entry| &entry.value);
        found.or_else(|| self.defaults.iter().find(|(name, _)| *name == key.name).map(|(_, value)| value))
    }

    fn given<T, E: Into<Mistakes>>(&mut self, key: &Key, read: impl FnOnce(&Value) -> Result<T, E>) -> Given<T> {
        let found = self.find(key);
        Given::read(key, found, self.mistakes, read)
    }

    fn text(&mut self, key: &Key) -> Given<String> {
        self.given(key, |value| check::text(key, value))
    }

    fn milliseconds(&mut self, key: &Key, setting: &mut Duration) {
        let mut milliseconds = setting.as_millis();
        self.number(key, &mut milliseconds);
        *setting = Duration::from_millis(u64::try_from(milliseconds).unwrap_or(u64::MAX));
    }

    fn number<T: TryFrom<u64>>(&mut self, key: &Key, setting: &mut T) {
        if let Some(number) = self.optional(key) {
            *setting = number;
        }
    }

    /// A number, which has no default.
    fn optional<T: TryFrom<u64>>(&mut self, key: &Key) -> Option<T> {
        // The key's range lies within the type's, so that the conversion cannot fail.
        self.given(key, |value| check::number(key, value)).value.and_then(|number| T::try_from(number).ok())
    }

    fn word<T: Setting>(&mut self, key: &Key, setting: &mut T) {
        if let Some(word) = self.given(key, T::read).value {
            *setting = word;
        }
    }
}
