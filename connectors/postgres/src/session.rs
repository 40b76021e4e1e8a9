//! The connection to the server, and the transactions on it.
//!
//! A connection pooler in transaction mode gives each transaction another session of the server. So no state is kept in a
//! session: settings that a statement depends on are set in its transaction with `SET LOCAL`, and no statement is named.

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

use super::{
    endpoint::{Host, PATIENCE},
    failure::Failure,
};

/// Settings that values are read by, independent of the defaults of the database and the role.
const SETTINGS: &str = "SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, MDY'; SET LOCAL IntervalStyle = 'postgres'; \
                        SET LOCAL extra_float_digits = 1; SET LOCAL array_nulls = on";

/// One connection, opened on demand, and reopened when it is lost or its server no longer accepts writes.
///
/// With several connections, a statement that was given up could overtake a later one.
pub(crate) struct Session {
    /// Hosts in the order in which they are tried.
    hosts: Vec<Host>,
    tls: MakeRustlsConnect,
    write_timeout: Duration,
    connection: Mutex<Option<Connection>>,
}

/// An unnamed statement and its parameters with their types: one round trip.
pub(crate) struct Statement<'s> {
    pub(crate) text: &'s str,
    pub(crate) parameters: &'s [(&'s (dyn ToSql + Sync), Type)],
}

/// A connection, closed when it is dropped: the server then rolls back an open transaction.
struct Connection {
    client: Client,
    task: AbortHandle,
}

/// When the server cancels a statement, and when the client stops waiting for its answer.
#[derive(Clone, Copy)]
struct Deadline {
    of_server: Instant,
    of_answer: Instant,
}

impl Session {
    pub(crate) fn new(hosts: Vec<Host>, tls: MakeRustlsConnect, write_timeout: Duration) -> Self {
        Self { hosts, tls, write_timeout, connection: Mutex::default() }
    }

    /// The names of the hosts, for error messages.
    pub(crate) fn server(&self) -> String {
        self.hosts.iter().map(|host| host.name.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// Runs the statements in one transaction, within `write_timeout`.
    ///
    /// The commit is sent only when every statement is answered, so that a write that was given up is never committed later.
    pub(crate) async fn transaction(&self, statements: &[Statement<'_>]) -> Result<(), Failure> {
        let deadline = self.deadline();
        let (mut slot, connection) = self.take_connection(deadline.of_answer).await?;
        let answer = timeout_at(deadline.of_answer, connection.transaction(statements, deadline)).await;
        let failure = match answer {
            Ok(Ok(())) => {
                *slot = Some(connection);
                return Ok(());
            }
            Ok(Err(error)) => Failure::from(error),
            Err(_) => Failure::NoAnswer(self.write_timeout),
        };
        if failure.leaves_session_intact()
            && let Ok(Ok(())) = timeout_at(deadline.of_answer, connection.client.batch_execute("ROLLBACK")).await
        {
            *slot = Some(connection);
        }
        Err(failure)
    }

    /// The rows of a query, whose columns have built-in types.
    pub(crate) async fn rows(&self, query: Statement<'_>) -> Result<Vec<Row>, Failure> {
        let deadline = self.deadline();
        let (mut slot, connection) = self.take_connection(deadline.of_answer).await?;
        match timeout_at(deadline.of_answer, connection.rows(query, deadline)).await {
            Ok(Ok(rows)) => {
                *slot = Some(connection);
                Ok(rows)
            }
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(Failure::NoAnswer(self.write_timeout)),
        }
    }

    /// Runs statements without parameters in one transaction without a time limit.
    pub(crate) async fn define(&self, statements: &str) -> Result<(), Failure> {
        let (mut slot, connection) = self.take_connection(Instant::now() + PATIENCE).await?;
        // Connectors that start at the same time take turns; the lock's number is "danube" in ASCII.
        let alone = "BEGIN; SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock(110369627791973)";
        connection.client.batch_execute(&format!("{alone}; {statements}; COMMIT")).await?;
        *slot = Some(connection);
        Ok(())
    }

    fn deadline(&self) -> Deadline {
        let now = Instant::now();
        // The server cancels a statement first and reports it; the runtime gives the batch up after both.
        Deadline { of_server: now + self.write_timeout * 9 / 10, of_answer: now + self.write_timeout * 19 / 20 }
    }

    /// Takes the connection out of its slot: a caller that is dropped halfway closes it.
    async fn take_connection(
        &self,
        deadline: Instant,
    ) -> Result<(MutexGuard<'_, Option<Connection>>, Connection), Failure> {
        let mut slot = self.connection.lock().await;
        let connection = match slot.take().filter(|connection| !connection.client.is_closed()) {
            Some(connection) => connection,
            None => self.connect(deadline).await?,
        };
        Ok((slot, connection))
    }

    /// Tries the hosts in order; each gets a share of the time, so that one that hangs does not block the next.
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
            // Both are sent at once: if the first fails, the second fails as well.
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

    /// The remaining time as the server's limits. `lock_timeout` is shorter, to distinguish a lock from a statement that has too much
    /// to do.
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

/// Leaves out the configuration, which contains the password.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("hosts", &self.hosts.len()).finish_non_exhaustive()
    }
}
