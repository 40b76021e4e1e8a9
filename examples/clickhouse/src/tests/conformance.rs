//! The connector in everything that happens to connectors.

use danube_sink::testing::{Prepared, Subject, conforms, from_toml};

use super::{Clickhouse, Process};

/// A table of a server of its own.
struct Table {
    server: Process,
    mapping: &'static str,
    idempotent: bool,
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
        let with_final = if self.idempotent { "FINAL" } else { "" };
        let numbers = self.server.ask(&format!("SELECT number FROM t {with_final}"));
        numbers.lines().map(|number| number.parse().expect("a number")).collect()
    }

    fn idempotent(&self) -> bool {
        self.idempotent
    }

    async fn take_away(&self) -> bool {
        self.server.down("KILL");
        true
    }

    async fn give_back(&self) {
        self.server.up();
    }
}

/// The id of each record is the key of its row.
#[tokio::test(flavor = "multi_thread")]
async fn it_conforms_with_rows_that_replace_their_like() {
    let mapping = "columns = { number = '/number' }\nmetadata = ['id']\n\
                   create = { columns = { number = 'UInt64', id = 'String' }, engine = 'ReplacingMergeTree', order_by = 'id' }";
    conforms(Table { server: Process::start(), mapping, idempotent: true }).await.assert();
}

/// The payload is the row, and the server says what is none.
#[tokio::test(flavor = "multi_thread")]
async fn it_conforms_with_payloads_as_they_are() {
    let mapping = "create = { columns = { number = 'UInt64', text = 'String' }, order_by = 'number' }";
    conforms(Table { server: Process::start(), mapping, idempotent: false }).await.assert();
}
