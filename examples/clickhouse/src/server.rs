//! The server, over HTTP.

use std::{
    collections::{BTreeMap, HashMap},
    io::{self, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use danube_sink::{RecordId, TargetFailure, prelude::*};
use danube_sink_http::{
    Client,
    reqwest::{
        self, Method, RequestBuilder,
        header::{CONTENT_ENCODING, TRANSFER_ENCODING},
    },
};
use flate2::{Compression, write::GzEncoder};
use futures_util::future::join;

use super::{
    Clickhouse, Table,
    answer::{Failure, foreign, judged},
    column::Columns,
    row::Rows,
};

/// Servers close a connection that was idle for 3 seconds, or more.
const IDLE: Duration = Duration::from_secs(2);

/// A server that has answered.
pub(super) struct Server {
    client: Client,
    database: String,
    gzip: Compression,
    /// Whether it knows the settings of these names, which came later than JSONEachRow.
    has_async_inserts: bool,
    has_tokens: bool,
    /// Its time zone, which columns have that name none.
    zone: String,
    /// The columns of each table, as they were last time.
    columns: Mutex<HashMap<String, Arc<Columns>>>,
}

impl Server {
    pub(super) async fn connect(connector: &Clickhouse, write_timeout: Duration) -> ConnectorResult<Self> {
        // HTTP/2 has no chunks that a proxy could hand on.
        let builder = reqwest::Client::builder().http1_only().pool_idle_timeout(IDLE);
        let mut server = Self {
            // The log is to say what took too long.
            client: connector.api.client(builder, connector.password.as_ref(), write_timeout * 9 / 10)?,
            database: connector.database.clone(),
            gzip: Compression::new(connector.gzip_level),
            has_async_inserts: false,
            has_tokens: false,
            zone: String::new(),
            columns: Mutex::default(),
        };
        let known = "SELECT name FROM system.settings WHERE name IN ('async_insert', 'insert_deduplication_token') \
                     UNION ALL SELECT concat('time zone ', timezone())";
        let known = server.query(known).await.map_err(|failure| {
            failure.at_start(&format!(
                "ask ClickHouse at {}; `url` in the configuration says where it is, and examples/clickhouse/install-servers \
                 installs one",
                connector.api.url
            ))
        })?;
        server.has_async_inserts = known.contains("async_insert");
        server.has_tokens = known.contains("insert_deduplication_token");
        server.zone = known.lines().find_map(|line| line.strip_prefix("time zone ")).unwrap_or_default().to_owned();
        Ok(server)
    }

    /// The answer to a statement that has no rows.
    pub(super) async fn query(&self, statement: &str) -> Result<String, Failure> {
        let what = "run a statement";
        let request = self.post(BTreeMap::new()).body(statement.to_owned());
        let answer = self.client.send(what, request).await.map_err(|error| Failure::without_answer(&error))?;
        Ok(judged(what, answer, None)?.text)
    }

    /// Asks which columns a table has, and keeps them.
    pub(super) async fn describe(&self, table: &Table) -> Result<Arc<Columns>, Failure> {
        let described = self.query(&table.describe_statement()).await?;
        self.read(table, described)
    }

    fn read(&self, table: &Table, described: String) -> Result<Arc<Columns>, Failure> {
        let columns = Columns::read(described, table.setting("session_timezone").unwrap_or(&self.zone));
        let message = "DESCRIBE TABLE has no answer of ClickHouse; `url` says where it is";
        let foreign = || Failure { class: TargetFailure::NotReady, code: None, message: message.to_owned() };
        let columns = Arc::new(columns.ok_or_else(foreign)?);
        self.known().insert(table.table.clone(), Arc::clone(&columns));
        Ok(columns)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Arc<Columns>>> {
        self.columns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How records become rows of a table with these columns.
    pub(super) fn rows<'t>(&self, table: &'t Table, columns: &'t Columns) -> Rows<'t> {
        // `Date` was extended in the year in which asynchronous inserts came.
        Rows::new(table, columns, table.rules(!self.has_async_inserts))
    }

    /// Without rows it tells whether table, columns, settings and rights are as an insert needs them.
    pub(super) async fn try_insert(&self, table: &Table) -> Result<(), Failure> {
        // A request without a body would have no length.
        self.send(table, &[], b"\n".to_vec(), None).await
    }

    /// Returns when the table has a row of each record.
    pub(super) async fn insert(&self, table: &Table, records: &[SinkRecord]) -> ConnectorResult<()> {
        let mut columns = self.known().get(&table.table).cloned().unwrap_or_default();
        // The rows are made meanwhile, for the columns that the table most likely still has.
        let statement = table.describe_statement();
        let making = async { self.rows(table, &columns).of(records) };
        let (described, mut rows) = join(self.query(&statement), making).await;
        let described = described.map_err(Failure::running)?;
        if !columns.is_current(&described) {
            columns = self.read(table, described).map_err(Failure::running)?;
            rows = self.rows(table, &columns).of(records);
        }
        self.send(table, records, rows?, Some(&columns)).await.map_err(Failure::running)
    }

    async fn send(
        &self,
        table: &Table,
        records: &[SinkRecord],
        mut body: Vec<u8>,
        columns: Option<&Columns>,
    ) -> Result<(), Failure> {
        let what = "insert rows";
        let mut parameters = self.settings(table, records);
        parameters.insert("query", table.insert_statement(!records.is_empty()));
        let mut insert = self.post(parameters);
        if self.gzip.level() > 0 {
            body = self.compressed(&body).fatal("compress rows").map_err(|error| Failure::without_answer(&error))?;
            insert = insert.header(CONTENT_ENCODING, "gzip");
        }
        // Of a request in chunks, a server knows that it was cut.
        insert = insert.header(TRANSFER_ENCODING, "chunked").body(body);
        let answer = self.client.send(what, insert).await.map_err(|error| Failure::without_answer(&error))?;
        let answer = judged(what, answer, columns)?;
        if answer.text.is_empty() {
            return Ok(());
        }
        // An insert has nothing to say.
        let (class, said) = foreign(&answer, columns.is_some());
        Err(Failure { class, code: None, message: format!("{what}: {said}") })
    }

    fn compressed(&self, rows: &[u8]) -> io::Result<Vec<u8>> {
        let mut encoder = GzEncoder::new(Vec::new(), self.gzip);
        encoder.write_all(rows)?;
        encoder.finish()
    }

    fn post(&self, parameters: BTreeMap<&str, String>) -> RequestBuilder {
        let mut url = self.client.url().clone();
        url.query_pairs_mut().append_pair("database", &self.database).extend_pairs(parameters);
        self.client.request(Method::POST, url)
    }

    fn settings<'t>(&self, table: &'t Table, records: &[SinkRecord]) -> BTreeMap<&'t str, String> {
        let digit = |setting: bool| u8::from(setting).to_string();
        let mut settings = BTreeMap::from([
            ("date_time_input_format", "best_effort".to_owned()),
            ("input_format_skip_unknown_fields", digit(table.skip_unknown_fields)),
        ]);
        if self.has_async_inserts {
            settings.insert("async_insert", digit(false));
        }
        if !self.has_tokens {
            // A server that knows rows by their content alone takes two equal batches for one, unless each row has an id.
            settings.insert("insert_deduplicate", digit(table.metadata.contains(&Metadata::Id)));
        } else if !records.is_empty() {
            settings.insert("insert_deduplication_token", RecordId::of_batch(records));
        }
        settings.extend(table.settings.iter().flatten().map(|(name, value)| (name.as_str(), value.clone())));
        settings
    }
}
