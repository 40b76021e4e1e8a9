//! The connection to the server.
//!
//! A connection pooler in transaction mode gives each transaction another session of the server. So no state is kept in a
//! session: [`Transaction`] sets what a statement depends on.

use std::{fmt, time::Duration};

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
    transaction::{SEARCH_PATH, Transaction, limits},
};

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
pub(crate) struct Connection {
    pub(crate) client: Client,
    task: AbortHandle,
}

/// The place of the session's connection, empty while a caller has it.
pub(crate) type Slot<'s> = MutexGuard<'s, Option<Connection>>;

impl Session {
    pub(crate) fn new(hosts: Vec<Host>, tls: MakeRustlsConnect, write_timeout: Duration) -> Self {
        Self { hosts, tls, write_timeout, connection: Mutex::default() }
    }

    /// The names of the hosts, for error messages.
    pub(crate) fn server(&self) -> String {
        self.hosts.iter().map(|host| host.name.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// The deadline of a check, which belongs to no batch.
    pub(crate) fn deadline_of_check(&self) -> Instant {
        Instant::now() + self.write_timeout * 9 / 10
    }

    /// Begins a transaction that ends by the deadline.
    pub(crate) async fn begin(&self, deadline: Instant) -> Result<Transaction<'_>, Failure> {
        let (slot, connection) = self.take_connection(deadline).await?;
        Ok(Transaction::new(slot, connection, deadline))
    }

    /// The rows of a query in a transaction of its own.
    pub(crate) async fn rows(&self, query: Statement<'_>, deadline: Instant) -> Result<Vec<Row>, Failure> {
        let transaction = self.begin(deadline).await?;
        let rows = transaction.rows(query).await;
        transaction.end(rows).await
    }

    /// Runs statements without parameters in one transaction, without a time limit if there is no deadline.
    pub(crate) async fn define(&self, statements: &str, deadline: Option<Instant>) -> Result<(), Failure> {
        let connecting = deadline.unwrap_or_else(|| Instant::now() + PATIENCE);
        let (mut slot, connection) = self.take_connection(connecting).await?;
        let limits = deadline.map_or_else(|| "SET LOCAL statement_timeout = 0".to_owned(), limits);
        // Connectors that start at the same time take turns; the lock's number is "danube" in ASCII.
        let all = format!(
            "BEGIN; {SEARCH_PATH}; {limits}; SELECT pg_advisory_xact_lock(110369627791973); {statements}; COMMIT"
        );
        let defined = connection.client.batch_execute(&all);
        match deadline {
            None => defined.await?,
            Some(deadline) => {
                timeout_at(deadline, defined).await.map_err(|_| Failure::NoAnswer(self.write_timeout))??
            }
        }
        *slot = Some(connection);
        Ok(())
    }

    /// Takes the connection out of its slot: a caller that is dropped halfway closes it.
    async fn take_connection(&self, deadline: Instant) -> Result<(Slot<'_>, Connection), Failure> {
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
            config.connect_timeout(config.get_connect_timeout().map_or(share / 2, |own| share.min(*own)));
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
