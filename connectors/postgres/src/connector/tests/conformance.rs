//! The conformance kit.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use danube_sink::testing::{Prepared, Subject, conforms};
use tokio_postgres::Client;

use super::{
    Postgres, configured,
    server::{PostgresServer, Program},
};

/// A table, written to in one mode.
struct Rows {
    server: PostgresServer,
    mapping: &'static str,
    idempotent: bool,
    is_stopped: AtomicBool,
}

impl Rows {
    /// Whether a later record replaces an earlier one.
    fn replaces(&self) -> bool {
        self.mapping.contains("mode = ")
    }

    /// A connection for each call, since the server is stopped and started.
    async fn sql(&self) -> Client {
        self.server.client().await
    }
}

impl Subject for Rows {
    type Connector = Postgres;

    fn connector(&self, topic: &str, subscription: &str) -> Prepared<Postgres> {
        configured(&self.server, topic, &format!("subscription = '{subscription}'\n{}", self.mapping))
    }

    fn payload(&self, number: u64) -> Vec<u8> {
        format!(r#"{{"op":"insert","number":{number}}}"#).into_bytes()
    }

    async fn held(&self) -> Vec<u64> {
        let query =
            if self.replaces() { "SELECT number FROM rows WHERE version IS NULL" } else { "SELECT number FROM rows" };
        let rows = self.sql().await.query(query, &[]).await.expect("the table");
        rows.iter().map(|row| row.get::<_, i64>(0).unsigned_abs()).collect()
    }

    fn idempotent(&self) -> bool {
        self.idempotent
    }

    /// Servers of other tests use the same machine.
    fn patience(&self) -> Duration {
        Duration::from_secs(90)
    }

    async fn take_away(&self) -> bool {
        self.server.stop("immediate");
        self.is_stopped.store(true, Ordering::Relaxed);
        true
    }

    async fn refuse_all(&self) -> bool {
        self.sql().await.batch_execute("ALTER TABLE rows RENAME TO away").await.expect("the table");
        true
    }

    fn version(&self, key: u64, version: u64) -> Option<Vec<u8>> {
        self.replaces().then(|| format!(r#"{{"op":"update","number":{key},"version":{version}}}"#).into_bytes())
    }

    async fn versions(&self) -> Vec<(u64, u64)> {
        let query = "SELECT number, version FROM rows WHERE version IS NOT NULL";
        let rows = self.sql().await.query(query, &[]).await.expect("the table");
        rows.iter().map(|row| [0, 1].map(|column| row.get::<_, i64>(column).unsigned_abs()).into()).collect()
    }

    async fn give_back(&self) {
        if self.is_stopped.swap(false, Ordering::Relaxed) {
            self.server.start_again();
        }
        self.sql().await.batch_execute("ALTER TABLE IF EXISTS away RENAME TO rows").await.expect("the table");
    }
}

async fn conform(table: &str, mapping: &'static str, idempotent: bool) {
    let rows = Rows {
        server: PostgresServer::start(Program::Postgresql),
        mapping,
        idempotent,
        is_stopped: AtomicBool::default(),
    };
    rows.sql().await.batch_execute(&format!("CREATE TABLE rows ({table})")).await.expect("a table");
    conforms(rows).await.assert();
}

#[tokio::test(flavor = "multi_thread")]
async fn append_conforms() {
    conform("number bigint NOT NULL", "table = 'rows'\ncolumns = { number = '/number' }", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn append_with_the_records_id_as_key_conforms_and_is_idempotent() {
    let mapping = "table = 'rows'\ncolumns = { number = '/number' }\nmetadata = ['id']\nkey = ['id']";
    conform("number bigint NOT NULL, id text UNIQUE", mapping, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn upsert_conforms() {
    let mapping =
        "table = 'rows'\nmode = 'upsert'\nkey = ['number']\ncolumns = { number = '/number', version = '/version' }";
    conform("number bigint PRIMARY KEY, version bigint", mapping, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cdc_conforms() {
    let mapping = "table = 'rows'\nmode = 'cdc'\noperation = '/op'\nkey = ['number']\ncolumns = { number = '/number', version = '/version' }";
    conform("number bigint PRIMARY KEY, version bigint", mapping, true).await;
}
