//! The conformance kit, on disk, in S3, in Azure and in Google Cloud Storage.

use std::{collections::BTreeMap, fs, path::PathBuf, time::Duration};

use danube_sink::{
    prelude::*,
    testing::{Prepared, Subject, conforms, from_toml},
};
use danube_sink_tests::stores::{Kind, Server, toml, with_azurite};

use super::{
    DeltaLake,
    tests::common::{Reader, folder, open_s3},
};

/// The store of a table.
enum Store {
    /// The folder with the table.
    Disk(PathBuf),
    /// A server of S3 or Google, whose objects are in a folder.
    InFolder(Server),
    Azure(Server),
}

struct Lake {
    store: Store,
    reader: Reader,
    /// More settings of the mapping.
    more: &'static str,
}

impl Lake {
    fn table(&self) -> String {
        match &self.store {
            Store::Disk(folder) => folder.join("table").display().to_string(),
            Store::InFolder(server) | Store::Azure(server) => server.url("table"),
        }
    }

    /// The table's folder, and the one that it is moved to.
    fn folders(&self) -> Option<(PathBuf, PathBuf)> {
        let table = match &self.store {
            Store::Disk(folder) => folder.join("table"),
            Store::InFolder(server) => server.objects("table"),
            Store::Azure(_) => return None,
        };
        Some((table.clone(), table.with_extension("away")))
    }

    fn options(&self) -> BTreeMap<String, String> {
        match &self.store {
            Store::Disk(_) => BTreeMap::new(),
            Store::InFolder(server) | Store::Azure(server) => server.options(),
        }
    }
}

impl Subject for Lake {
    type Connector = DeltaLake;

    fn connector(&self, topic: &str, subscription: &str) -> Prepared<DeltaLake> {
        let (table, options) = (self.table(), toml(&self.options()));
        let more = self.more;
        let (mut connector, config) = from_toml::<DeltaLake>(&format!(
            "[delta_lake.storage_options]\n{options}\n[[delta_lake.topic_mappings]]\ntopic = '{topic}'\n\
             subscription = '{subscription}'\ntable = '{table}'\n\
             columns = [{{ name = 'number', type = 'long', required = true }}]\n{more}\n"
        ))?;
        if let Store::Azure(server) = &self.store {
            connector.azure_key = server.variables().into_iter().next().map(|(_, key)| Secret::new(key));
        }
        Ok((connector, config))
    }

    fn payload(&self, number: u64) -> Vec<u8> {
        format!(r#"{{"number":{number}}}"#).into_bytes()
    }

    async fn held(&self) -> Vec<u64> {
        let options = match &self.store {
            Store::Azure(server) => server.options_with_keys(),
            _ => self.options(),
        };
        let rows = self.reader.read(&self.table(), &options).rows;
        rows.iter().filter_map(|row| row["number"].as_u64()).collect()
    }

    async fn take_away(&self) -> bool {
        match &self.store {
            Store::Disk(_) => return self.refuse_all().await,
            Store::InFolder(server) | Store::Azure(server) => server.kill(),
        }
        true
    }

    async fn refuse_all(&self) -> bool {
        let Some((table, away)) = self.folders() else { return false };
        fs::rename(table, away).expect("the table");
        true
    }

    async fn give_back(&self) {
        match (&self.store, self.folders()) {
            // This fails if the connector has created another table in between.
            (_, Some((table, away))) if away.exists() => fs::rename(away, table).expect("no other table"),
            (Store::InFolder(server) | Store::Azure(server), _) => server.start_again().await,
            (Store::Disk(_), _) => panic!("the table is away"),
        }
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(300)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_conforms_on_disk() {
    let folder = folder("conforms");
    conforms(Lake { store: Store::Disk(folder.clone()), reader: Reader::start(), more: "" }).await.assert();
    fs::remove_dir_all(folder).expect("the tables");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_conforms_in_s3() {
    let store = Store::InFolder(open_s3("conforms-s3").await);
    conforms(Lake { store, reader: Reader::start(), more: "" }).await.assert();
}

#[tokio::test(flavor = "multi_thread")]
async fn it_conforms_in_gcs() {
    let store = Store::InFolder(Server::open(Kind::Google, folder("conforms-gcs")).await);
    conforms(Lake { store, reader: Reader::start(), more: "" }).await.assert();
}

#[test]
fn it_conforms_in_azure() {
    with_azurite("conformance::in_azure");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "`it_conforms_in_azure` runs it, with a variable"]
async fn in_azure() {
    let store = Store::Azure(Server::start(Kind::Azure, folder("conforms-azure")).await);
    conforms(Lake { store, reader: Reader::start(), more: "" }).await.assert();
}

#[tokio::test(flavor = "multi_thread")]
async fn it_conforms_while_small_files_are_joined() {
    let folder = folder("conforms-joined");
    let store = Store::Disk(folder.clone());
    conforms(Lake { store, reader: Reader::start(), more: "compact_after = 10" }).await.assert();
    fs::remove_dir_all(folder).expect("the tables");
}
