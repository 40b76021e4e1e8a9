//! The conformance kit, on disk and in S3.

use std::{collections::BTreeMap, fs, path::PathBuf, time::Duration};

use danube_sink::testing::{Prepared, Subject, conforms, from_toml};

use super::{
    DeltaLake,
    tests::common::{Reader, S3, folder, toml},
};

/// The store of a table.
enum Store {
    /// The folder with the table.
    Disk(PathBuf),
    S3(S3),
}

struct Lake {
    store: Store,
    reader: Reader,
}

impl Lake {
    fn table(&self) -> String {
        match &self.store {
            Store::Disk(folder) => folder.join("table").display().to_string(),
            Store::S3(server) => server.table("table"),
        }
    }

    /// The table's folder, and the one that it is moved to.
    fn folders(&self) -> (PathBuf, PathBuf) {
        let table = match &self.store {
            Store::Disk(folder) => folder.join("table"),
            Store::S3(server) => server.objects("table"),
        };
        (table.clone(), table.with_extension("away"))
    }

    fn options(&self) -> BTreeMap<String, String> {
        match &self.store {
            Store::Disk(_) => BTreeMap::new(),
            Store::S3(server) => server.options(),
        }
    }
}

impl Subject for Lake {
    type Connector = DeltaLake;

    fn connector(&self, topic: &str, subscription: &str) -> Prepared<DeltaLake> {
        let (table, options) = (self.table(), toml(&self.options()));
        from_toml(&format!(
            "[delta_lake.storage_options]\n{options}\n[[delta_lake.topic_mappings]]\ntopic = '{topic}'\n\
             subscription = '{subscription}'\ntable = '{table}'\n\
             columns = [{{ name = 'number', type = 'long', required = true }}]\n"
        ))
    }

    fn payload(&self, number: u64) -> Vec<u8> {
        format!(r#"{{"number":{number}}}"#).into_bytes()
    }

    async fn held(&self) -> Vec<u64> {
        let rows = self.reader.read(&self.table(), &self.options()).rows;
        rows.iter().filter_map(|row| row["number"].as_u64()).collect()
    }

    async fn take_away(&self) -> bool {
        match &self.store {
            Store::Disk(_) => return self.refuse_all().await,
            Store::S3(server) => server.kill(),
        }
        true
    }

    async fn refuse_all(&self) -> bool {
        let (table, away) = self.folders();
        fs::rename(table, away).expect("the table");
        true
    }

    async fn give_back(&self) {
        match (&self.store, self.folders()) {
            (Store::S3(server), (_, away)) if !away.exists() => server.start_again().await,
            // This fails if the connector has created another table in between.
            (_, (table, away)) => fs::rename(away, table).expect("no other table"),
        }
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(180)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_conforms_on_disk() {
    let folder = folder("conforms");
    conforms(Lake { store: Store::Disk(folder.clone()), reader: Reader::start() }).await.assert();
    fs::remove_dir_all(folder).expect("the tables");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_conforms_in_s3() {
    let server = S3::start("conforms-s3", false).await;
    conforms(Lake { store: Store::S3(server), reader: Reader::start() }).await.assert();
}
