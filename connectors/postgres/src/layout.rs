//! The current columns of a table on the server, and the statements that write to it.

use std::{borrow::Cow, sync::atomic::AtomicBool};

use bytes::Bytes;
use danube_sink::{ConnectorError, ConnectorResult, Field, Pointer, SinkRecord};
use tokio::time::Instant;
use tokio_postgres::types::{ToSql, Type};

use super::{
    catalog,
    changes::Values,
    column::Column,
    copy,
    datum::Datum,
    failure::Failure,
    fields::FieldColumns,
    name::TableName,
    plan::{Check, Plan},
    rows::{self, Parameter, Row},
    session::Statement,
    statements,
    text::is_extension_type,
    transaction::Transaction,
};

/// Whether a name with a dot is one table name: no table `b` of schema `a` exists, but a table named `a.b`.
const IS_ONE_NAME: &str = "SELECT to_regclass($1) IS NULL AND to_regclass($2) IS NOT NULL";

/// The columns of a table that are written.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) name: TableName,
    pub(crate) columns: Vec<Column>,
    /// The columns that fields of payloads fill by their names.
    pub(crate) fields: Option<FieldColumns>,
    /// When it was read.
    pub(crate) read: Instant,
    /// Whether rows may be written while later ones are converted: so far, every row had all columns.
    pub(crate) streams: AtomicBool,
    replaces: bool,
    copies: bool,
    insert: String,
    delete: String,
}

/// A statement and its parameters.
pub(crate) struct Write<'w> {
    pub(crate) text: Cow<'w, str>,
    pub(crate) columns: Vec<&'w Column>,
    values: Vec<Parameter<'w>>,
}

impl Layout {
    /// Reads the columns of the table from the server's catalog.
    ///
    /// # Errors
    /// The server's error, or a table that the mapping cannot write.
    pub(crate) async fn read(transaction: &Transaction<'_>, table: &str, plan: &Plan) -> Result<Self, Failure> {
        let name = name(transaction, table).await?;
        let names: Vec<_> = plan.columns.iter().map(|(name, _)| name.as_str()).collect();
        let table = name.to_string();
        // A name that a record chooses has values of it, so messages show the template.
        let shown = plan.table.constant().map_or_else(|| plan.table.to_string(), |_| table.clone());
        let found = catalog::columns(transaction, &table, &names, plan.fields.is_some(), &shown).await?;
        if let Some(key) = plan.key.iter().find(|key| found.written.iter().all(|column| column.name != **key)) {
            return Err(Failure::Table(format!("{shown} has no column {key}: add it, or correct `key`")));
        }
        if let Some(wrong) = other_dimensions(plan, &found.written) {
            return Err(Failure::Table(format!("{shown}: {wrong}")));
        }
        if !plan.key.is_empty() {
            catalog::check_key(transaction, &table, &plan.key, &shown).await?;
        }
        let fields = plan.columns.iter().map(|(_, field)| Some(field.clone())).chain(std::iter::repeat(None));
        let column = |(found, field): (catalog::Found, Option<Field>)| Column {
            field: field.unwrap_or_else(|| Field::Payload(Pointer::from_iter([&found.name]))),
            is_key: plan.key.contains(&found.name),
            name: found.name,
            ty: found.ty,
            modifier: found.modifier,
            vectors: found.vectors,
            base: found.base,
            stored_as: found.stored_as,
            default: found.default,
            varies: found.varies,
            collation: found.collation,
            time_unit: plan.time_unit,
        };
        let columns: Vec<_> = found.written.into_iter().zip(fields).map(column).collect();
        let names: Vec<_> = columns.iter().map(|column| column.name.as_str()).collect();
        let copies = plan.appends()
            && columns.iter().all(copy::takes)
            && catalog::takes_copy(transaction, &table, &names).await?;
        let fields = plan.fields.map(|on_new| FieldColumns::new(on_new, &columns, &plan.columns, found.names));
        let (insert, delete) = (String::new(), String::new());
        let (replaces, read, streams) = (plan.replace, Instant::now(), AtomicBool::new(plan.can_stream()));
        let mut layout = Self { name, columns, fields, read, streams, replaces, copies, insert, delete };
        layout.insert = match layout.server_finds_latest() {
            true => statements::insert_latest(&layout.name, &layout.all().1),
            false => statements::insert(&layout.name, &layout.all().1, plan.replace),
        };
        layout.delete = statements::delete(&layout.name, &layout.keys().1);
        Ok(layout)
    }

