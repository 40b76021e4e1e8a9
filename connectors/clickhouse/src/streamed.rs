//! Inserts that are sent while their rows are made, and while the server is asked for the columns of the table.
//!
//! ```text
//! DESCRIBE TABLE ───────────────────▶ are the columns as they were? ── yes ─▶ the end of the last row
//! records ──▶ rows ──▶ INSERT of all but the end of the last row    ── no ──▶ the request breaks off
//! ```
//!
//! What breaks off ends within a row, which no server accepts; and it is one block, of which no row is written before the last one is
//! read.

use std::{io, sync::Arc};

use bytes::Bytes;
use danube_sink::prelude::*;
use danube_sink_http::{Answer, reqwest::Body};
use futures_util::stream;
use tokio::{
    sync::watch,
    task::{JoinError, JoinHandle, JoinSet, yield_now},
    time::timeout,
};

use super::{
    answer::Hidden,
    block::Block,
    column::Columns,
    encoder::Encoder,
    opened::Target,
    server::{Insert, Server, inserted},
    table::Format,
};

/// The size of the parts in which rows are sent, in bytes.
const PART: usize = 64 * 1024;
/// Room for a part, whose last row may go beyond its size.
const CAPACITY: usize = PART + PART / 4;
/// The end of a row, which is held back.
const END: &[u8] = b"}\n";
/// How long an insert waits for the columns. A statement that changes the table waits for the insert, and the question for the
/// columns waits for that statement.
const PATIENCE: Duration = Duration::from_secs(1);

/// An insert that lacks the end of its last row. Dropped, it breaks off.
struct Streamed {
    parts: watch::Sender<Parts>,
    encoder: Encoder,
    sending: JoinSet<Result<Answer, Failure>>,
}

/// The parts of a body that can be sent so far.
#[derive(Default)]
struct Parts {
    all: Vec<Bytes>,
    is_whole: bool,
}

/// What has become of an insert that was begun early.
pub(super) enum Attempt {
    /// It was sent.
    Sent(Result<(), Failure>),
    /// Nothing is written. The answer to the question for the columns, if it is there.
    Unsent(Option<Result<String, Failure>>),
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
        let Some(streamed) = self.stream(target, columns, records).await else { return Attempt::Unsent(None) };
        let Ok(described) = timeout(PATIENCE, describing).await else { return Attempt::Unsent(None) };
        let described = ended(described);
        if described.as_ref().is_ok_and(|described| columns.is_current(described)) {
            match streamed.finish(Hidden { rows: Some(columns), table: target.by_content }).await {
                // A token may be revoked; a body that is whole is sent once more with a new one.
                Err(Failure { class: TargetFailure::Unauthenticated, .. }) => {}
                sent => return Attempt::Sent(sent),
            }
        }
        Attempt::Unsent(Some(described))
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
        let settings = table.settings.iter().flatten().map(|(name, _)| name);
        let has_new = || !table.on_new_field.columns_to_add(records, |name| columns.has(name)).is_empty();
        if table.format != Format::JsonEachRow
            || table.async_insert
            || records.len() > self.block.rows
            || Block::depends_on(settings)
            || table.named_columns().any(|name| columns.index(name).is_none())
            || table.columns.is_none() && has_new()
        {
            return None;
        }
        let rows = self.rows(table, columns, table.format);
        let mut lines = Vec::with_capacity(CAPACITY);
        let mut left = rows.append(records, PART, &mut lines).filter(|_| !records.is_empty())?;
        let insert = Insert::of_lines(table, Bytes::new(), records, columns);
        let (server, parameters) = (Arc::clone(self), self.parameters(target, &insert, false));
        let (parts, sent) = watch::channel(Parts::default());
        let mut sending = JoinSet::new();
        sending.spawn(async move { server.request_insert(&parameters, || body(sent.clone())).await });
        let mut streamed = Streamed { parts, encoder: self.encoder(), sending };
        let mut bytes = lines.len();
        loop {
            lines.truncate(lines.len() - END.len());
            streamed.push(lines.into()).ok()?;
            // The tasks that send the part may wait for this thread.
            yield_now().await;
            if left.is_empty() {
                return Some(streamed);
            }
            lines = Vec::with_capacity(CAPACITY);
            lines.extend_from_slice(END);
            left = rows.append(left, PART, &mut lines)?;
            bytes += lines.len();
            if bytes > self.block.bytes {
                return None;
            }
        }
    }
}

impl Streamed {
    /// Sends the end of the last row, and waits until the rows are written.
    ///
    /// # Errors
    /// The failure of the insert.
    async fn finish(mut self, hidden: Hidden<'_>) -> Result<(), Failure> {
        let end = self.encoder.finish(Bytes::from_static(END))?;
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

/// The result of a task.
pub(super) fn ended<T>(task: Result<Result<T, Failure>, JoinError>) -> Result<T, Failure> {
    task.unwrap_or_else(|error| {
        Err(Failure::new(TargetFailure::Misconfigured, format!("a request has panicked: {error}")))
    })
}
