//! The ClickHouse server, over its HTTP interface.

use std::{
    collections::{BTreeMap, HashMap},
    io::{self, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use danube_sink::{RecordId, TargetFailure, config::Mapping, prelude::*};
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
    answer::{Failure, foreign, judged},
    column::Columns,
    row::{Lines, Rows},
    schema::new_table,
    table::Table,
};

/// The client closes idle connections before servers do, after 3 seconds or more.
const IDLE: Duration = Duration::from_secs(2);

/// A server that has answered.
pub(super) struct Server {
    client: Client,
    database: String,
    gzip: Compression,
    /// Whether it has the setting `async_insert`.
    has_async_inserts: bool,
    /// Whether it has the setting `insert_deduplication_token`.
    has_tokens: bool,
    /// Its time zone, which applies to columns without one.
    zone: String,
    /// The last known columns of each table.
    columns: Mutex<HashMap<String, Arc<Columns>>>,
}

impl Server {
    /// The HTTP client's settings for ClickHouse.
    pub(super) fn client_builder() -> reqwest::ClientBuilder {
        // HTTP/2 has no chunks that a proxy could pass on.
        reqwest::Client::builder().http1_only().pool_idle_timeout(IDLE)
    }

    /// Connects, and reads the server's features and time zone.
    pub(super) async fn connect(client: Client, database: &str, gzip_level: u32) -> ConnectorResult<Self> {
        let mut server = Self {
            client,
            database: database.to_owned(),
            gzip: Compression::new(gzip_level),
            has_async_inserts: false,
            has_tokens: false,
            zone: String::new(),
            columns: Mutex::default(),
        };
        let known = "SELECT name FROM system.settings WHERE name IN ('async_insert', 'insert_deduplication_token') \
                     UNION ALL SELECT concat('time zone ', timezone())";
        let known = server.query(known).await.map_err(|failure| {
            failure.at_start(&format!(
                "connect to ClickHouse at {}; `url` in the configuration is its address, and \
                 connectors/clickhouse/install-servers installs a server",
                server.client.url()
            ))
        })?;
        server.has_async_inserts = known.contains("async_insert");
        server.has_tokens = known.contains("insert_deduplication_token");
        server.zone = known.lines().find_map(|line| line.strip_prefix("time zone ")).unwrap_or_default().to_owned();
        Ok(server)
    }

    /// Whether its version is before 21.11, which has asynchronous inserts and the extended range of `Date`.
    pub(super) fn is_old(&self) -> bool {
        !self.has_async_inserts
    }

    /// Checks at start that rows can be inserted into a table. A missing table is created if the mapping has `create`.
    ///
    /// # Errors
    /// The error of the failure's class, with the step that failed.
    pub(crate) async fn prepare(&self, mapping: &Mapping<Table>, config: &ConnectorConfig) -> ConnectorResult<()> {
        let table = &mapping.own;
        let name = &table.table;
        let described = match (self.describe(table).await, &table.create) {
            // A user without the privilege to create tables may write to an existing one.
            (Err(Failure { code: Some(60), .. }), Some(create)) => {
                let columns = new_table(mapping, create.columns.as_ref(), config, self.is_old()).await?;
                let created = self.query(&create.statement(name, &columns)).await;
                created.map_err(|failure| failure.at_start(&format!("create the table {name}")))?;
                self.describe(table).await
            }
            (described, _) => described,
        };
        let columns = described.map_err(|failure| failure.at_start(&format!("describe the table {name}")))?;
        let inserted = self.try_insert(table).await;
        inserted.map_err(|failure| failure.at_start(&format!("insert into the table {name}")))?;
        let metadata = self.rows(table, &columns).hold_metadata();
        metadata
            .map_err(|reason| TargetFailure::Misconfigured.at_start(format!("metadata in the table {name}: {reason}")))
    }

    /// The answer to a statement that has no rows.
    pub(super) async fn query(&self, statement: &str) -> Result<String, Failure> {
        let what = "run a statement";
        let request = self.post(BTreeMap::new()).body(statement.to_owned());
        let answer = self.client.send(what, request).await.map_err(|error| Failure::without_answer(&error))?;
        Ok(judged(what, answer, None)?.text)
    }

    /// Reads the columns of a table.
    pub(super) async fn describe(&self, table: &Table) -> Result<Arc<Columns>, Failure> {
        let described = self.query(&table.describe_statement()).await?;
        self.read(table, described)
    }

    fn read(&self, table: &Table, described: String) -> Result<Arc<Columns>, Failure> {
        let columns = Columns::read(described, table.setting("session_timezone").unwrap_or(&self.zone));
        let message = "the answer to DESCRIBE TABLE is not from ClickHouse; correct `url`";
        let foreign = || Failure { class: TargetFailure::NotReady, code: None, message: message.to_owned() };
        let columns = Arc::new(columns.ok_or_else(foreign)?);
        self.known().insert(table.table.clone(), Arc::clone(&columns));
        Ok(columns)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Arc<Columns>>> {
        self.columns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The conversion of records to rows of a table with these columns.
    pub(super) fn rows<'t>(&self, table: &'t Table, columns: &'t Columns) -> Rows<'t> {
        Rows::new(table, columns, table.rules(self.is_old()))
    }

    /// Inserts no rows, to check the table, columns, settings and privileges.
    pub(super) async fn try_insert(&self, table: &Table) -> Result<(), Failure> {
        // A request without a body would have no length.
        self.send(table, &[], b"\n".to_vec(), None).await
    }

    /// Inserts a row for each record that a row can be made of.
    ///
    /// # Errors
    /// A partial failure with the other records, or the error of the failure's class.
    pub(super) async fn insert(&self, table: &Table, records: &[SinkRecord]) -> ConnectorResult<()> {
        let mut columns = self.known().get(&table.table).cloned().unwrap_or_default();
        // Rows are made at the same time, for the columns that the table most likely still has.
        let statement = table.describe_statement();
        let making = async { self.rows(table, &columns).of(records) };
        let (described, mut rows) = join(self.query(&statement), making).await;
        let described = described.map_err(Failure::running)?;
        if !columns.is_current(&described) {
            columns = self.read(table, described).map_err(Failure::running)?;
            rows = self.rows(table, &columns).of(records);
        }
        if self.add_columns(table, &columns, records).await.map_err(Failure::running)? {
            columns = self.describe(table).await.map_err(Failure::running)?;
            rows = self.rows(table, &columns).of(records);
        }
        let Lines { lines, records, rejected } = rows?;
        if !records.is_empty() {
            self.send(table, &records, lines, Some(&columns)).await.map_err(Failure::running)?;
        }
        rejected.into_result()
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
        // A server detects that a chunked request is truncated.
        insert = insert.header(TRANSFER_ENCODING, "chunked").body(body);
        let answer = self.client.send(what, insert).await.map_err(|error| Failure::without_answer(&error))?;
        let answer = judged(what, answer, columns)?;
        if answer.text.is_empty() {
            return Ok(());
        }
        // A successful insert has an empty answer.
        let (class, message) = foreign(&answer, columns.is_some());
        Err(Failure { class, code: None, message: format!("{what}: {message}") })
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
            ("input_format_skip_unknown_fields", digit(table.on_new_field == OnNewField::Ignore)),
        ]);
        if self.has_async_inserts {
            settings.insert("async_insert", digit(false));
        }
        if !self.has_tokens {
            // A server without tokens deduplicates by content: equal batches would be one, unless each row has an id.
            settings.insert("insert_deduplicate", digit(table.metadata.contains(Metadata::Id)));
        } else if !records.is_empty() {
            settings.insert("insert_deduplication_token", RecordId::of_batch(records));
        }
        settings.extend(table.settings.iter().flatten().map(|(name, value)| (name.as_str(), value.clone())));
        settings
    }
}
