//! The plan of a table: its columns, and the statements that create it.

use danube_sink::prelude::*;
use danube_sink_postgres::{Plan, quoted};

use super::{index::statements, mapping::Vectors};

impl Vectors {
    /// The columns to write, with the statements that create extension, table and index if the mapping asks for it.
    pub(crate) fn plan(&self, write_timeout: Duration) -> Plan {
        let embedding = format!("vector({}) NOT NULL", self.dimensions);
        let payload = [
            ("id", "text PRIMARY KEY", Some(&self.id)),
            ("embedding", &embedding, Some(&self.embedding)),
            ("text", "text", self.text.as_ref()),
            ("payload", "jsonb", self.payload.as_ref()),
        ];
        let mut definitions = Vec::new();
        let mut columns = Vec::new();
        for (name, ty, pointer) in payload {
            let Some(pointer) = pointer else { continue };
            definitions.push(format!("{name} {ty}"));
            columns.push((name.to_owned(), Field::Payload(pointer.clone())));
        }
        for which in &self.metadata {
            let ty = match which {
                Metadata::Partition => "int",
                Metadata::Offset => "bigint",
                Metadata::PublishTime => "timestamptz",
                _ => "text",
            };
            definitions.push(format!("{} {ty}", quoted(which.as_str())));
            columns.push((which.to_string(), Field::Metadata(*which)));
        }
        let limit = (write_timeout * 9 / 10).as_millis();
        let create = self.create.then(|| statements(self, &definitions.join(", "), limit));
        Plan { table: self.table.clone(), create, columns, key: vec!["id".to_owned()], replace: true, changes: None }
    }
}
