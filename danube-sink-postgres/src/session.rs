//! The connection to the server, and the transactions on it.
//!
//! A connection pooler in transaction mode gives each transaction another session of the server. So nothing is kept in a
//! session: what a statement depends on is set in its own transaction with `SET LOCAL`, and no statement has a name.

use std::{fmt, time::Duration};

use futures_util::future::join;
use tokio::{
    sync::{Mutex, MutexGuard},
    task::AbortHandle,
    time::{Instant, timeout, timeout_at},
};
use tokio_postgres::{
    Client, Row,
    types::{ToSql, Type},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{endpoint::Host, failure::Failure};

/// A server that does not answer for so long is unreachable.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// What values mean, whatever the database and the role set: values of records are written as these read them.
const SETTINGS: &str = "SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, MDY'; SET LOCAL IntervalStyle = 'postgres'; \
                        SET LOCAL extra_float_digits = 1; SET LOCAL array_nulls = on";

/// One connection, opened when it is first needed, and again when it is lost or its server no longer takes writes.
///
/// With more of them, a statement that the runtime gave up could overtake a later one.
pub(crate) struct Session {
    /// Hosts in the order in which they are tried.
    hosts: Vec<Host>,
    tls: MakeRustlsConnect,
    write_timeout: Duration,
    held: Mutex<Option<Connection>>,
}

/// A statement without a name, and its parameters with their types: one round trip.
pub(crate) struct Statement<'s> {
    pub(crate) text: &'s str,
    pub(crate) parameters: &'s [(&'s (dyn ToSql + Sync), Type)],
}

/// Dropped, it is closed at once: the server then rolls back what is not committed.
struct Connection {
    client: Client,
    task: AbortHandle,
}

/// When the server ends a statement by itself, and when its answer is no longer waited for.
#[derive(Clone, Copy)]
struct Deadline {
    of_server: Instant,
    of_answer: Instant,
}

impl Session {
    pub(crate) fn new(hosts: Vec<Host>, tls: MakeRustlsConnect, write_timeout: Duration) -> Self {
        Self { hosts, tls, write_timeout, held: Mutex::default() }
    }

    /// The hosts, as errors name them.
    pub(crate) fn server(&self) -> String {
        self.hosts.iter().map(|host| host.name.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// Runs the statements in one transaction, all within `write_timeout`.
    ///
    /// The commit is sent once every statement is answered: what was given up is never written later.
    pub(crate) async fn transaction(&self, statements: &[Statement<'_>]) -> Result<(), Failure> {
        let deadline = self.deadline();
        let (mut held, connection) = self.connection(deadline.of_answer).await?;
        let answer = timeout_at(deadline.of_answer, connection.transaction(statements, deadline)).await;
        let failure = match answer {
            Ok(Ok(())) => {
                *held = Some(connection);
                return Ok(());
            }
            Ok(Err(error)) => Failure::from(error),
            Err(_) => Failure::NoAnswer(self.write_timeout),
        };
        if failure.leaves_session_intact()
            && let Ok(Ok(())) = timeout_at(deadline.of_answer, connection.client.batch_execute("ROLLBACK")).await
        {
            *held = Some(connection);
        }
        Err(failure)
    }

    /// The rows of a query, whose columns are of types that every server has.
    pub(crate) async fn rows(&self, query: Statement<'_>) -> Result<Vec<Row>, Failure> {
        let deadline = self.deadline();
        let (mut held, connection) = self.connection(deadline.of_answer).await?;
        match timeout_at(deadline.of_answer, connection.rows(query, deadline)).await {
            Ok(Ok(rows)) => {
                *held = Some(connection);
                Ok(rows)
            }
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(Failure::NoAnswer(self.write_timeout)),
        }
    }

    /// Runs statements without parameters in one transaction that lasts as long as they take.
    pub(crate) async fn define(&self, statements: &str) -> Result<(), Failure> {
        let (mut held, connection) = self.connection(Instant::now() + PATIENCE).await?;
        // Connectors that start side by side run theirs one after the other; the lock's number is "danube" in ASCII.
        let alone = "BEGIN; SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock(110369627791973)";
        connection.client.batch_execute(&format!("{alone}; {statements}; COMMIT")).await?;
        *held = Some(connection);
        Ok(())
    }

    fn deadline(&self) -> Deadline {
        let now = Instant::now();
        // The server ends a statement first, and says so; the runtime gives the batch up after both.
        Deadline { of_server: now + self.write_timeout * 9 / 10, of_answer: now + self.write_timeout * 19 / 20 }
    }

    /// The connection, taken out: a caller that is dropped halfway closes it.
    async fn connection(&self, deadline: Instant) -> Result<(MutexGuard<'_, Option<Connection>>, Connection), Failure> {
        let mut held = self.held.lock().await;
        let connection = match held.take().filter(|connection| !connection.client.is_closed()) {
            Some(connection) => connection,
            None => self.connect(deadline).await?,
        };
        Ok((held, connection))
    }

    /// Tries the hosts one after the other; each gets its share of the time, so that one that hangs does not hide the next.
    async fn connect(&self, deadline: Instant) -> Result<Connection, Failure> {
        let patience = deadline.saturating_duration_since(Instant::now()).min(PATIENCE);
        let share = patience / u32::try_from(self.hosts.len()).unwrap_or(u32::MAX).max(1);
        let mut failures = Vec::new();
        for Host { name, config } in &self.hosts {
            // A host name may have several addresses.
            let mut config = config.clone();
            config.connect_timeout(share / 2);
            let failure = match timeout(share, config.connect(self.tls.clone())).await {
                Ok(Ok((client, connection))) => {
                    let task = tokio::spawn(connection).abort_handle();
                    return Ok(Connection { client, task });
                }
                Ok(Err(error)) => error.into(),
                Err(_) => Failure::NoAnswer(share),
            };
            failures.push((name.clone(), failure));
        }
        Err(Failure::NoHost(failures))
    }
}

impl Connection {
    async fn transaction(&self, statements: &[Statement<'_>], deadline: Deadline) -> Result<(), tokio_postgres::Error> {
        let mut before = deadline.begin();
        for Statement { text, parameters } in statements {
            // Both are sent at once: a statement after one that failed fails as well.
            let (set, executed) =
                join(self.client.batch_execute(&before), self.client.execute_typed(text, parameters)).await;
            set?;
            executed?;
            before = deadline.settings();
        }
        self.client.batch_execute("COMMIT").await
    }

    async fn rows(&self, query: Statement<'_>, deadline: Deadline) -> Result<Vec<Row>, tokio_postgres::Error> {
        let before = deadline.begin();
        let (set, rows) =
            join(self.client.batch_execute(&before), self.client.query_typed(query.text, query.parameters)).await;
        set?;
        let rows = rows?;
        self.client.batch_execute("COMMIT").await?;
        Ok(rows)
    }
}

impl Deadline {
    fn begin(self) -> String {
        format!("BEGIN; {SETTINGS}; {}", self.settings())
    }

    /// What is left of the time, for the statements of the server. A lock ends its wait first, so that it can be told from a
    /// statement that has too much to do.
    fn settings(self) -> String {
        let left = self.of_server.saturating_duration_since(Instant::now()).max(Duration::from_millis(2));
        let (all, lock) = (left.as_millis(), (left * 4 / 5).as_millis());
        format!(
            "SET LOCAL lock_timeout = {lock}; SET LOCAL idle_in_transaction_session_timeout = {all}; \
             SET LOCAL statement_timeout = {all}"
        )
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Without the configuration, which holds the password.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("hosts", &self.hosts.len()).finish_non_exhaustive()
    }
}
