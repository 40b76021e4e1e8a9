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
    copy,
    failure::Failure,
    session::{Connection, Slot, Statement},
};

/// The schemas of names without one: those of the role or the database, whatever another client of a pooler has set for the session.
pub(crate) const SEARCH_PATH: &str = "SET LOCAL search_path TO DEFAULT";

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

    /// Runs `COPY … FROM STDIN` with the chunks of each part, which are made while the server reads earlier ones. `false` if a part is
    /// `None`: the copy is aborted, and the transaction can only be rolled back.
    pub(crate) async fn copy(
        &self,
        text: &str,
        mut parts: impl Iterator<Item = Option<Vec<Bytes>>> + Send,
    ) -> Result<bool, Failure> {
        let client = &self.connection.client;
        let copied = async {
            let open = async {
                let statement = client.prepare(text).await?;
                // The name is free again before the transaction ends: behind a pooler, the next one has another session.
                client.copy_in(&statement).await
            };
            let (sink, first) = join(open, async { parts.next() }).await;
            let mut sink = pin!(sink?);
            sink.feed(Bytes::from_static(copy::HEADER)).await?;
            for part in first.into_iter().chain(parts) {
                let Some(chunks) = part else { return Ok(false) };
                for chunk in chunks {
                    // Without a flush, the next chunk is made while this one is sent.
                    sink.feed(chunk).await?;
                }
            }
            sink.feed(Bytes::from_static(copy::END)).await?;
            sink.finish().await.map(|_| true)
        };
        self.after_settings(copied).await
    }

    /// Commits what succeeded, and rolls back what failed.
    ///
    /// The commit is sent only when every statement is answered, so that a write that was given up is never committed later.
    pub(crate) async fn end<T>(self, result: Result<T, Failure>) -> Result<T, Failure> {
        let ended = match &result {
            Ok(_) => self.end_by("COMMIT").await,
            Err(failure) if failure.leaves_session_intact() => self.roll_back().await,
            Err(_) => return result,
        };
        result.and_then(|value| ended.map(|()| value))
    }

    /// Rolls back.
    pub(crate) async fn roll_back(self) -> Result<(), Failure> {
        self.end_by("ROLLBACK").await
    }

    async fn end_by(mut self, command: &str) -> Result<(), Failure> {
        let ended = self.limited(self.connection.client.batch_execute(command)).await;
        if ended.is_ok() {
            *self.slot = Some(self.connection);
        }
        ended
    }

    /// Sends the settings and the statement at once: if the first fails, the second fails as well.
    async fn after_settings<T>(
        &self,
        statement: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Failure> {
        let limits = limits(self.deadline);
        let before = match self.is_open.swap(true, Ordering::Relaxed) {
            true => limits,
            false => format!("BEGIN; {SEARCH_PATH}; {SETTINGS}; {limits}"),
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