    /// The row of a record's values.
    ///
    /// # Errors
    /// [`ConnectorError::InvalidRecord`] for a value that its column cannot hold.
    pub(crate) fn row<'r>(
        &self,
        record: &'r SinkRecord,
        values: Values<'r>,
        deletes: bool,
        check: Option<&Check>,
    ) -> ConnectorResult<Row<'r>> {
        let datum = |(column, json): (&Column, Option<Cow<'r, str>>)| {
            let json =
                if column.is_uuid_of_record() { Some(format!("\"{}\"", record.id().uuid()).into()) } else { json };
            let checked = check.filter(|_| !deletes).map(|check| (check, json.clone()));
            let datum = json.filter(|_| column.is_key || !deletes).map(|json| column.datum(json));
            let numbers = if let Some(Ok(Datum::Vector(numbers))) = &datum { Some(&**numbers) } else { None };
            let violation = checked.and_then(|(check, json)| check(&column.name, json.as_deref(), numbers));
            let reason = match datum {
                _ if violation.is_some() => violation.unwrap_or_default().into(),
                None if column.is_key => "is missing".into(),
                Some(Ok(Datum::Null)) if column.is_key => "is null".into(),
                Some(Err(reason)) => reason,
                Some(Ok(datum)) => return Ok(Some(datum)),
                None => return Ok(None),
            };
            let field = column.field.to_string();
            let field = if field.is_empty() { "the payload" } else { &field };
            let reason = format!("invalid value for column {}: {field} {reason}", column.quoted());
            Err(ConnectorError::invalid_record(record, reason))
        };
        let mut data = Vec::with_capacity(self.columns.len());
        for value in self.columns.iter().zip(values) {
            data.push(datum(value)?);
        }
        Ok(Row { record, data, deletes })
    }

    /// The statement that adds or replaces rows that have values for all columns.
    pub(crate) fn insert<'w>(&'w self, rows: &'w [Row<'_>]) -> Write<'w> {
        let ((indices, columns), (keys, _)) = (self.all(), self.keys());
        let text = (&self.insert).into();
        if self.server_finds_latest() {
            let mut values = rows::parameters(rows.iter(), &columns, &indices);
            values.push((Box::new(rows.iter().map(|row| row.deletes).collect::<Vec<_>>()), Type::BOOL_ARRAY));
            return Write { text, values, columns };
        }
        let rows = match self.replaces && !keys.is_empty() {
            true => rows::latest(rows, &keys),
            false => rows.iter().filter(|row| !row.deletes).collect(),
        };
        Write { text, values: rows::parameters(rows.iter().copied(), &columns, &indices), columns }
    }

    /// The statements that add or replace rows that have values for these columns only.
    pub(crate) fn insert_of<'w>(&'w self, indices: &[usize], rows: &'w [rows::Values<'w>]) -> Vec<Write<'w>> {
        let (_, columns) = self.of(indices.iter().copied());
        let texts = match self.replaces {
            true => statements::update_then_insert(&self.name, &columns),
            false => vec![statements::insert(&self.name, &columns, false)],
        };
        let write = |text: String| {
            let values = rows::parameters_of(rows, &columns, indices);
            Write { text: text.into(), values, columns: columns.clone() }
        };
        texts.into_iter().map(write).collect()
    }

    /// The statement that copies so many rows of all columns, where `COPY` is possible and pays.
    pub(crate) fn copy(&self, rows: usize) -> Option<String> {
        self.copy_of(&self.all().0, rows)
    }

    /// The indices of all columns.
    pub(crate) fn indices(&self) -> Vec<usize> {
        self.all().0
    }

    /// Copies rows of these columns. `false` if a part is `None`, as for [`Transaction::copy`].
    ///
    /// # Errors
    /// The server's error, or [`Failure::Altered`]: the binary format does not say what a value is, so it would be read as another
    /// one by another type.
    pub(crate) async fn copy_in(
        &self,
        transaction: &Transaction<'_>,
        statement: &str,
        indices: &[usize],
        parts: impl Iterator<Item = Option<Vec<Bytes>>> + Send,
    ) -> Result<bool, Failure> {
        if !transaction.copy(statement, parts).await? {
            return Ok(false);
        }
        let (_, columns) = self.of(indices.iter().copied());
        self.check_types(transaction, &columns).await.map(|()| true)
    }

    /// Checks that the columns which may have lost digits of a value have the types by which they did.
    ///
    /// # Errors
    /// The server's error, or [`Failure::Altered`]: another type may keep more of the values that are written.
    pub(crate) async fn check_rounding(&self, transaction: &Transaction<'_>) -> Result<(), Failure> {
        let columns: Vec<_> = self.columns.iter().filter(|column| column.may_lose()).collect();
        if columns.is_empty() { Ok(()) } else { self.check_types(transaction, &columns).await }
    }

    async fn check_types(&self, transaction: &Transaction<'_>, columns: &[&Column]) -> Result<(), Failure> {
        match catalog::have_types(transaction, &self.name.to_string(), columns).await? {
            true => Ok(()),
            false => Err(Failure::Altered),
        }
    }

    /// The data of a copy of complete rows, in chunks.
    pub(crate) fn chunks(&self, rows: &[Row<'_>]) -> Vec<Bytes> {
        copy::chunks(&self.all().1, rows.iter().map(|row| row.data.iter().map(Option::as_ref)))
    }

    /// The data of a copy of rows that have values for these columns only, in chunks.
    pub(crate) fn chunks_of(&self, indices: &[usize], rows: &[rows::Values<'_>]) -> Vec<Bytes> {
        let values = rows.iter().map(|row| indices.iter().map(|index| row[*index]));
        copy::chunks(&self.of(indices.iter().copied()).1, values)
    }

    /// The statement that copies so many rows of these columns, where `COPY` is possible and pays.
    pub(crate) fn copy_of(&self, indices: &[usize], rows: usize) -> Option<String> {
        let statement = || copy::statement(&self.name, &self.of(indices.iter().copied()).1);
        (self.copies && rows >= copy::FEWEST_ROWS).then(statement)
    }

    /// The statement that deletes rows by their keys.
    pub(crate) fn delete<'w>(&'w self, rows: &'w [Row<'_>]) -> Write<'w> {
        let (indices, columns) = self.keys();
        let deleted = rows.iter().filter(|row| row.deletes);
        Write { text: (&self.delete).into(), values: rows::parameters(deleted, &columns, &indices), columns }
    }

    /// A number for each row, equal for rows with the same key, as the column types compare them.
    pub(crate) async fn ranks(&self, transaction: &Transaction<'_>, rows: &[Row<'_>]) -> Result<Vec<i64>, Failure> {
        let (indices, columns) = self.keys();
        if columns.is_empty() {
            return Ok((0..).take(rows.len()).collect());
        }
        let text = statements::ranks(&columns).into();
        let write = Write { text, values: rows::parameters(rows.iter(), &columns, &indices), columns };
        let ranks = transaction.rows(Statement { text: &write.text, parameters: &write.parameters() }).await?;
        Ok(ranks.iter().map(|row| row.get(0)).collect())
    }

    /// A query of what is compared to find a redelivered row by these columns; `None` if they are not all written.
    pub(crate) fn read_written(&self, index: &[String]) -> Option<String> {
        let is_written = |name: &String| self.columns.iter().any(|column| column.name == *name);
        let names: Vec<_> = self.columns.iter().map(Column::quoted).collect();
        index.iter().all(is_written).then(|| format!("SELECT {} FROM {}", names.join(", "), self.name))
    }

    /// Whether both layouts read values in the same way.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let reads = |column: &Column| {
            let Column { name, ty, modifier, base, stored_as, collation, .. } = column;
            (name.clone(), ty.clone(), *modifier, base.clone(), stored_as.clone(), collation.clone())
        };
        self.columns.iter().map(reads).eq(other.columns.iter().map(reads))
    }

    /// Whether only the server knows which keys are equal.
    fn server_finds_latest(&self) -> bool {
        let mut keys = self.columns.iter().filter(|column| column.is_key);
        self.replaces && keys.any(|column| !column.is_exact())
    }

    fn all(&self) -> (Vec<usize>, Vec<&Column>) {
        self.of(0..self.columns.len())
    }

    /// The key's columns in the order of their names, which is the one in which rows are locked.
    fn keys(&self) -> (Vec<usize>, Vec<&Column>) {
        statements::split_keys(&self.all().1).0.into_iter().unzip()
    }

    fn of(&self, indices: impl Iterator<Item = usize>) -> (Vec<usize>, Vec<&Column>) {
        indices.map(|index| (index, &self.columns[index])).unzip()
    }
}

