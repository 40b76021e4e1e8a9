//! What is known of the tables of a mapping while the connector runs.

use std::sync::Arc;

use danube_sink::{Recent, schema::AwaitedColumn};

use super::{column::Columns, name::TableName, table::Table};

/// The open tables of a mapping.
#[derive(Debug)]
pub(crate) struct Opened {
    /// The last known columns of each table.
    pub(crate) columns: Recent<Columns>,
    /// The columns of a new table with their types, where records choose tables and the mapping creates them.
    pub(crate) new_table: Option<Vec<(String, String)>>,
    pub(crate) awaited: AwaitedColumn,
}

impl Opened {
    /// Without new tables. So many tables are remembered.
    pub(crate) fn new(tables: usize) -> Self {
        Self { columns: Recent::new(tables), new_table: None, awaited: AwaitedColumn::default() }
    }
}

/// A table of a mapping.
#[derive(Clone, Copy)]
pub(super) struct Target<'t> {
    pub(super) table: &'t Table,
    pub(super) name: &'t TableName,
    pub(super) opened: &'t Opened,
    /// Whether records choose the table by their content.
    pub(super) by_content: bool,
}

impl Target<'_> {
    pub(super) fn known_columns(&self) -> Option<Arc<Columns>> {
        self.opened.columns.get(&self.name.quoted())
    }

    pub(super) fn remember(&self, columns: &Arc<Columns>) {
        self.opened.columns.insert(&self.name.quoted(), Arc::clone(columns));
    }
}
