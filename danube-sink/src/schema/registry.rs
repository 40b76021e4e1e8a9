//! Cache of schemas from the registry, each compiled once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::OnceCell;

use super::{DecodeOptions, Decoder};
use crate::pipeline::{Broker, BrokerFailure};

/// Maximum number of cached schemas, so that a producer that registers endlessly does not fill the memory.
const MAX_SCHEMAS: usize = 1_000;

/// Schema id, version and decoding options. Mappings with the same options share the decoder.
type Key = (u64, Option<u32>, Arc<DecodeOptions>);
type Slot = Arc<OnceCell<Arc<Decoder>>>;

/// Cache of compiled decoders. Concurrent look-ups of one schema are joined.
#[derive(Default)]
pub(crate) struct SchemaCache {
    known: Mutex<HashMap<Key, Slot>>,
}

impl SchemaCache {
    /// The decoder for a message's schema, from the cache or the registry.
    ///
    /// # Errors
    /// The failure of the registry. A failed look-up is not cached; a definition that does not compile is, as a decoder that
    /// fails for every payload.
    pub(crate) async fn get(
        &self,
        broker: &dyn Broker,
        id: u64,
        version: Option<u32>,
        options: &Arc<DecodeOptions>,
    ) -> Result<Arc<Decoder>, BrokerFailure> {
        let slot = self.slot((id, version, Arc::clone(options)));
        let compiled = async { Ok(Arc::new(Decoder::new(broker.schema(id, version).await?, options))) };
        slot.get_or_try_init(|| compiled).await.cloned()
    }

    fn slot(&self, key: Key) -> Slot {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_SCHEMAS && !known.contains_key(&key) {
            known.clear();
        }
        known.entry(key).or_default().clone()
    }
}
