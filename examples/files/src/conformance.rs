//! The conformance kit, and the rejection of a single record.

use std::{env, fs, process};

use danube_sink::{
    prelude::*,
    testing::{Prepared, Subject, conforms, from_toml},
};
use serde_json::Value;

use super::Files;

/// The folder of the files, and the path that it is taken away to.
struct Folder {
    files: PathBuf,
    away: PathBuf,
}

impl Folder {
    fn new(name: &str) -> Self {
        let files = env::temp_dir().join(format!("files-{name}-{}", process::id()));
        let _ = fs::remove_dir_all(&files);
        Self { away: files.with_extension("away"), files }
    }

    /// The files of products, by their keys.
    fn products(&self) -> Vec<(u64, PathBuf)> {
        let files = fs::read_dir(&self.files).expect("the folder").map(|file| file.expect("a file").path());
        files
            .filter_map(|file| Some((file.file_name()?.to_str()?.strip_suffix(".json")?.parse().ok()?, file)))
            .collect()
    }
}

fn version(file: PathBuf) -> Option<u64> {
    let product: Value = serde_json::from_slice(&fs::read(file).expect("a file")).expect("JSON");
    product["name"].as_str()?.parse().ok()
}

impl Subject for Folder {
    type Connector = Files;

    fn connector(&self, topic: &str, subscription: &str) -> Prepared<Files> {
        let folder = &self.files;
        from_toml(&format!(
            "[[files.topic_mappings]]\ntopic = '{topic}'\nsubscription = '{subscription}'\nfolder = {folder:?}\n"
        ))
    }

    fn payload(&self, number: u64) -> Vec<u8> {
        format!(r#"{{"sku":"{number}","name":"chair","price":12.5}}"#).into_bytes()
    }

    async fn held(&self) -> Vec<u64> {
        self.products().into_iter().map(|(number, _)| number).collect()
    }

    fn version(&self, key: u64, version: u64) -> Option<Vec<u8>> {
        Some(format!(r#"{{"sku":"{key}","name":"{version}","price":12.5}}"#).into_bytes())
    }

    async fn versions(&self) -> Vec<(u64, u64)> {
        self.products().into_iter().filter_map(|(key, file)| Some((key, version(file)?))).collect()
    }

    async fn take_away(&self) -> bool {
        fs::rename(&self.files, &self.away).is_ok()
    }

    async fn give_back(&self) {
        fs::rename(&self.away, &self.files).expect("the folder is away");
    }

    /// The kit writes a thousand records, each a file that is synced.
    fn patience(&self) -> Duration {
        Duration::from_secs(120)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_conforms() {
    let folder = Folder::new("conform");
    let files = folder.files.clone();
    let report = conforms(folder).await;
    fs::remove_dir_all(files).expect("the folder");
    report.assert();
}

#[tokio::test]
async fn a_key_that_is_no_file_name_rejects_its_record_alone() {
    let folder = Folder::new("names");
    let (mut connector, core) = folder.connector("/default/products", "names").expect("a configuration");
    connector.initialize(core).await.expect("the folder");
    let record = |sku: &str| {
        let payload = format!(r#"{{"sku":"{sku}","name":"chair","price":12.5}}"#);
        SinkRecord::builder("/default/products").payload(payload).build()
    };
    let error =
        connector.process_batch(vec![record("../up"), record("7"), record("")]).await.expect_err("two are invalid");
    let ConnectorError::Partial(failure) = &error else { panic!("{error}") };
    assert_eq!((failure.retried().count(), failure.rejected().count()), (0, 2), "{error}");
    assert!(!error.report().contains("../up"), "{error}");
    assert_eq!(folder.held().await, [7]);
    fs::remove_dir_all(&folder.files).expect("the folder");
}
