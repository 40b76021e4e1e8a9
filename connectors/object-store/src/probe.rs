//! The probe of a location: whether objects can be written and read.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use danube_sink::prelude::*;
use object_store::Attributes;
use tokio::time::{Instant, sleep_until};

use super::{content::Complete, path, store::Store};

/// When the probe of each location was replaced: by any instance of this process, since all have one name.
static REPLACED: Mutex<BTreeMap<String, Arc<Replaced>>> = Mutex::new(BTreeMap::new());

/// The name of a probe, which no subscription has: a `_` at its beginning is encoded.
const PROBE: &str = "_probe";

type Replaced = tokio::sync::Mutex<Option<Instant>>;

impl Store {
    /// Writes and reads an object.
    pub(crate) async fn probe(&self) -> Result<(), Failure> {
        let name = path::join(path::DANUBE, PROBE);
        if self.interval().is_zero() {
            self.replace_probe(&name).await?;
        } else {
            let replaced = {
                let mut all = REPLACED.lock().unwrap_or_else(PoisonError::into_inner);
                Arc::clone(all.entry(self.url().trim_end_matches('/').to_owned()).or_default())
            };
            let mut replaced = replaced.lock().await;
            if let Some(replaced) = *replaced {
                sleep_until(replaced + self.interval()).await;
            }
            // It may have been replaced although it failed, or was cancelled.
            *replaced = Some(Instant::now());
            let outcome = self.replace_probe(&name).await;
            *replaced = Some(Instant::now());
            outcome?;
        }
        self.exists(&name).await?;
        // Without the right to list, S3 answers 403 for an object that does not exist.
        self.exists(&path::join(path::DANUBE, "_none")).await.map(drop)
    }

    async fn replace_probe(&self, name: &str) -> Result<(), Failure> {
        let content = Bytes::from_static(b"written by danube-sink-object-store\n");
        self.write(name, Complete::Memory(vec![content]), Attributes::new()).await
    }
}
