//! Schemas looked up once for each (id, version).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::OnceCell;

use super::SchemaInfo;
use crate::pipeline::{Broker, BrokerFailure};

/// Most subjects have few versions; a producer that registers endlessly must not fill the memory.
const MOST_SCHEMAS: usize = 1_000;

type Slot = Arc<OnceCell<Arc<SchemaInfo>>>;

/// The schemas seen so far. Concurrent look-ups of one schema are joined.
#[derive(Default)]
pub(crate) struct SchemaCache {
    known: Mutex<HashMap<(u64, Option<u32>), Slot>>,
}

impl SchemaCache {
    /// The schema of a message, from the cache or the registry.
    ///
    /// # Errors
    /// What the registry answered. A failed look-up is not remembered.
    pub(crate) async fn get(
        &self,
        broker: &dyn Broker,
        id: u64,
        version: Option<u32>,
    ) -> Result<Arc<SchemaInfo>, BrokerFailure> {
        let slot = self.slot((id, version));
        slot.get_or_try_init(|| async { broker.schema(id, version).await.map(Arc::new) }).await.cloned()
    }

    fn slot(&self, key: (u64, Option<u32>)) -> Slot {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_SCHEMAS && !known.contains_key(&key) {
            known.clear();
        }
        known.entry(key).or_default().clone()
    }
}
