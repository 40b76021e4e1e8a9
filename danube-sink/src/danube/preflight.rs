//! Probes of the broker for `check`, before any record flows.

use super::{DanubeBroker, connection::Purpose, schema_info};
use crate::{pipeline::BrokerFailure, schema::SchemaInfo};

impl DanubeBroker {
    /// Connects to the broker.
    pub(crate) async fn reach(&self) -> Result<(), BrokerFailure> {
        self.connections.service(Purpose::Lookup).await.map(drop)
    }

    /// Looks up the latest schema of a subject.
    pub(crate) async fn latest_schema(&self, subject: &str) -> Result<SchemaInfo, BrokerFailure> {
        let link = self.connections.service(Purpose::Lookup).await?;
        let registry = link.transport.client.schema();
        schema_info(link.call(async { Ok(registry.get_latest_schema(subject).await?) }).await?)
    }
}
