//! Questions that are asked before any record flows.

use super::{DanubeBroker, schema_info};
use crate::{pipeline::BrokerFailure, schema::SchemaInfo};

impl DanubeBroker {
    /// Whether the broker answers.
    pub(crate) async fn reach(&self) -> Result<(), BrokerFailure> {
        self.connection.service_route().await.map(drop)
    }

    /// The latest schema of a subject.
    pub(crate) async fn latest_schema(&self, subject: &str) -> Result<SchemaInfo, BrokerFailure> {
        let route = self.connection.service_route().await?;
        let registry = route.client.schema();
        let answer = async { Ok(registry.get_latest_schema(subject).await?) };
        schema_info(self.connection.on(&route, answer).await?)
    }
}
