//! The conformance kit, in a folder and in S3. Google Cloud Storage takes a batch a second: a run there is six minutes long.

use std::{fs, path::PathBuf, time::Duration};

use danube_sink::testing::{Prepared, Subject, conforms, from_toml};
use danube_sink_tests::stores::{Kind, Server, toml};

use super::{
    ObjectStore,
    tests::common::{Location, Reader, folder},
};

/// Where the files are.
enum Store {
    Folder(PathBuf),
    /// A server, whose objects are in a folder.
    Bucket(Server),
}

struct Lake {
    store: Store,
    reader: Reader,
}

impl Subject for Lake {
    type Connector = ObjectStore;

    fn connector(&self, topic: &str, subscription: &str) -> Prepared<ObjectStore> {
        let (url, options) = match &self.store {
            Store::Folder(folder) => (folder.join("lake").display().to_string(), String::new()),
            Store::Bucket(server) => (server.url("lake"), toml(&server.options())),
        };
        from_toml(&format!(
            "[object_store.storage_options]\n{options}\n[[object_store.topic_mappings]]\ntopic = '{topic}'\n\
             subscription = '{subscription}'\nurl = '{url}'\nformat = 'parquet'\nflush_interval_ms = 200\n\
             columns = [{{ name = 'number', type = 'long', required = true }}]\n"
        ))
    }

    fn payload(&self, number: u64) -> Vec<u8> {
        format!(r#"{{"number":{number}}}"#).into_bytes()
    }

    async fn held(&self) -> Vec<u64> {
        let place = match &self.store {
            Store::Folder(folder) => Location::folder(&folder.join("lake")),
            Store::Bucket(server) => Location::folder(&server.objects("lake")),
        };
        let files = self.reader.files(&place);
        files.iter().flat_map(|file| &file.rows).filter_map(|row| row["number"].as_u64()).collect()
    }

    async fn take_away(&self) -> bool {
        match &self.store {
            Store::Folder(folder) => fs::rename(folder.join("lake"), folder.join("away")).expect("the folder"),
            Store::Bucket(server) => server.kill(),
        }
        true
    }

    async fn refuse_all(&self) -> bool {
        self.take_away().await
    }

    async fn give_back(&self) {
        match &self.store {
            // This fails if the connector has created another folder in between.
            Store::Folder(folder) => fs::rename(folder.join("away"), folder.join("lake")).expect("no other folder"),
            Store::Bucket(server) => server.start_again().await,
        }
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(180)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_conforms_in_a_folder() {
    let folder = folder("conforms");
    conforms(Lake { store: Store::Folder(folder.clone()), reader: Reader::start() }).await.assert();
    fs::remove_dir_all(folder).expect("the files");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_conforms_in_s3() {
    let server = Server::open(Kind::S3, folder("conforms-s3")).await;
    conforms(Lake { store: Store::Bucket(server), reader: Reader::start() }).await.assert();
}
