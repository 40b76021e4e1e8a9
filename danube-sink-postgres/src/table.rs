//! A table, and how records become rows of it.

use std::{borrow::Cow, str::FromStr};

use danube_sink::{ConnectorError, ConnectorResult, Field, SinkRecord};
use deadpool_postgres::{Pool, PoolError};
use serde_json::Value;
use tokio_postgres::types::{ToSql, Type};

use super::{
    failure::sorted,
    statements::{quoted, sent_as, statements},
    text::{needs_every_digit, text},
};

/// The values of a column.
type Parameter<'r> = Box<dyn ToSql + Sync + Send + 'r>;

/// What a table is to be.
#[derive(Debug)]
pub struct Plan {
    /// The table, as `table` or `schema.table`.
    pub table: String,
    /// A statement that makes what is missing.
    pub create: Option<String>,
    /// The columns that are written, and from where.
    pub columns: Vec<(String, Field)>,
    /// Those of them that name a row. Without them, a row that is there already is an error.
    pub key: Vec<String>,
    /// Whether a record takes the place of the row with its key, or changes nothing.
    pub replace: bool,
}

/// A table that is there and can be written to.
#[derive(Debug)]
pub struct Table {
    pool: Pool,
    name: String,
    columns: Vec<Column>,
    insert: String,
    delete: String,
}

/// A column that is written.
#[derive(Debug)]
pub(crate) struct Column {
    /// As statements write it.
    pub(crate) name: String,
    pub(crate) ty: Type,
    pub(crate) key: bool,
    field: Field,
}

impl Table {
    /// Makes what is missing, learns the columns' types from the server, and tries to write without a record.
    pub(crate) async fn open(pool: &Pool, plan: Plan) -> ConnectorResult<Self> {
        let Plan { table: name, create, columns, key, replace } = plan;
        if let Some(stranger) = key.iter().find(|key| !columns.iter().any(|(name, _)| name == *key)) {
            return Err(ConnectorError::configuration(format!(
                "the key {stranger} of table {name} is none of its columns"
            )));
        }
        let names: Vec<_> = columns.iter().map(|(name, _)| quoted(name)).collect();
        let look = format!("SELECT {} FROM {}", names.join(", "), quoted(&name));
        let found = async {
            let client = pool.get().await?;
            // Connectors that start side by side make it one after the other; the lock's number is "danube" in ASCII.
            let alone = "BEGIN; SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock(110369627791973)";
            client.batch_execute(&format!("{alone}; {}; COMMIT", create.unwrap_or_default())).await?;
            Ok(client.prepare(&look).await?)
        };
        let found = sorted(found.await, &format!("look at table {name}"))?;
        let column = |((name, field), found): ((String, Field), &tokio_postgres::Column)| Column {
            key: key.contains(&name),
            name: quoted(&name),
            ty: found.type_().clone(),
            field,
        };
        let columns: Vec<_> = columns.into_iter().zip(found.columns()).map(column).collect();
        let (insert, delete) = statements(&quoted(&name), &columns, replace);
        let table = Self { pool: pool.clone(), name, columns, insert, delete };
        table.write(&[], &[]).await?;
        Ok(table)
    }

    /// Writes all of the records, or nothing. `deleted` says which of them delete their row. Without records it tries
    /// whether the table can be written to.
    ///
    /// # Errors
    /// A record without a value for the key, and what the server says.
    pub async fn write(&self, records: &[SinkRecord], deleted: &[bool]) -> ConnectorResult<()> {
        let mut parameters = Vec::with_capacity(self.columns.len() + 1);
        for column in &self.columns {
            parameters.push(column.values(records).map_err(|row| {
                ConnectorError::invalid_record(&records[row], format!("no value that column {} can have", column.name))
            })?);
        }
        parameters.push(Box::new(deleted));
        let what = format!("write {} records to table {}", records.len(), self.name);
        sorted(self.send(&parameters, deleted.contains(&true)).await, &what)
    }

    async fn send(&self, parameters: &[Parameter<'_>], deletes: bool) -> Result<(), PoolError> {
        let parameters: Vec<_> = parameters.iter().map(|values| &**values as &(dyn ToSql + Sync)).collect();
        let mut client = self.pool.get().await?;
        let insert = client.prepare_cached(&self.insert).await?;
        if !deletes {
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

impl Column {
    /// The values of all records, or the place of a record whose value the column cannot have.
    fn values<'r>(&self, records: &'r [SinkRecord]) -> Result<Parameter<'r>, usize> {
        match sent_as(&self.ty) {
            Type::INT8 => self.each(records, |record| number_of(&self.field, record, Value::as_i64)),
            Type::FLOAT8 => self.each(records, |record| number_of(&self.field, record, Value::as_f64)),
            _ => self.each(records, |record| Some(text_of(&self.field, record, &self.ty))),
        }
    }

    fn each<'r, T: ToSql + Sync + Send + 'r>(
        &self,
        records: &'r [SinkRecord],
        value: impl Fn(&'r SinkRecord) -> Option<Option<T>>,
    ) -> Result<Parameter<'r>, usize> {
        let right = |(row, record)| value(record).filter(|value| !self.key || value.is_some()).ok_or(row);
        let values: Vec<_> = records.iter().enumerate().map(right).collect::<Result<_, _>>()?;
        Ok(Box::new(values))
    }
}

/// The text of a field, as the type reads it.
fn text_of<'r>(field: &Field, record: &'r SinkRecord, ty: &Type) -> Option<Cow<'r, str>> {
    match (field, record.field(field)?) {
        (Field::Payload(pointer), value) if needs_every_digit(&value, ty) => {
            Some(pointer.of_json(&record.json())?.to_owned().into())
        }
        (_, Cow::Borrowed(value)) => text(value, ty),
        (_, Cow::Owned(value)) => text(&value, ty).map(|text| text.into_owned().into()),
    }
}

/// The number of a field; `None` where there is no such number.
fn number_of<T: FromStr>(field: &Field, record: &SinkRecord, number: fn(&Value) -> Option<T>) -> Option<Option<T>> {
    match record.field(field).as_deref() {
        None | Some(Value::Null) => Some(None),
        Some(Value::String(text)) => text.parse().ok().map(Some),
        Some(value) => number(value).map(Some),
    }
}
