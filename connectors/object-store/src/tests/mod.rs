//! Single batches, written without a runtime and read back by independent readers.

#[path = "../../tests/common/mod.rs"]
pub(crate) mod common;

mod failures;
mod formats;
mod journal;
mod once;
mod readme;
mod settings;
mod uploads;

use std::path::Path;

use common::{File, Location, Reader, folder};
use danube_sink::{prelude::*, testing::from_toml};

use super::ObjectStore;

const TOPIC: &str = "/default/t";

/// The configuration of one topic whose files are in the folder.
fn configuration(folder: &Path, mapping: &str) -> String {
    let url = folder.join("lake");
    format!(
        "[[object_store.topic_mappings]]\ntopic = '{TOPIC}'\nsubscription = 's'\nurl = '{}'\n{mapping}\n",
        url.display()
    )
}

async fn connector(folder: &Path, mapping: &str) -> ObjectStore {
    let (mut connector, config) = from_toml::<ObjectStore>(&configuration(folder, mapping)).expect("a configuration");
    connector.initialize(config).await.expect("a folder");
    connector
}

/// A record of a producer.
fn record_of(producer: u64, offset: u64, payload: &str) -> SinkRecord {
    let record = SinkRecord::builder(TOPIC).subscription("s").offset(offset).producer("sensor", producer, offset);
    record.publish_time(1_517_966_773_840).key("k").payload(payload.to_owned()).build()
}

fn record(offset: u64, payload: &str) -> SinkRecord {
    record_of(7, offset, payload)
}

fn files(folder: &Path) -> Vec<File> {
    Reader::start().files(&Location::folder(&folder.join("lake")))
}

/// The offsets that the files have, as `_offset`.
fn offsets(folder: &Path) -> Vec<u64> {
    Reader::start().numbers(&Location::folder(&folder.join("lake")), "_offset").0
}

fn names(files: &[File]) -> Vec<&str> {
    files.iter().map(|file| file.name.as_str()).collect()
}

pub(crate) fn temporary(name: &str) -> std::path::PathBuf {
    folder(name)
}
