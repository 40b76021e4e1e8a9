//! Joins small files of a table into larger ones. The library's own `OPTIMIZE` needs its query engine, a quarter more crates.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashSet},
    mem,
};

use deltalake::{
    DeltaResult, DeltaTable, DeltaTableError,
    arrow::{
        array::{RecordBatch, new_null_array},
        datatypes::{Schema, SchemaRef},
    },
    datafile::{DataFileReader, reader::ParquetFileReader},
    kernel::{Action, LogicalFileView, transaction::CommitBuilder},
    protocol::DeltaOperation,
    writer::WriteMode,
};
use futures_util::TryStreamExt;
use tracing::warn;

use super::{
    files::{self, Unbounded},
    log,
};

/// A file below this size is small, in bytes.
const SMALL: i64 = 16 * 1024 * 1024;
/// The most that one compaction reads, in bytes, so that its time and memory are bounded.
const MOST: i64 = 64 * 1024 * 1024;

/// Rewrites the small files of one partition as one, if it has at least `after` of them: the one that has the most. Returns
/// the state after the commit; `None` without one. The rows stay the same, and any commit of another writer meanwhile makes this one fail. The
/// old files stay in the store until the table is vacuumed.
///
/// A file with other columns or values than the table takes stays as it is, and its path in `left_alone`, so that it is not chosen again.
///
/// # Errors
/// Those of the library; the table is unchanged.
pub(crate) async fn compact(
    state: &DeltaTable,
    shown: &str,
    after: usize,
    left_alone: &mut HashSet<String>,
) -> DeltaResult<Option<DeltaTable>> {
    let snapshot = state.snapshot()?;
    let small = small_files(snapshot.log_data().iter(), after, left_alone);
    let Some(first) = small.first() else { return Ok(None) };
    let values = first.partition_values();
    let values = values.iter().flat_map(|values| values.fields().iter().zip(values.values()));
    let partition = values.map(|(field, value)| (field.name().clone(), value.clone())).collect();
    let (mut writer, mut unbounded) = (files::writer(state)?, Unbounded::default());
    let schema = without(&writer.arrow_schema(), snapshot.metadata().partition_columns());
    let reader = ParquetFileReader::new(state.object_store());
    let (mut actions, mut foreign) = (Vec::new(), 0);
    for file in &small {
        let (mut rows, mut conforms) = (0, true);
        let mut batches = reader.read_file(file.object_store_path()).await?;
        while let Some(batch) = batches.try_next().await? {
            let Some(batch) = conformed(&batch, &schema) else {
                conforms = false;
                break;
            };
            rows += batch.num_rows();
            unbounded.note(&batch);
            writer.write_partition(batch, &partition, WriteMode::Default).await?;
        }
        if !conforms || file.num_records().is_some_and(|expected| expected != rows) {
            left_alone.insert(file.path().into_owned());
            foreign += 1;
            if rows > 0 {
                // The writer has rows of it, and its removal would lose the others.
                let why = "a file has rows that the table's columns do not take, or not as many as the log says; it is left alone";
                return Err(DeltaTableError::Generic(why.to_owned()));
            }
        } else if rows > 0 {
            actions.push(Action::Remove(file.remove_action(false)));
        }
    }
    if foreign > 0 {
        warn!(table = shown, files = foreign, "small files that the table's columns do not take are left alone");
    }
    if actions.len() < 2 {
        return Ok(None);
    }
    for mut add in unbounded.flush(&mut writer).await? {
        add.data_change = false;
        actions.push(Action::Add(add));
    }
    let operation = DeltaOperation::Optimize { predicate: None, target_size: MOST };
    // Without retries: the library's check of conflicts lets two compactions of the same files pass.
    let commit = CommitBuilder::from(log::properties().with_max_retries(0)).with_actions(actions);
    let committed = commit.build(Some(snapshot), state.log_store(), operation).await?;
    let mut joined = state.clone();
    joined.state = Some(committed.snapshot());
    Ok(Some(joined))
}

/// The small files of the partition that has the most, the oldest first; none if it has fewer than `after`. Of `left_alone`, those
/// that the table still has remain.
fn small_files(
    files: impl Iterator<Item = LogicalFileView>,
    after: usize,
    left_alone: &mut HashSet<String>,
) -> Vec<LogicalFileView> {
    let mut known = mem::take(left_alone);
    let mut partitions: BTreeMap<Vec<(String, Option<String>)>, Vec<LogicalFileView>> = BTreeMap::new();
    // Without its deletion vector, a file has the deleted rows again.
    for file in files.filter(|file| file.size() < SMALL && file.deletion_vector_descriptor().is_none()) {
        if let Some(path) = known.take(&*file.path()) {
            left_alone.insert(path);
            continue;
        }
        let mut partition: Vec<_> = file.partition_values_map().into_iter().collect();
        partition.sort_unstable();
        partitions.entry(partition).or_default().push(file);
    }
    let mut files = partitions.into_values().min_by_key(|files| Reverse(files.len())).unwrap_or_default();
    if files.len() < after {
        return Vec::new();
    }
    files.sort_by_key(LogicalFileView::modification_time);
    let mut size = 0;
    files.retain(|file| {
        size += file.size();
        size <= MOST
    });
    files
}

