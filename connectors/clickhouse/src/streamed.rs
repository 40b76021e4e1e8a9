//! Inserts that are sent while their rows are made, and while the server is asked for the columns of the table.
//!
//! ```text
//! DESCRIBE TABLE ──────▶ are the columns as they were? ── yes ─▶ the end of the body
//! records ──▶ rows ──▶ INSERT without the end of its body ── no ──▶ the request breaks off
//! ```
//!
//! Servers detect that the body of a request has no end, and an insert that is one [block](Block) is written after its end alone. So
//! nothing is written of a request that breaks off.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use danube_sink::prelude::*;
use danube_sink_http::{Answer, reqwest::Body};
use futures_util::stream;
use tokio::{
    sync::watch,
    task::{JoinError, JoinHandle, JoinSet, yield_now},
    time::{Instant, timeout},
};

use super::{
    answer::Hidden,
    block::Block,
    column::Columns,
    encoder::Encoder,
    opened::Target,
    server::{Insert, Server, inserted},
    table::{Format, describe_statement},
};

/// The size of the parts in which rows are sent, in bytes.
const PART: usize = 64 * 1024;
/// Room for a part, whose last row may go beyond its size.
const CAPACITY: usize = PART + PART / 4;
/// How long an insert waits for the columns. A statement that changes the table waits for the insert, and the question for the
/// columns waits for that statement.
const PATIENCE: Duration = Duration::from_secs(1);
/// The exception `TOO_MANY_SIMULTANEOUS_QUERIES`.
const TOO_MANY_AT_ONCE: u16 = 202;

/// The outcome of an insert that was begun early.
pub(super) enum Attempt {
    /// It was sent.
    Sent(Result<(), Failure>),
    /// Nothing is written. The answer to the question for the columns, if it is there.
    Unsent(Option<Result<String, Failure>>),
}

/// An insert without the end of its body. Dropped, it breaks off.
struct Streamed {
    // Dropped first, so that no other host is tried when the body fails.
    sending: JoinSet<Result<Answer, Failure>>,
    parts: watch::Sender<Parts>,
    encoder: Encoder,
}

/// The parts of a body that can be sent so far.
#[derive(Default)]
struct Parts {
    all: Vec<Bytes>,
    is_whole: bool,
}

/// When inserts into a table are not begun early, after one in vain that no record was the cause of.
#[derive(Debug, Default)]
pub(super) struct Pause(Mutex<Option<Instant>>);

impl Pause {
    const LENGTH: Duration = Duration::from_secs(60);

    fn begin(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + Self::LENGTH);
    }

    fn is_over(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_none_or(|until| until <= Instant::now())
    }
}

impl Server {
    /// Inserts rows for a table that has had these columns, while it is described.
    pub(super) async fn insert_streamed(
        self: &Arc<Self>,
        target: Target<'_>,
        columns: &Columns,
        records: &[SinkRecord],
        describing: &mut JoinHandle<Result<String, Failure>>,
    ) -> Attempt {
        let Target { opened, by_content, .. } = target;
        let Some(streamed) = self.stream(target, columns, records).await else { return Attempt::Unsent(None) };
        let Ok(described) = timeout(PATIENCE, describing).await else {
            opened.pause.begin();
            return Attempt::Unsent(None);
        };
        match ended(described) {
            Ok(described) if columns.is_current(&described) => {
                let sent = streamed.finish(Hidden { rows: Some(columns), table: by_content }).await;
                match &sent {
                    // A token may be revoked; a body that is whole is sent once more with a new one.
                    Err(Failure { class: TargetFailure::Unauthenticated, .. }) => {}
                    Err(failure) if is_crowded(failure) => opened.pause.begin(),
                    _ => return Attempt::Sent(sent),
                }
                Attempt::Unsent(Some(Ok(described)))
            }
            Err(failure) if is_crowded(&failure) => {
                drop(streamed);
                opened.pause.begin();
                Attempt::Unsent(Some(self.query(&describe_statement(target.name), target.hidden()).await))
            }
            described => Attempt::Unsent(Some(described)),
        }
    }