impl Write<'_> {
    /// The parameters with their types.
    pub(crate) fn parameters(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        self.values.iter().map(|(values, ty)| (&**values as &(dyn ToSql + Sync), ty.clone())).collect()
    }
}

/// Why no vector of the mapping fits into its column, if none does.
fn other_dimensions(plan: &Plan, columns: &[catalog::Found]) -> Option<String> {
    let (name, number) = plan.dimensions.as_ref()?;
    let column = columns.iter().find(|column| column.name == *name && is_extension_type(&column.ty))?;
    // The modifier is the number of dimensions. Without one, the column takes any.
    let dimensions = usize::try_from(column.modifier).ok().filter(|dimensions| dimensions != number)?;
    Some(format!("column {name} has {dimensions} dimensions, the mapping {number}; correct one of them"))
}

async fn name(transaction: &Transaction<'_>, table: &str) -> Result<TableName, Failure> {
    let name = TableName::parse(table).map_err(|error| Failure::Table(error.report()))?;
    let Some(whole) = TableName::in_one(table) else { return Ok(name) };
    let (with_schema, in_one) = (name.to_string(), whole.to_string());
    let parameters: [(&(dyn ToSql + Sync), Type); 2] = [(&with_schema, Type::TEXT), (&in_one, Type::TEXT)];
    let found = transaction.rows(Statement { text: IS_ONE_NAME, parameters: &parameters }).await?;
    Ok(if found.first().is_some_and(|row| row.get(0)) { whole } else { name })
}
