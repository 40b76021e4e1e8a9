//! Cache of schemas from the registry, each compiled once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::OnceCell, time::Instant};

use super::{DecodeOptions, Decoder, missing::MissingSchemas};
use crate::pipeline::{Broker, BrokerFailure};

/// Maximum number of cached schemas, so that a producer that registers endlessly does not fill the memory.
pub(super) const MAX_SCHEMAS: usize = 1_000;

/// Schema id, version and decoding options. Mappings with the same options share the decoder.
type Key = (u64, Option<u32>, Arc<DecodeOptions>);
type Slot = Arc<OnceCell<Arc<Decoder>>>;

/// A look-up without a version returns the latest one, which counts for so long.
const LATEST_COUNTS: Duration = Duration::from_secs(60);

/// Cache of compiled decoders. Concurrent look-ups of one schema are joined.
#[derive(Default)]
pub(crate) struct SchemaCache {
    /// With the time of the look-up.
    known: Mutex<HashMap<Key, (Slot, Instant)>>,
    missing: MissingSchemas,
}

impl SchemaCache {
    /// The decoder for a message's schema, from the cache or the registry.
    ///
    /// # Errors
    /// The failure of the registry. A failed look-up is not cached, but for a moment that of a [missing](Self::set_missing)
    /// schema; a definition that does not compile is, as a decoder that fails for every payload.
    pub(crate) async fn get(
        &self,
        broker: &dyn Broker,
        id: u64,
        version: Option<u32>,
        options: &Arc<DecodeOptions>,
    ) -> Result<Arc<Decoder>, BrokerFailure> {
        if let Some(failure) = self.missing.answer((id, version)) {
            return Err(failure);
        }
        let slot = self.slot((id, version, Arc::clone(options)));
        let compiled = async { Ok(Arc::new(Decoder::new(broker.schema(id, version).await?, options))) };
        let found = slot.get_or_try_init(|| compiled).await.cloned();
        self.missing.answered((id, version), &found);
        found
    }

    /// Remembers that the registry does not have a schema, as a series of look-ups has shown.
    pub(crate) fn set_missing(&self, key: (u64, Option<u32>), failure: &BrokerFailure) {
        self.missing.insert(key, failure);
    }

    /// Whether one further look-up is enough to know that the registry does not have a schema.
    pub(crate) fn is_missing(&self, key: (u64, Option<u32>)) -> bool {
        self.missing.contains(key)
    }

    fn slot(&self, key: Key) -> Slot {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if key.1.is_none() && known.get(&key).is_some_and(|(_, asked)| now.duration_since(*asked) > LATEST_COUNTS) {
            known.remove(&key);
        }
        if known.len() >= MAX_SCHEMAS && !known.contains_key(&key) {
            known.clear();
        }
        let (slot, _) = known.entry(key).or_insert_with(|| (Slot::default(), now));
        Arc::clone(slot)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use async_trait::async_trait;

    use super::*;
    use crate::{
        pipeline::{Attachment, Consumer, DeadLetter},
        schema::{SchemaInfo, SchemaType},
    };

    /// A registry whose latest version is higher at each look-up.
    #[derive(Default)]
    struct Growing(AtomicU32);

    #[async_trait]
    impl Broker for Growing {
        async fn partitions(&self, _: &str) -> Result<Vec<String>, BrokerFailure> {
            Ok(Vec::new())
        }

        async fn create_topic(&self, _: &str, _: Option<u32>) -> Result<(), BrokerFailure> {
            Ok(())
        }

        async fn attach(&self, _: &Consumer) -> Result<Attachment, BrokerFailure> {
            std::future::pending().await
        }

        async fn schema(&self, _: u64, version: Option<u32>) -> Result<SchemaInfo, BrokerFailure> {
            let latest = self.0.fetch_add(1, Ordering::Relaxed) + 1;
            Ok(SchemaInfo {
                subject: "orders".to_owned(),
                version: version.unwrap_or(latest),
                schema_type: SchemaType::Bytes,
                definition: String::new(),
                fingerprint: String::new(),
            })
        }

        async fn publish(&self, _: &str, _: Vec<DeadLetter>) -> Vec<Result<(), BrokerFailure>> {
            Vec::new()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_latest_version_is_looked_up_again_after_a_while() {
        let (registry, cache, options) = (Growing::default(), SchemaCache::default(), Arc::default());
        let mut versions = Vec::new();
        for seconds in [0, 30, 40, 30, 40] {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            let decoder = cache.get(&registry, 1, None, &options).await.unwrap();
            versions.extend(decoder.info().map(|schema| schema.version));
        }
        assert_eq!(versions, [1, 1, 2, 2, 3]);
        cache.get(&registry, 1, Some(1), &options).await.unwrap();
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        cache.get(&registry, 1, Some(1), &options).await.unwrap();
        assert_eq!(registry.0.into_inner(), 4, "a version does not change");
    }
}
