//! A transaction, and the settings that its statements depend on.

use std::{
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{SinkExt, future::join};
use tokio::time::{Instant, timeout_at};
use tokio_postgres::Row;

use super::{
    failure::Failure,
    session::{Connection, Slot, Statement},
};

/// Settings that values are read by, independent of the defaults of the database and the role.
const SETTINGS: &str = "SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, MDY'; SET LOCAL IntervalStyle = 'postgres'; \
                        SET LOCAL extra_float_digits = 1; SET LOCAL array_nulls = on";

/// A transaction that must [`end`](Self::end). One that is dropped closes the connection, and the server rolls it back.
pub(crate) struct Transaction<'s> {
    slot: Slot<'s>,
    connection: Connection,
    began: Instant,
    deadline: Instant,
    /// Whether `BEGIN` is sent, which is together with the first statement.
    is_open: AtomicBool,
}

impl<'s> Transaction<'s> {
    pub(crate) fn new(slot: Slot<'s>, connection: Connection, deadline: Instant) -> Self {
        Self { slot, connection, began: Instant::now(), deadline, is_open: AtomicBool::default() }
    }

    /// Runs a statement.
    pub(crate) async fn execute(&self, Statement { text, parameters }: Statement<'_>) -> Result<(), Failure> {
        self.after_settings(self.connection.client.execute_typed(text, parameters)).await.map(drop)
    }

    /// The rows of a query, whose columns have built-in types.
    pub(crate) async fn rows(&self, Statement { text, parameters }: Statement<'_>) -> Result<Vec<Row>, Failure> {
        self.after_settings(self.connection.client.query_typed(text, parameters)).await
    }

    /// Runs `COPY … FROM STDIN` with this data.
    pub(crate) async fn copy(&self, text: &str, data: impl Iterator<Item = Bytes> + Send) -> Result<(), Failure> {
        let client = &self.connection.client;
        let copied = async {
            let statement = client.prepare(text).await?;
            let mut sink = pin!(client.copy_in(&statement).await?);
            // The name is free again before the transaction ends: behind a pooler, the next one has another session.
            drop(statement);
            for chunk in data {
                sink.send(chunk).await?;
            }
            sink.finish().await
        };
        self.after_settings(copied).await.map(drop)
    }

    /// Commits what succeeded, and rolls back what failed.
    ///
    /// The commit is sent only when every statement is answered, so that a write that was given up is never committed later.
    pub(crate) async fn end<T>(mut self, result: Result<T, Failure>) -> Result<T, Failure> {
        let command = match &result {
            Ok(_) => "COMMIT",
            Err(failure) if failure.leaves_session_intact() => "ROLLBACK",
            Err(_) => return result,
        };
        let ended = self.limited(self.connection.client.batch_execute(command)).await;
        if ended.is_ok() {
            *self.slot = Some(self.connection);
        }
        result.and_then(|value| ended.map(|()| value))
    }

    /// Sends the settings and the statement at once: if the first fails, the second fails as well.
    async fn after_settings<T>(
        &self,
        statement: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Failure> {
        let limits = limits(self.deadline);
        let before = match self.is_open.swap(true, Ordering::Relaxed) {
            true => limits,
            false => format!("BEGIN; {SETTINGS}; {limits}"),
        };
        let both = async {
            let (set, done) = join(self.connection.client.batch_execute(&before), statement).await;
            set?;
            done
        };
        self.limited(both).await
    }

    async fn limited<T>(&self, answer: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, Failure> {
        match timeout_at(self.deadline, answer).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(Failure::NoAnswer(self.began.elapsed())),
        }
    }
}

/// Statements that set the remaining time as the server's limits. The server cancels a statement before the deadline, and reports
/// it. `lock_timeout` is shorter still, to distinguish a lock from a statement that has too much to do.
pub(crate) fn limits(deadline: Instant) -> String {
    let left = (deadline.saturating_duration_since(Instant::now()) * 19 / 20).max(Duration::from_millis(2));
    let (all, lock) = (left.as_millis(), (left * 4 / 5).as_millis());
    format!(
        "SET LOCAL lock_timeout = {lock}; SET LOCAL idle_in_transaction_session_timeout = {all}; \
         SET LOCAL statement_timeout = {all}"
    )
}
