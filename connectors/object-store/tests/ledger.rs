//! Compares the records that were confirmed to producers with those that independent readers find in the store, after failures of
//! each component.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout, reason = "it serves tests alone")]

mod common;

use std::fs;

use common::{Location, Reader, folder};
use danube_sink::dev::{Acks, Keep, Partitions};
use danube_sink_tests::{
    stores::{Kind, NumberedLoad, Server, Stage, assert_each_once, toml},
    until,
};
use tokio::process::Child;

const ROUNDS: usize = 3;

/// A broker, a store, and the settings of connectors for both.
struct Lake {
    stage: Stage,
    url: String,
    options: String,
    place: Location,
    reader: Reader,
}

impl Lake {
    async fn on_disk(name: &str) -> Self {
        let folder = folder(name);
        let lake = folder.join("lake");
        let (url, place) = (lake.display().to_string(), Location::folder(&lake));
        let stage = Stage::start(env!("CARGO_BIN_EXE_danube-sink-object-store"), folder, vec![]).await;
        Self { stage, url, options: String::new(), place, reader: Reader::start() }
    }

    async fn at(server: &Server, name: &str) -> Self {
        let (url, options) = (server.url("a/lake"), toml(&server.options()));
        let program = env!("CARGO_BIN_EXE_danube-sink-object-store");
        let stage = Stage::start(program, folder(name), server.variables()).await;
        Self { stage, url, options, place: Location::at(server, "a/lake"), reader: Reader::start() }
    }

    async fn connector(&self, topic: &str) -> Child {
        let Self { url, options, .. } = self;
        let text = format!(
            "[object_store.storage_options]\n{options}\n[[object_store.topic_mappings]]\ntopic = '{topic}'\n\
             subscription = '{}'\nurl = '{url}'\npath = '{{topic}}/kind={{/kind}}'\nflush_interval_ms = 200\n\
             batch_size = 50\ncompression = 'gzip'\n",
            Stage::SUBSCRIPTION
        );
        self.stage.connector(topic, "one", &text).await
    }

    async fn load(&self, topic: &str, partitions: Option<usize>) -> NumberedLoad {
        NumberedLoad::start(&self.stage, topic, partitions, payload).await
    }

    fn numbers(&self) -> Vec<u64> {
        self.reader.numbers(&self.place, "number").0
    }
}

fn payload(number: u64) -> String {
    let kind = if number.is_multiple_of(3) { "third" } else { "other" };
    format!(r#"{{"number":{number},"kind":"{kind}"}}"#)
}

/// Kills the server and the connector in turn, under load.
async fn killed_in_turn(kind: Kind, name: &str) {
    let server = Server::start(kind, folder(&format!("{name}-server"))).await;
    let lake = Lake::at(&server, name).await;
    let stage = &lake.stage;
    let topic = stage.topic(name, Partitions::Of(3));
    let mut connector = lake.connector(&topic).await;
    let mut load = lake.load(&topic, Some(3)).await;
    for _ in 0..ROUNDS {
        load.confirms(150).await;
        server.kill();
        load.confirms(100).await;
        server.start_again().await;
        load.confirms(97).await;
        stage.kill(&topic, connector).await;
        connector = lake.connector(&topic).await;
    }
    let published = load.stop().await;
    stage.settled(&topic).await;
    stage.kill(&topic, connector).await;
    assert_each_once(&format!("{name}: server and connector killed three times"), published, lake.numbers());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_s3_server_and_a_connector_that_are_killed() {
    killed_in_turn(Kind::S3, "s3").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_azure_server_and_a_connector_that_are_killed() {
    killed_in_turn(Kind::Azure, "azure").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_google_server_and_a_connector_that_are_killed() {
    killed_in_turn(Kind::Google, "gcs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_moved_away_and_back() {
    let lake = Lake::on_disk("ledger-disk").await;
    let topic = lake.stage.topic("disk", Partitions::Of(3));
    let connector = lake.connector(&topic).await;
    let mut load = lake.load(&topic, Some(3)).await;
    let (there, away) = (lake.stage.folder.join("lake"), lake.stage.folder.join("away"));
    for _ in 0..ROUNDS {
        load.confirms(200).await;
        fs::rename(&there, &away).expect("the folder");
        load.confirms(200).await;
        assert!(!there.exists(), "the connector creates another folder");
        fs::rename(&away, &there).expect("no other folder");
    }
    let published = load.stop().await;
    lake.stage.settled(&topic).await;
    lake.stage.kill(&topic, connector).await;
    assert_each_once("folder moved away three times", published, lake.numbers());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_is_killed_between_the_write_and_the_acknowledgement() {
    let lake = Lake::on_disk("ledger-killed").await;
    let topic = lake.stage.topic("killed", Partitions::Of(3));
    let mut connector = lake.connector(&topic).await;
    let mut load = lake.load(&topic, Some(3)).await;
    for _ in 0..ROUNDS {
        load.confirms(100).await;
        lake.stage.broker.faults().set_acks(Acks::Ignored);
        // From now on, this number stays, and records beyond it are written without an acknowledgement.
        let acked = lake.stage.broker.subscription(&topic, Stage::SUBSCRIPTION).unwrap().acked as usize;
        until("writes without an acknowledgement", async || lake.numbers().len() > acked + 50).await;
        lake.stage.kill(&topic, connector).await;
        lake.stage.broker.faults().set_acks(Acks::Taken);
        connector = lake.connector(&topic).await;
    }
    let published = load.stop().await;
    lake.stage.settled(&topic).await;
    lake.stage.kill(&topic, connector).await;
    assert!(
        lake.stage.broker.subscription(&topic, Stage::SUBSCRIPTION).unwrap().redeliveries >= 150,
        "records are redelivered"
    );
    assert_each_once("killed three times before it acknowledged", published, lake.numbers());
}

#[tokio::test(flavor = "multi_thread")]
async fn offsets_that_restart_at_0() {
    let mut lake = Lake::on_disk("ledger-offsets").await;
    let topic = lake.stage.topic("offsets", Partitions::Unpartitioned);
    let mut connector = lake.connector(&topic).await;
    let mut next = 0;
    for round in 0..ROUNDS {
        let producer = lake.stage.producer(&topic, "one", None).await;
        for _ in 0..300 {
            producer.send(payload(next).into_bytes(), None).await.expect("a confirmation");
            next += 1;
        }
        lake.stage.settled(&topic).await;
        lake.stage.broker.restart(Keep::Metadata).await.expect("the port");
        // The connector keeps running through the first loss, and restarts after the second.
        if round == 1 {
            lake.stage.kill(&topic, connector).await;
            connector = lake.connector(&topic).await;
        } else {
            until("a connector that is attached", async || lake.stage.consumers(&topic) > 0).await;
        }
    }
    lake.stage.kill(&topic, connector).await;
    assert_each_once("offsets from 0 three times", next, lake.numbers());
}
