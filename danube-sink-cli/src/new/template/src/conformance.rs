//! The conformance kit: outages, failed writes, restarts, hostile payloads. It compares the file with what was published.

use std::{env, fs, path::PathBuf, process};

use danube_sink::testing::{Prepared, Subject, conforms, from_toml};

use super::Connector;

/// The folder of the test.
struct Folder(PathBuf);

impl Folder {
    fn file(&self) -> PathBuf {
        self.0.join("orders.txt")
    }

    fn away(&self) -> PathBuf {
        self.0.join("away.txt")
    }
}

impl Subject for Folder {
    type Connector = Connector;

    /// A connector that writes to the target of the test.
    fn connector(&self, topic: &str, subscription: &str) -> Prepared<Connector> {
        let folder = &self.0;
        from_toml(&format!(
            "[my_connector]\nfolder = {folder:?}\n\n[[my_connector.topic_mappings]]\ntopic = '{topic}'\n\
             subscription = '{subscription}'\nfile = 'orders.txt'\n"
        ))
    }

    /// A valid payload, another one for each number.
    fn payload(&self, number: u64) -> Vec<u8> {
        format!(r#"{{"id":{number},"customer":"Ada","amount":1.5}}"#).into_bytes()
    }

    /// The numbers of the payloads that the target has, each as often as it has it.
    async fn held(&self) -> Vec<u64> {
        let lines = fs::read_to_string(self.file()).unwrap_or_default();
        let ids = lines
            .lines()
            .filter_map(|line| line.split(' ').next()?.parse().ok());
        ids.collect()
    }

    /// The number of records in the file: a record that is neither written nor rejected would be missing.
    async fn count(&self) -> Option<u64> {
        let lines = fs::read_to_string(self.file()).unwrap_or_default();
        Some(lines.lines().count() as u64)
    }

    /// A record that the broker delivers twice is in the file twice.
    fn idempotent(&self) -> bool {
        false
    }

    /// Makes every write fail, until `give_back`: a folder is in the place of the file.
    async fn take_away(&self) -> bool {
        fs::rename(self.file(), self.away()).is_ok() && fs::create_dir(self.file()).is_ok()
    }

    async fn give_back(&self) {
        fs::remove_dir(self.file()).expect("the folder in the place of the file");
        fs::rename(self.away(), self.file()).expect("the file is away");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_conforms() {
    let folder = env::temp_dir().join(format!("my-connector-{}", process::id()));
    let _ = fs::remove_dir_all(&folder);
    let report = conforms(Folder(folder.clone())).await;
    fs::remove_dir_all(&folder).expect("the folder");
    report.assert();
}
