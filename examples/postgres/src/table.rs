//! A table, and how records become rows of it.

use std::borrow::Cow;

use danube_sink::{ConnectorError, ConnectorResult, Metadata, Pointer, SinkRecord};
use deadpool_postgres::{Pool, PoolError};
use tokio_postgres::types::{ToSql, Type};

use super::{
    failure::sorted,
    statements::{quoted, statements},
    text::text,
};

/// Where the value of a column comes from.
#[derive(Debug)]
pub enum Source {
    /// The record's payload.
    Payload(Pointer),
    /// What the record says of itself.
    Metadata(Metadata),
}

/// A table that is there, with the columns that are written.
#[derive(Debug)]
pub struct Table {
    pool: Pool,
    name: String,
    sources: Vec<Source>,
    /// Name, type, and whether it belongs to the key.
    columns: Vec<(String, Type, bool)>,
    insert: String,
    delete: String,
}

/// Runs statements that make what is missing. Connectors that start side by side do so one after the other.
///
/// # Errors
/// What the server says.
pub async fn create(pool: &Pool, statements: &str) -> ConnectorResult<()> {
    // The number of the lock is "danube" in ASCII.
    let alone = "BEGIN; SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock(110369627791973)";
    let script = format!("{alone}; {statements}; COMMIT");
    sorted(async { Ok(pool.get().await?.batch_execute(&script).await?) }.await, &format!("run {statements}"))
}

impl Table {
    /// Learns the columns' types from the server, and tries the statement that adds rows without a row.
    ///
    /// A row whose `key` is there already is an error without a key; with one, it takes the place of the other one if
    /// it is to `replace` it, and changes nothing if not.
    ///
    /// # Errors
    /// Where something is missing, or the server says no.
    pub async fn open(
        pool: Pool,
        name: &str,
        sources: impl IntoIterator<Item = (String, Source)>,
        key: &[String],
        replace: bool,
    ) -> ConnectorResult<Self> {
        let (names, sources): (Vec<_>, Vec<_>) = sources.into_iter().unzip();
        if let Some(stranger) = key.iter().find(|key| !names.contains(key)) {
            return Err(ConnectorError::configuration(format!(
                "the key {stranger} of table {name} is none of its columns"
            )));
        }
        let (table, list) = (quoted(name), names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", "));
        let look = format!("SELECT {list} FROM {table}");
        let found = async { Ok(pool.get().await?.prepare(&look).await?) };
        let found = sorted(found.await, &format!("look for the columns of table {name}"))?;
        let types = found.columns().iter().map(|column| column.type_().clone());
        let columns: Vec<_> =
            names.into_iter().zip(types).map(|(name, ty)| (name.clone(), ty, key.contains(&name))).collect();
        let (insert, delete) = statements(&table, &columns, replace);
        let table = Self { pool, name: name.to_owned(), sources, columns, insert, delete };
        table.write(&[], &[]).await?;
        Ok(table)
    }

    /// Writes all of the records, or nothing. `deleted` says which of them delete their row. Without records it tries
    /// whether the table can be written to.
    ///
    /// # Errors
    /// A record without a value for the key, and what the server says.
    pub async fn write(&self, records: &[SinkRecord], deleted: &[bool]) -> ConnectorResult<()> {
        let mut columns = Vec::with_capacity(self.columns.len());
        for (source, (column, ty, key)) in self.sources.iter().zip(&self.columns) {
            let texts: Vec<_> = records.iter().map(|record| source.text(record, ty)).collect();
            if let Some(row) = texts.iter().position(|text| *key && text.is_none()) {
                return Err(ConnectorError::invalid_record(&records[row], format!("no value for {column} of the key")));
            }
            columns.push(texts);
        }
        let what = format!("write {} records to table {}", records.len(), self.name);
        sorted(self.send(&columns, deleted).await, &what)
    }

    async fn send(&self, columns: &[Vec<Option<Cow<'_, str>>>], deleted: &[bool]) -> Result<(), PoolError> {
        let columns = columns.iter().map(|texts| texts as &(dyn ToSql + Sync));
        let parameters: Vec<_> = columns.chain([&deleted as &(dyn ToSql + Sync)]).collect();
        let mut client = self.pool.get().await?;
        let insert = client.prepare_cached(&self.insert).await?;
        if !deleted.contains(&true) {
            client.execute(&insert, &parameters).await?;
            return Ok(());
        }
        // What comes back later in the batch is a new row.
        let delete = client.prepare_cached(&self.delete).await?;
        let transaction = client.transaction().await?;
        transaction.execute(&delete, &parameters).await?;
        transaction.execute(&insert, &parameters).await?;
        Ok(transaction.commit().await?)
    }
}

impl Source {
    fn text<'r>(&self, record: &'r SinkRecord, ty: &Type) -> Option<Cow<'r, str>> {
        match self {
            Self::Payload(pointer) => text(pointer.of(record.payload())?, ty),
            Self::Metadata(which) => text(&record.metadata(*which), ty).map(|text| text.into_owned().into()),
        }
    }
}
