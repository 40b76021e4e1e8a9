//! Keeps the latest version of each product in a JSON file, a folder for each topic: `cargo run -p files -- dev`
//!
//! It shows records of a type of one's own, a check that rejects a single record, and writes that a redelivery repeats without a
//! trace: the file of a product is replaced, and a record says which one by its `sku`.

#[cfg(test)]
mod conformance;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use danube_sink::prelude::*;
use serde::{Deserialize, Serialize};

/// Keeps the latest version of each product in a JSON file.
#[sink_connector(config = "connector.toml", dev_hint = "Try: head products/*.json")]
struct Files {
    /// The topics to read, and the folder for each.
    #[topic_mappings]
    topics: TopicMappings<Folder>,
}

/// Settings of a topic mapping.
#[derive(TopicMapping)]
struct Folder {
    /// Folder of the files; created if it is missing.
    folder: PathBuf,
}

/// The payload of a record, and what a file holds of it. Other fields of the payload are left out.
#[derive(Deserialize, Serialize)]
struct Product {
    /// The key: letters, digits and `-`.
    sku: String,
    name: String,
    price: f64,
    #[serde(default)]
    tags: Vec<String>,
}

#[sink_connector]
impl SinkConnector for Files {
    async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
        for mapping in self.topics.iter() {
            let folder = &mapping.own.folder;
            fs::create_dir_all(folder).initialization(format!("create the folder {}", folder.display()))?;
        }
        Ok(())
    }

    async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        let mut batch = self.topics.batch(records)?;
        let products = batch.each(|_, record| product(record))?;
        // The records of a key are in order, so the last one in the batch is the latest.
        let latest: BTreeMap<&str, &Product> = products.iter().map(|product| (&*product.sku, product)).collect();
        let folder = &batch.own().folder;
        write_all(folder, &latest).retryable(format!("write to the folder {}", folder.display()))?;
        batch.done()
    }
}

/// The product of a record.
fn product(record: &SinkRecord) -> ConnectorResult<Product> {
    let product: Product = record.as_type()?;
    let is_key = |char: char| char.is_ascii_alphanumeric() || char == '-';
    if product.sku.is_empty() || product.sku.len() > 64 || !product.sku.chars().all(is_key) {
        // Not the value itself: reasons are shown in logs and dead letters.
        return Err(ConnectorError::invalid_record(record, "`sku` is not 1 to 64 letters, digits or `-`"));
    }
    Ok(product)
}

/// Replaces the file of each product, so that a reader sees the old version or the new one, never half of it.
fn write_all(folder: &Path, products: &BTreeMap<&str, &Product>) -> io::Result<()> {
    for (sku, product) in products {
        let written = folder.join(format!("{sku}.json.new"));
        let mut file = File::create(&written)?;
        file.write_all(&serde_json::to_vec_pretty(product)?)?;
        // Acknowledged records must survive a power failure.
        file.sync_data()?;
        fs::rename(written, folder.join(format!("{sku}.json")))?;
    }
    File::open(folder)?.sync_all()
}
