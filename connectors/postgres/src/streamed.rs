//! Rows that the server writes while later ones are converted.
//!
//! ```text
//! records ──convert──▶ rows of a part ──▶ server, in one transaction
//!             └── a row that lacks a column, or a record that is invalid: rolled back
//! ```

use std::sync::atomic::Ordering;

use danube_sink::SinkRecord;
use futures_util::future::join;
use tokio::time::Instant;

use super::{
    copy::parts,
    failure::Failure,
    layout::Layout,
    open_table::{LEAVES_OUT_FOR, execute, execute_all},
    records::Converted,
    rows::Row,
    shared::Shared,
    transaction::Transaction,
};

/// Fewer rows are converted before the server could begin.
const FEWEST_ROWS: usize = 64;

/// Writes the rows of records in one transaction. `false` if that cannot be done while they are converted: then nothing is
/// written.
///
/// # Errors
/// The server's error.
pub(crate) async fn write(
    shared: &Shared,
    layout: &Layout,
    records: &[SinkRecord],
    deadline: Instant,
) -> Result<bool, Failure> {
    if records.len() < FEWEST_ROWS || !layout.streams.load(Ordering::Relaxed) {
        return Ok(false);
    }
    let convert = |part| rows(shared, layout, part);
    let transaction = shared.session.begin(deadline).await?;
    let written = match layout.copy(records.len()) {
        Some(statement) => {
            let chunks = |part| convert(part).map(|rows| layout.chunks(&rows));
            layout.copy_in(&transaction, &statement, &layout.indices(), parts(records).map(chunks)).await
        }
        None => insert(&transaction, layout, records, convert).await,
    };
    if let Ok(false) = written {
        layout.streams.store(false, Ordering::Relaxed);
        return transaction.roll_back().await.map(|()| false);
    }
    transaction.end(written).await
}

/// Inserts the rows by two statements, of which the server runs the first one while the rows of the second are converted: it needs
/// about three times as long for a row.
async fn insert<'r>(
    transaction: &Transaction<'_>,
    layout: &Layout,
    records: &'r [SinkRecord],
    convert: impl Fn(&'r [SinkRecord]) -> Option<Vec<Row<'r>>>,
) -> Result<bool, Failure> {
    let (first, rest) = records.split_at(records.len() / 4);
    let Some(rows) = convert(first) else { return Ok(false) };
    let insert_rest = async {
        let Some(rows) = convert(rest) else { return Ok(false) };
        execute_all(transaction, layout, vec![layout.insert(&rows)]).await.map(|()| true)
    };
    let (first, rest) = join(execute(transaction, layout.insert(&rows)), insert_rest).await;
    first.and(rest)
}

/// The rows of records; `None` if they are not simply one complete row for each.
fn rows<'r>(shared: &Shared, layout: &Layout, records: &'r [SinkRecord]) -> Option<Vec<Row<'r>>> {
    let Converted { rows, invalid, new_fields, leaves_out } =
        shared.records.convert(&shared.plan, layout, records).ok()?;
    let is_current = !leaves_out || layout.read.elapsed() <= LEAVES_OUT_FOR;
    let is_plain = is_current && invalid.is_empty() && new_fields.is_empty();
    (is_plain && rows.iter().all(|row| row.is_complete() && !row.deletes)).then_some(rows)
}