    /// Begins an insert of rows for a table that has had these columns. `None` if it cannot be sent before more is known: then
    /// nothing is written.
    async fn stream(
        self: &Arc<Self>,
        target: Target<'_>,
        columns: &Columns,
        records: &[SinkRecord],
    ) -> Option<Streamed> {
        let Target { table, .. } = target;
        let mut settings = table.settings.iter().flatten();
        let has_new = || !table.on_new_field.columns_to_add(records, |name| columns.has(name)).is_empty();
        let mut bytes = records.iter().map(|record| record.bytes().len()).sum::<usize>();
        if table.format != Format::JsonEachRow
            || table.async_insert
            || records.is_empty()
            || records.len() > self.block.rows
            || bytes > self.block.bytes
            || settings.any(|(name, _)| Block::depends_on(name))
            || table.named_columns().any(|name| columns.index(name).is_none())
            || table.columns.is_none() && has_new()
            || !target.opened.pause.is_over()
        {
            return None;
        }
        let rows = self.rows(table, columns, table.format);
        let mut lines = Vec::with_capacity(CAPACITY);
        let mut left = rows.append(records, PART, &mut lines)?;
        let insert = Insert::of_lines(table, Bytes::new(), records, columns);
        let (server, parameters) = (Arc::clone(self), self.parameters(target, &insert, false));
        let (parts, sent) = watch::channel(Parts::default());
        let mut sending = JoinSet::new();
        sending.spawn(async move { server.request_insert(&parameters, || body(sent.clone())).await });
        let mut streamed = Streamed { sending, parts, encoder: self.encoder() };
        bytes = 0;
        loop {
            bytes += lines.len();
            if bytes > self.block.bytes {
                return None;
            }
            streamed.push(lines.into()).ok()?;
            // The tasks that send the part may wait for this thread.
            yield_now().await;
            if left.is_empty() {
                return Some(streamed);
            }
            lines = Vec::with_capacity(CAPACITY);
            left = rows.append(left, PART, &mut lines)?;
        }
    }
}

impl Streamed {
    /// Ends the body, and waits until the rows are written.
    ///
    /// # Errors
    /// The failure of the insert.
    async fn finish(mut self, hidden: Hidden<'_>) -> Result<(), Failure> {
        let end = self.encoder.finish(Bytes::new())?;
        self.parts.send_modify(|parts| {
            parts.all.push(end);
            parts.is_whole = true;
        });
        let answer = self.sending.join_next().await.map(ended);
        inserted(answer.ok_or_else(|| Failure::new(TargetFailure::Busy, "insert rows: not sent"))??, hidden)
    }

    fn push(&mut self, rows: Bytes) -> Result<(), Failure> {
        let part = self.encoder.encode(rows)?;
        self.parts.send_modify(|parts| parts.all.push(part));
        Ok(())
    }
}

/// A body of the parts, as they come. It fails if their sender is dropped before they are whole.
fn body(parts: watch::Receiver<Parts>) -> Body {
    Body::wrap_stream(stream::unfold((parts, 0), async |(mut parts, at)| {
        let next = parts.wait_for(|parts| parts.all.len() > at || parts.is_whole).await;
        let next = next.map(|parts| parts.all.get(at).cloned()).map_err(|_| io::Error::other("the insert broke off"));
        next.transpose().map(|part| (part, (parts, at + 1)))
    }))
}

/// Whether there may be too many requests at once, of which the question for the columns is one: the server says so, or a proxy in
/// front of it.
fn is_crowded(failure: &Failure) -> bool {
    failure.class == TargetFailure::Busy && failure.code.is_none_or(|code| code == TOO_MANY_AT_ONCE)
}

/// The result of a task.
pub(super) fn ended<T>(task: Result<Result<T, Failure>, JoinError>) -> Result<T, Failure> {
    task.unwrap_or_else(|error| {
        Err(Failure::new(TargetFailure::Misconfigured, format!("a request has panicked: {error}")))
    })
}
