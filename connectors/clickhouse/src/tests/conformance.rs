//! The conformance kit.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use danube_sink::testing::{Prepared, Subject, conforms, from_toml};

use super::{Clickhouse, Engine, Process};

/// Numbers from here on are those of keys with versions.
const KEYS: u64 = 1_000_000;

/// A table of a server of its own.
struct Table {
    server: Process,
    mapping: &'static str,
    idempotent: bool,
    /// Whether the key of a row is its number, so that a later row replaces it.
    replaces: bool,
    is_renamed: AtomicBool,
}

impl Table {
    fn of(engine: Engine, mapping: &'static str) -> Self {
        let (server, is_renamed) = (Process::start_of(engine), AtomicBool::default());
        Self { server, mapping, idempotent: true, replaces: false, is_renamed }
    }

    fn ask(&self, columns: &str, condition: &str) -> String {
        let table = if self.is_renamed.load(Ordering::Relaxed) { "away" } else { "t" };
        let with_final = if self.idempotent { "FINAL" } else { "" };
        self.server.ask(&format!("SELECT {columns} FROM {table} {with_final} WHERE {condition} FORMAT TSV"))
    }
}

impl Subject for Table {
    type Connector = Clickhouse;

    fn connector(&self, topic: &str, subscription: &str) -> Prepared<Clickhouse> {
        from_toml(&format!(
            "[clickhouse]\napi.url = '{}'\n\n[[clickhouse.topic_mappings]]\n\
             topic = '{topic}'\nsubscription = '{subscription}'\ntable = 't'\n{}",
            self.server.url(),
            self.mapping
        ))
    }

    fn payload(&self, number: u64) -> Vec<u8> {
        format!(r#"{{"number":{number},"text":"here"}}"#).into_bytes()
    }

    async fn held(&self) -> Vec<u64> {
        let numbers = self.ask("number", &format!("number < {KEYS} AND text = 'here'"));
        numbers.lines().map(|number| number.parse().expect("a number")).collect()
    }

    fn version(&self, key: u64, version: u64) -> Option<Vec<u8>> {
        let number = KEYS + key;
        self.replaces.then(|| format!(r#"{{"number":{number},"text":"{version}"}}"#).into_bytes())
    }

    async fn versions(&self) -> Vec<(u64, u64)> {
        let rows = self.ask("number, text", &format!("number >= {KEYS}"));
        let pair = |row: &str| {
            let (number, version) = row.split_once('\t')?;
            Some((number.parse::<u64>().ok()? - KEYS, version.parse().ok()?))
        };
        rows.lines().filter_map(pair).collect()
    }

    /// Servers of other tests use the same machine.
    fn patience(&self) -> Duration {
        Duration::from_secs(60)
    }

    fn idempotent(&self) -> bool {
        self.idempotent
    }

    async fn take_away(&self) -> bool {
        self.server.down("KILL");
        true
    }

    async fn refuse_all(&self) -> bool {
        self.server.ask("RENAME TABLE t TO away");
        self.is_renamed.store(true, Ordering::Relaxed);
        true
    }

    async fn give_back(&self) {
        if self.is_renamed.swap(false, Ordering::Relaxed) {
            self.server.ask("RENAME TABLE away TO t");
        } else {
            self.server.up();
        }
    }
}

/// The id of each record is the key of its row.
#[tokio::test(flavor = "multi_thread")]
async fn it_conforms_with_the_ids_of_records_as_keys() {
    let mapping = "columns = { number = '/number', text = '/text' }\nmetadata = ['id']\n\
                   create = { columns = { number = 'UInt64', text = 'String', id = 'String' }, \
                   engine = 'ReplacingMergeTree', order_by = 'id' }";
    conforms(Table::of(Engine::Old, mapping)).await.assert();
}

/// A later row replaces an earlier one.
#[tokio::test(flavor = "multi_thread")]
async fn it_conforms_with_rows_that_replace_earlier_ones_in_a_current_engine() {
    let mapping = "create = { columns = { number = 'UInt64', text = 'String' }, engine = 'ReplacingMergeTree', \
                   order_by = 'number' }";
    conforms(Table { replaces: true, ..Table::of(Engine::Current, mapping) }).await.assert();
}

#[cfg(feature = "arrow")]
#[tokio::test(flavor = "multi_thread")]
async fn it_conforms_with_rows_as_arrow_in_a_current_engine() {
    let mapping = "format = 'arrow_stream'\ncreate = { columns = { number = 'UInt64', text = 'String' }, \
                   engine = 'ReplacingMergeTree', order_by = 'number' }";
    conforms(Table { replaces: true, ..Table::of(Engine::Current, mapping) }).await.assert();
}

/// The payload is the row, and an older server.
#[tokio::test(flavor = "multi_thread")]
async fn it_conforms_with_payloads_as_they_are() {
    let mapping = "create = { columns = { number = 'UInt64', text = 'String' }, order_by = 'number' }";
    conforms(Table { idempotent: false, ..Table::of(Engine::Old, mapping) }).await.assert();
}
