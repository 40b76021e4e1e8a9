//! Reads the core settings: the keys at the root, in `[processing]` and in `[retry]`.

use std::time::Duration;

use crate::{
    beyond::Beyond,
    file::environment::{self, Environment},
    file::value::{Content, Table, Value},
    read::check,
    read::connection,
    read::keys::{self, Home, Key},
    read::table::{self, Given, TableReader},
    report::mistake::{Mistake, Mistakes},
    setting::Setting,
    settings::ConnectorConfig,
};

/// How messages name the root.
pub(crate) const TITLE: &str = "the root of the file";

static NO_KEYS: Table = Table { span: None, entries: Vec::new() };

/// Reads the core settings. What is wrong is among the `mistakes`; what is returned then holds a default in its place.
///
/// `package` names the connector if neither the file nor the environment does. Certificates and token are looked at only
/// for a destination that they are for.
pub(crate) fn read(
    root: &mut TableReader<'_>,
    environment: &dyn Environment,
    package: Option<&str>,
    beyond: Beyond,
    mistakes: &mut Mistakes,
) -> ConnectorConfig {
    let mut processing = sub_table(root, "processing", Home::Processing, mistakes);
    let mut retry = sub_table(root, "retry", Home::Retry, mistakes);
    let mut tables = Tables { root, processing: &mut processing, retry: &mut retry, environment, mistakes };

    let url = tables.text(&keys::SERVICE_URL, Some(environment::SERVICE_URL));
    let name = tables.text(&keys::CONNECTOR_NAME, Some(environment::NAME));
    let (no_url, no_name) = (!url.present, !name.present && package.is_none());
    let name = name.value.or(package.map(Into::into));
    let mut core = ConnectorConfig::new(url.value.clone().unwrap_or_default(), name.unwrap_or_default());
    tables.number(&keys::BATCH_SIZE, &mut core.batch_size);
    tables.number(&keys::BATCH_BYTES, &mut core.batch_bytes);
    tables.milliseconds(&keys::FLUSH_INTERVAL, &mut core.flush_interval);
    tables.milliseconds(&keys::WRITE_TIMEOUT, &mut core.write_timeout);
    tables.milliseconds(&keys::ACK_TIMEOUT, &mut core.ack_timeout);
    core.max_unacked_messages = tables.optional(&keys::MAX_UNACKED);
    tables.word(&keys::CREATE_TOPICS, &mut core.create_topics);
    tables.number(&keys::MAX_RETRIES, &mut core.max_retries);
    tables.milliseconds(&keys::RETRY_BACKOFF, &mut core.retry_backoff);
    tables.milliseconds(&keys::MAX_BACKOFF, &mut core.max_backoff);
    tables.word(&keys::ON_RETRIES_EXHAUSTED, &mut core.on_retries_exhausted);
    tables.word(&keys::ON_MASS_REFUSAL, &mut core.on_mass_refusal);
    tables.number(&keys::TASKS, &mut core.tasks);
    tables.number(&keys::MAX_BUFFERED_BYTES, &mut core.max_buffered_bytes);
    tables.milliseconds(&keys::SHUTDOWN_TIMEOUT, &mut core.shutdown_timeout);
    tables.number(&keys::METRICS_PORT, &mut core.metrics_port);
    if let Some(address) = tables.given(&keys::METRICS_ADDRESS, check::address).value {
        core.metrics_address = address;
    }
    if let Some(level) = tables.text(&keys::LOG_LEVEL, None).value {
        core.log_level = level;
    }
    tables.word(&keys::LOG_FORMAT, &mut core.log_format);
    tables.check_together(&core);
    connection::read(&mut tables, &url, beyond.destination, &mut core);

    for key in keys::UNUSED_PROCESSING {
        if let Some(entry) = processing.take(key) {
            let note = format!("`{key}` in `[processing]` has no effect: the runtime finds it out by itself");
            mistakes.note(note, &entry.key_span);
        }
    }
    if no_name {
        root.missing(keys::CONNECTOR_NAME.name, "add `connector_name = \"…\"`, or set the variable CONNECTOR_NAME");
    }
    if no_url {
        root.missing(
            keys::SERVICE_URL.name,
            "add `danube_service_url = \"http://localhost:6650\"`, or set the variable DANUBE_SERVICE_URL",
        );
    }
    processing.finish(&[], mistakes);
    retry.finish(&[], mistakes);
    core
}

/// Whether the file says something for the core key of this name.
pub(crate) fn says(root: &Table, name: &str) -> bool {
    let processing = match root.get("processing").map(|entry| &entry.value.content) {
        Some(Content::Table(table)) => Some(table),
        _ => None,
    };
    let tables = [(Home::Root, Some(root)), (Home::Processing, processing)];
    keys::CORE.iter().filter(|key| key.name == name).any(|key| {
        let in_table = |(home, table): &(Home, Option<&Table>)| {
            key.names(*home).any(|name| table.is_some_and(|table| table.get(name).is_some()))
        };
        tables.iter().any(in_table)
    })
}

