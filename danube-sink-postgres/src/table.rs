//! A table, and how records become rows of it.

use std::{
    borrow::Cow,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
};

use danube_sink::{ConnectorError, ConnectorResult, Field, SinkRecord};
use serde_json::Value;
use tokio_postgres::types::{ToSql, Type};

use super::{
    catalog::{self, Found},
    failure::{Failure, at_start, sorted},
    redelivered::unless_there,
    session::{Session, Statement},
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
    /// Whether records delete rows, which needs the right to.
    pub deletes: bool,
}

/// A table that is there and can be written to.
#[derive(Debug)]
pub struct Table {
    session: Arc<Session>,
    plan: Plan,
    /// `None` after a failure: the table may be another one by now.
    layout: Mutex<Option<Arc<Layout>>>,
}

/// The table as the server has it now, and the statements that write to it.
#[derive(Debug)]
struct Layout {
    columns: Vec<Column>,
    insert: String,
    delete: String,
}

/// A column that is written.
#[derive(Debug)]
pub(crate) struct Column {
    /// As the mapping names it.
    pub(crate) raw: String,
    /// As statements write it.
    pub(crate) name: String,
    pub(crate) ty: Type,
    /// The type with its modifier, as `varchar(5)`.
    pub(crate) stored_as: String,
    pub(crate) key: bool,
    field: Field,
}

impl Table {
    /// Makes what is missing, learns the columns' types from the server, and tries the rights to write without a record.
    pub(crate) async fn open(session: &Arc<Session>, mut plan: Plan) -> ConnectorResult<Self> {
        if let Some(stranger) = plan.key.iter().find(|key| !plan.columns.iter().any(|(name, _)| name == *key)) {
            let what = format!("the key {stranger} of table {} is none of its columns", plan.table);
            return Err(ConnectorError::configuration(what));
        }
        let create = plan.create.take();
        let table = Self { session: Arc::clone(session), plan, layout: Mutex::default() };
        let opened = async {
            if let Some(create) = create {
                table.session.define(&create).await?;
            }
            table.probe(&*table.learn().await?).await
        };
        match opened.await {
            Ok(()) => Ok(table),
            Err(failure) => Err(at_start(&failure, &table.at_start())),
        }
    }

    /// Writes all of the records, or nothing. `deleted` says which of them delete their row. Without records it tries
    /// whether the table can be written to.
    ///
    /// # Errors
    /// A record without a value for the key, and what the server says.
    pub async fn write(&self, records: &[SinkRecord], deleted: &[bool]) -> ConnectorResult<()> {
        let what = format!("write {} records to table {}", records.len(), self.plan.table);
        let mut layout = self.layout(&what).await?;
        if records.is_empty() {
            return self.sorted(self.probe(&layout).await, &what);
        }
        loop {
            let written = self.write_as(&layout, records, deleted, &what).await;
            match &written {
                Ok(()) => return Ok(()),
                // What is in the table's way may be gone when it is tried again.
                Err(
                    ConnectorError::Retryable { .. } | ConnectorError::TooLarge { .. } | ConnectorError::Fatal { .. },
                ) => {
                    self.forget();
                    return written;
                }
                // Only the table as it is now rejects a record.
                Err(_) => {
                    self.forget();
                    let now = self.layout(&what).await?;
                    if now.is_like(&layout) {
                        return written;
                    }
                    layout = now;
                }
            }
        }
    }

    async fn write_as(
        &self,
        layout: &Layout,
        records: &[SinkRecord],
        deleted: &[bool],
        what: &str,
    ) -> ConnectorResult<()> {
        let parameters = layout.parameters(records, deleted)?;
        let parameters = layout.typed(&parameters);
        let delete = Statement { text: &layout.delete, parameters: &parameters };
        let insert = Statement { text: &layout.insert, parameters: &parameters };
        // What is inserted later in the batch is a new row.
        let statements = if deleted.contains(&true) { &[delete, insert][..] } else { &[insert] };
        let mut written = self.session.transaction(statements).await;
        if let Err(failure) = &written
            && let Some(answer) = failure.answer()
            && self.plan.key.is_empty()
        {
            let table = quoted(&self.plan.table);
            let unless = unless_there(&self.session, answer, &table, &layout.columns).await;
            if let Some(unless) = self.sorted(unless, what)? {
                let text = format!("{} {unless}", layout.insert);
                written = self.session.transaction(&[Statement { text: &text, parameters: &parameters }]).await;
            }
        }
        self.sorted(written, what)
    }

