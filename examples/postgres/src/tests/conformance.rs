//! The connector in everything that happens to connectors.

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
}

impl Rows {
    /// A connection for each call: the server comes and goes.
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
        let rows = self.sql().await.query("SELECT number FROM rows", &[]).await.expect("the table");
        rows.iter().map(|row| row.get::<_, i64>(0).unsigned_abs()).collect()
    }

    fn idempotent(&self) -> bool {
        self.idempotent
    }

    async fn take_away(&self) -> bool {
        self.server.stop("immediate");
        true
    }

    async fn give_back(&self) {
        self.server.go_on();
    }
}

async fn conform(table: &str, mapping: &'static str, idempotent: bool) {
    let rows = Rows { server: PostgresServer::start(Program::Postgresql), mapping, idempotent };
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
    let mapping = "table = 'rows'\nmode = 'upsert'\nkey = ['number']\ncolumns = { number = '/number' }";
    conform("number bigint PRIMARY KEY", mapping, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cdc_conforms() {
    let mapping = "table = 'rows'\nmode = 'cdc'\noperation = '/op'\nkey = ['number']\ncolumns = { number = '/number', op = '/op' }";
    conform("number bigint PRIMARY KEY, op text", mapping, true).await;
}