/// The columns that files have: those of partitions are in the log.
fn without(schema: &Schema, partition_columns: &[String]) -> SchemaRef {
    let columns = schema.fields().iter().filter(|column| !partition_columns.contains(column.name())).cloned();
    Schema::new(columns.collect::<Vec<_>>()).into()
}

/// The rows with the table's columns; `None` for a file with columns of other types, such as one of another writer, and for rows
/// without a value for a column that requires one.
fn conformed(batch: &RecordBatch, schema: &SchemaRef) -> Option<RecordBatch> {
    let is_known = |column: &String| schema.field_with_name(column).is_ok();
    if !batch.schema().fields().iter().all(|column| is_known(column.name())) {
        return None;
    }
    let columns = schema.fields().iter().map(|column| match batch.column_by_name(column.name()) {
        Some(values) => (values.data_type() == column.data_type()).then(|| values.clone()),
        None => column.is_nullable().then(|| new_null_array(column.data_type(), batch.num_rows())),
    });
    RecordBatch::try_new(SchemaRef::clone(schema), columns.collect::<Option<_>>()?).ok()
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, fs, sync::Arc};

    use deltalake::{
        StructField, StructType,
        arrow::array::{ArrayRef, Int32Array, Int64Array},
        ensure_table_uri,
        kernel::{Add, DataType},
        operations::create::CreateBuilder,
        parquet::arrow::ArrowWriter,
    };

    use super::*;
    use crate::tests::common::folder;

    /// A table with the column `n` of integers, without nulls, and a file of each array, as another writer may have added it: the log
    /// does not have the number of its rows. Four of them are as much as a compaction reads.
    async fn table(name: &str, files: impl IntoIterator<Item = ArrayRef>) -> DeltaTable {
        let folder = folder(name).join("table");
        fs::create_dir_all(&folder).unwrap();
        let schema = StructType::try_new([StructField::new("n", DataType::LONG, false)]).unwrap();
        let create = CreateBuilder::new().with_location(ensure_table_uri(folder.to_str().unwrap()).unwrap());
        let mut table = create.with_columns(schema.fields().cloned()).await.unwrap();
        for (number, values) in files.into_iter().enumerate() {
            let path = format!("{number}.parquet");
            let rows = RecordBatch::try_from_iter([("n", values)]).unwrap();
            let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), None).unwrap();
            writer.write(&rows).unwrap();
            let bytes = writer.into_inner().unwrap();
            fs::write(folder.join(&path), &bytes).unwrap();
            let (size, modification_time) = (SMALL - 1, number.try_into().unwrap());
            let file = Add { path, size, modification_time, data_change: true, ..Add::default() };
            log::commit(&mut table, vec![file], &HashMap::new()).await.unwrap();
        }
        table
    }

    fn numbers(values: impl IntoIterator<Item = Option<i64>>) -> ArrayRef {
        Arc::new(values.into_iter().collect::<Int64Array>())
    }

    fn files(table: &DeltaTable) -> usize {
        table.snapshot().unwrap().log_data().iter().count()
    }

    /// The reader gives a file in several batches.
    #[tokio::test]
    async fn a_file_whose_last_row_does_not_conform_loses_none() {
        let rows = (0..5_000).map(Some).chain([None]);
        let table = table("compaction-null", [numbers([Some(1)]), numbers(rows), numbers([Some(2)])]).await;
        let mut left_alone = HashSet::new();
        let error = compact(&table, "t", 2, &mut left_alone).await.expect_err("a null in a column without nulls");
        assert!(error.to_string().contains("it is left alone"), "{error}");
        let joined = compact(&table, "t", 2, &mut left_alone).await.unwrap().expect("a commit");
        assert_eq!((files(&joined), left_alone.len()), (2, 1));
    }

    #[tokio::test]
    async fn files_that_are_left_alone_do_not_keep_others_from_being_joined() {
        let foreign = || Arc::new(Int32Array::from(vec![7])) as ArrayRef;
        let own = |number| numbers([Some(number)]);
        let table =
            table("compaction-foreign", [foreign(), foreign(), foreign(), foreign(), own(1), own(2), own(3)]).await;
        let mut left_alone = HashSet::from(["gone.parquet".to_owned()]);
        assert!(compact(&table, "t", 2, &mut left_alone).await.unwrap().is_none());
        let joined = compact(&table, "t", 2, &mut left_alone).await.unwrap().expect("a commit");
        assert_eq!((files(&joined), left_alone.len()), (5, 4));
    }
}
