//! Calls to the broker before any record flows: probes for `check`, and the schemas of mappings.

use super::{DanubeBroker, connection::Purpose, schema_info};
use crate::{pipeline::BrokerFailure, schema::SchemaInfo};

impl DanubeBroker {
    /// Connects to the broker.
    pub(crate) async fn reach(&self) -> Result<(), BrokerFailure> {
        self.connections.service(Purpose::Lookup).await.map(drop)
    }

    /// Looks up the latest schema of a subject, and the id of the subject's schemas.
    pub(crate) async fn latest_schema(&self, subject: &str) -> Result<(u64, SchemaInfo), BrokerFailure> {
        let link = self.connections.service(Purpose::Lookup).await?;
        let registry = link.transport.client.schema();
        let found = link.call(async { Ok(registry.get_latest_schema(subject).await?) }).await?;
        Ok((found.schema_id, schema_info(found)?))
    }
}