    /// Tries types and rights, without a row and without triggers.
    async fn probe(&self, layout: &Layout) -> Result<(), Failure> {
        let parameters = layout.parameters(&[], &[]).unwrap_or_default();
        let parameters = layout.typed(&parameters);
        let texts = [&layout.insert, &layout.delete].map(|text| format!("EXPLAIN {text}"));
        let statements = texts.each_ref().map(|text| Statement { text, parameters: &parameters });
        self.session.transaction(if self.plan.deletes { &statements } else { &statements[..1] }).await
    }

    fn at_start(&self) -> String {
        format!("prepare PostgreSQL at {}, table {}", self.session.server(), self.plan.table)
    }

    fn sorted<T>(&self, result: Result<T, Failure>, what: &str) -> ConnectorResult<T> {
        sorted(result, what, |column| self.plan.columns.iter().any(|(name, _)| name == column))
    }

    /// The layout as it was learnt last, or now.
    async fn layout(&self, what: &str) -> ConnectorResult<Arc<Layout>> {
        let known = self.layout.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match known {
            Some(layout) => Ok(layout),
            None => self.sorted(self.learn().await, what),
        }
    }

    fn forget(&self) {
        *self.layout.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    async fn learn(&self) -> Result<Arc<Layout>, Failure> {
        let Plan { table, columns, key, replace, .. } = &self.plan;
        let names: Vec<_> = columns.iter().map(|(name, _)| name.as_str()).collect();
        let found = catalog::columns(&self.session, &quoted(table), &names).await?;
        if !key.is_empty() {
            catalog::check_key(&self.session, &quoted(table), key).await?;
        }
        let column = |((name, field), found): (&(String, Field), Found)| Column {
            key: key.contains(name),
            raw: name.clone(),
            name: quoted(name),
            ty: found.ty,
            stored_as: found.stored_as,
            field: field.clone(),
        };
        let columns: Vec<_> = columns.iter().zip(found).map(column).collect();
        let (insert, delete) = statements(&quoted(table), &columns, *replace);
        let layout = Arc::new(Layout { columns, insert, delete });
        *self.layout.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&layout));
        Ok(layout)
    }
}

impl Layout {
    /// One array for each column, and one of what is deleted.
    fn parameters<'r>(&self, records: &'r [SinkRecord], deleted: &'r [bool]) -> ConnectorResult<Vec<Parameter<'r>>> {
        let mut parameters = Vec::with_capacity(self.columns.len() + 1);
        for column in &self.columns {
            parameters.push(column.values(records).map_err(|row| {
                ConnectorError::invalid_record(&records[row], format!("no value that column {} can have", column.name))
            })?);
        }
        parameters.push(Box::new(deleted));
        Ok(parameters)
    }

    fn typed<'p>(&self, parameters: &'p [Parameter<'_>]) -> Vec<(&'p (dyn ToSql + Sync), Type)> {
        let types = self.columns.iter().map(|column| match sent_as(&column.ty) {
            Type::INT8 => Type::INT8_ARRAY,
            Type::FLOAT8 => Type::FLOAT8_ARRAY,
            _ => Type::TEXT_ARRAY,
        });
        let values = parameters.iter().map(|values| &**values as &(dyn ToSql + Sync));
        values.zip(types.chain([Type::BOOL_ARRAY])).collect()
    }

    /// Whether both read values alike.
    fn is_like(&self, other: &Self) -> bool {
        let types = |layout: &Self| layout.columns.iter().map(|column| column.ty.clone()).collect::<Vec<_>>();
        types(self) == types(other)
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