fn sub_table<'a>(
    root: &mut TableReader<'a>,
    name: &'static str,
    home: Home,
    mistakes: &mut Mistakes,
) -> TableReader<'a> {
    let table = match root.take(name) {
        Some(entry) => match &entry.value.content {
            Content::Table(table) => table,
            _ => {
                let help = format!("write its keys below a line `[{name}]`");
                let wrong = entry.value.unexpected("a table", &help);
                mistakes.append(Mistakes::from(wrong).of_key(name));
                &NO_KEYS
            }
        },
        None => &NO_KEYS,
    };
    TableReader::new(table, home.title())
}

/// The three tables, and what reading them needs.
pub(super) struct Tables<'r, 'a> {
    pub(super) root: &'r mut TableReader<'a>,
    processing: &'r mut TableReader<'a>,
    retry: &'r mut TableReader<'a>,
    pub(super) environment: &'r dyn Environment,
    pub(super) mistakes: &'r mut Mistakes,
}

impl<'a> Tables<'_, 'a> {
    fn find(&mut self, key: &Key) -> Option<&'a Value> {
        let mut places =
            [(Home::Root, &mut *self.root), (Home::Processing, &mut *self.processing), (Home::Retry, &mut *self.retry)];
        table::find(&mut places, key, self.mistakes).map(|entry| &entry.value)
    }

    /// What `read` makes of a key.
    pub(super) fn given<T, E: Into<Mistakes>>(
        &mut self,
        key: &Key,
        read: impl FnOnce(&Key, &Value) -> Result<T, E>,
    ) -> Given<T> {
        let found = self.find(key);
        Given::read(key, found, self.mistakes, |value| read(key, value))
    }

    /// A text, which a variable may override.
    pub(super) fn text(&mut self, key: &Key, variable: Option<&str>) -> Given<String> {
        let found = self.find(key);
        let overriding =
            variable.and_then(|name| Some((name, environment::text(self.environment, name, self.mistakes)?)));
        let Some((name, text)) = overriding else {
            return Given::read(key, found, self.mistakes, |value| check::text(key, value));
        };
        let value = Value { span: None, content: Content::Text(text) };
        let of_variable = |wrong: Mistake| Mistake { message: format!("variable {name}: {}", wrong.message), ..wrong };
        let value = self.mistakes.keep(check::text(key, &value).map_err(|wrong| of_variable(wrong).into()));
        Given { present: true, value, span: None }
    }

    fn number<T: TryFrom<u64>>(&mut self, key: &Key, setting: &mut T) {
        if let Some(number) = self.optional(key) {
            *setting = number;
        }
    }

    /// A number, which has no default.
    fn optional<T: TryFrom<u64>>(&mut self, key: &Key) -> Option<T> {
        // The key's range lies within the type's, so that the conversion cannot fail.
        self.given(key, check::number).value.and_then(|number| T::try_from(number).ok())
    }

    fn milliseconds(&mut self, key: &Key, setting: &mut Duration) {
        let mut number = u64::MAX;
        self.number(key, &mut number);
        if number != u64::MAX {
            *setting = Duration::from_millis(number);
        }
    }

    fn word<T: Setting>(&mut self, key: &Key, setting: &mut T) {
        if let Some(word) = self.given(key, |_, value| T::read(value)).value {
            *setting = word;
        }
    }

    /// What is wrong only when two keys are looked at together.
    fn check_together(&mut self, core: &ConnectorConfig) {
        let pairs = [
            (core.max_backoff < core.retry_backoff, &keys::MAX_BACKOFF, &keys::RETRY_BACKOFF),
            (core.max_buffered_bytes < core.batch_bytes, &keys::MAX_BUFFERED_BYTES, &keys::BATCH_BYTES),
        ];
        for (wrong, larger, smaller) in pairs {
            if wrong {
                let span = self.peek(larger).or_else(|| self.peek(smaller)).and_then(|value| value.span.clone());
                let message = format!("`{}` is less than `{}`", larger.name, smaller.name);
                self.mistakes
                    .push(Mistake::new(message, format!("raise `{}`{}", larger.name, larger.fallback())).at(span));
            }
        }
    }

    /// The value of a key that was reported already if it is given twice.
    fn peek(&mut self, key: &Key) -> Option<&'a Value> {
        [(Home::Root, &mut *self.root), (Home::Processing, &mut *self.processing), (Home::Retry, &mut *self.retry)]
            .into_iter()
            .find_map(|(home, reader)| key.names(home).find_map(|name| reader.take(name)))
            .map(|entry| &entry.value)
    }
}
