//! The plan of a table: its columns, and the statements that create it.

use danube_sink::prelude::*;
use danube_sink_postgres::{Changes, Plan, Tombstones, metadata_type, quoted};

use super::{check::Rules, index::Creation, mapping::Vectors};

impl Vectors {
    /// The columns to write, with the statements that create extension, table and index if the mapping asks for it.
    pub(crate) fn plan(&self, write_timeout: Duration) -> Plan {
        let mut definitions = Vec::new();
        let mut columns = Vec::new();
        for (name, kind, field) in self.columns() {
            definitions.push(format!("{} {kind}", quoted(&name)));
            columns.push((name, field));
        }
        let creation = Creation::of(self, definitions, write_timeout);
        let rules = Rules::of(self);
        Plan {
            create: self
                .create
                .then(|| Box::new(move |table: &str, schema: &[_]| Ok(creation.statements(table, schema))) as _),
            create_from_schema: self.create && self.columns_from_schema,
            prepares_existing: true,
            time_unit: self.time_unit,
            fields: self.columns_from_schema.then_some(self.on_new_field),
            dimensions: Some(("embedding".to_owned(), self.dimensions)),
            key: vec!["id".to_owned()],
            replace: true,
            tombstones: self.tombstones == Tombstones::Delete && !self.has_id_of_record(),
            changes: self.operation.clone().map(Changes::by),
            check: Some(Box::new(move |column, json, numbers| rules.violation(column, json, numbers))),
            max_open_tables: self.max_open_tables,
            ..Plan::new(self.table.clone(), columns)
        }
    }

    /// The names of the columns, with the types in a new table and the fields that fill them.
    fn columns(&self) -> Vec<(String, String, Field)> {
        let id = if self.has_id_of_record() { "uuid" } else { "text" };
        let of_payload = |pointer: &Pointer| Field::Payload(pointer.clone());
        let embedding = format!("{}({}) NOT NULL", self.vector_type().name(), self.dimensions);
        let mut columns = vec![
            ("id".to_owned(), format!("{id} PRIMARY KEY"), self.id.clone()),
            ("embedding".to_owned(), embedding, of_payload(&self.embedding)),
        ];
        for (name, kind, pointer) in [("text", "text", &self.text), ("payload", "jsonb", &self.payload)] {
            columns.extend(pointer.iter().map(|pointer| (name.to_owned(), kind.to_owned(), of_payload(pointer))));
        }
        for column in &self.columns {
            columns.push((column.name.clone(), column.kind.clone(), column.from.clone()));
        }
        for (which, name) in self.metadata.iter() {
            columns.push((name.to_owned(), metadata_type(which).to_owned(), Field::Metadata(which)));
        }
        columns
    }

    /// Whether a row's id is that of its record, so that no other record replaces or deletes the row.
    fn has_id_of_record(&self) -> bool {
        self.id == Field::Metadata(Metadata::Id)
    }
}
