//! The role of the publisher: producers, each with a connection of its own.

use std::time::Duration;

use danube_client::{DanubeClient, Producer};
use futures_util::future::join_all;
use tokio::time::{Instant, sleep_until};

use super::{Publish, TIME_BYTES, from_parent, now};
use crate::child::send_to_parent;

pub(crate) async fn run(publish: Publish) {
    let producers = join_all((0..publish.producers).map(|number| producer(&publish, number))).await;
    send_to_parent(&"ready");
    let "go" = from_parent::<String>().await.as_str() else { panic!("the parent sends go") };
    let started = Instant::now();
    let sending = producers.into_iter().enumerate().map(|(first, producer)| send(&publish, producer, first, started));
    let confirmed: usize = join_all(sending).await.into_iter().sum();
    send_to_parent(&confirmed);
}

async fn producer(publish: &Publish, number: usize) -> Producer {
    let client = DanubeClient::builder().service_url(&publish.url).build().await.expect("a client");
    let producer = client.new_producer().with_topic(&publish.topic).with_name(format!("producer-{number}"));
    let mut producer = producer.with_reliable_dispatch();
    if let Some(partitions) = publish.partitions {
        producer = producer.with_partitions(partitions);
    }
    let mut producer = producer.build().expect("a producer");
    producer.create().await.expect("the topic");
    producer
}

/// Sends every `producers`th record, each at its time. Returns the number of confirmed records.
async fn send(publish: &Publish, producer: Producer, first: usize, started: Instant) -> usize {
    let mut payload = vec![b'x'; publish.bytes];
    let mut confirmed = 0;
    for number in (first..publish.records).step_by(publish.producers) {
        if let Some(rate) = publish.rate {
            sleep_until(started + Duration::from_secs_f64(number as f64 / rate)).await;
        }
        payload[..TIME_BYTES].copy_from_slice(&now().to_le_bytes());
        producer.send(payload.clone(), None).await.expect("a confirmation");
        confirmed += 1;
    }
    confirmed
}
