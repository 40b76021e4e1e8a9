//! What calls cost the client, beside bare loops. Run them in a release build: `--release -- --ignored --nocapture`.

use std::{sync::mpsc, thread, time::Instant};

use danube_core::proto::{
    AckRequest, ConsumerRequest, MsgId, ReceiveRequest, consumer_service_client::ConsumerServiceClient,
};
use futures_util::{
    StreamExt,
    stream::{self, FuturesUnordered},
};
use tokio::runtime::{Builder, Runtime};

use super::{SUBSCRIPTION, TOPIC, attach, client, consumer, dead_letter, publish, start, tokens};
use crate::{
    config::ConnectorConfig,
    danube::{
        acks::{self, AckEncoder},
        connection::Connections,
    },
    dev::EmbeddedBroker,
    pipeline::{AckAnswers, Broker},
};

const COUNT: usize = 10_000;
const DEAD: &str = "/default/dead";

/// The processor time that this thread has used.
fn thread_nanos() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

/// What a client used: microseconds of processor time and records a second.
struct Figures {
    micros: f64,
    rate: f64,
}

/// Measures a client on a thread of its own, beside a broker on others. `prepare` is not measured; when it has ended,
/// the messages are published, and then `run` takes them.
fn measure<P: Future>(
    prepare: impl FnOnce(String) -> P + Send + 'static,
    run: impl AsyncFnOnce(P::Output) + Send + 'static,
) -> Figures {
    let broker = Runtime::new().unwrap();
    let (embedded, publisher) = broker.block_on(start());
    let url = EmbeddedBroker::url(&embedded);
    let (prepared, when_prepared) = mpsc::channel();
    let (published, when_published) = mpsc::channel::<()>();
    let worker = thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let client = runtime.block_on(prepare(url));
        prepared.send(()).unwrap();
        when_published.recv().unwrap();
        let (began, used) = (Instant::now(), thread_nanos());
        runtime.block_on(run(client));
        let (used, took) = (thread_nanos() - used, began.elapsed().as_secs_f64());
        Figures { micros: used / 1e3 / COUNT as f64, rate: COUNT as f64 / took }
    });
    when_prepared.recv().unwrap();
    broker.block_on(publish(&publisher, TOPIC, COUNT));
    published.send(()).unwrap();
    worker.join().unwrap()
}

/// A loop over tonic's client as it is, with 256 acknowledgements in flight.
fn bare() -> Figures {
    let prepare = |url: String| async {
        let mut service = ConsumerServiceClient::connect(url).await.unwrap();
        let request = ConsumerRequest {
            topic_name: TOPIC.to_owned(),
            consumer_name: "one".to_owned(),
            subscription: SUBSCRIPTION.to_owned(),
            ..ConsumerRequest::default()
        };
        let consumer_id = service.subscribe(request).await.unwrap().into_inner().consumer_id;
        let stream = service.receive_messages(ReceiveRequest { request_id: 0, consumer_id }).await.unwrap();
        (service, stream.into_inner())
    };
    measure(prepare, async |(service, stream)| {
        let acks = stream.take(COUNT).map(|message| {
            let message = message.unwrap();
            let mut service = service.clone();
            async move {
                let request = AckRequest {
                    request_id: message.request_id,
                    msg_id: message.msg_id,
                    subscription_name: SUBSCRIPTION.to_owned(),
                };
                service.ack(request).await.unwrap();
            }
        });
        acks.buffer_unordered(256).for_each(|_| async {}).await;
    })
}

/// The same through the seam of the pipeline.
fn ours() -> Figures {
    let prepare = |url: String| async move {
        let client = client(&url);
        (attach(&client).await, client)
    };
    measure(prepare, async |(mut attached, _client)| {
        let mut acks = FuturesUnordered::new();
        let mut left = COUNT;
        while left > 0 {
            tokio::select! {
                Some(answers) = acks.next() => all_acked(&answers),
                chunk = attached.chunks.next() => {
                    let chunk = chunk.unwrap().unwrap();
                    left -= chunk.len();
                    acks.push(attached.session.ack(chunk.into_iter().map(|message| message.token).collect()));
                }
            }
        }
        while let Some(answers) = acks.next().await {
            all_acked(&answers);
        }
    })
}

fn all_acked(answers: &AckAnswers) {
    assert_eq!(answers.failed, []);
}

/// Acknowledgements alone, of messages that were read before.
fn acks_alone(ours: bool) -> (f64, f64) {
    let runtime = Runtime::new().unwrap();
    let (embedded, publisher) = runtime.block_on(start());
    let url = embedded.url();
    let (client, mut attached) = runtime.block_on(async {
        let client = client(&url);
        let attached = attach(&client).await;
        publish(&publisher, TOPIC, COUNT).await;
        (client, attached)
    });
    let tokens = runtime.block_on(tokens(&mut attached.chunks, COUNT));
    drop(client);
    let worker = thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let (began, used) = (Instant::now(), thread_nanos());
        runtime.block_on(async {
            if ours {
                let connections = Connections::new(&ConnectorConfig::new(&url, "test"));
                let address = connections.broker_of(TOPIC).await.unwrap();
                let encoder = AckEncoder::new(&consumer(TOPIC));
                assert_eq!(acks::send(&connections, &address, &encoder, tokens).await.failed, []);
            } else {
                let service = ConsumerServiceClient::connect(url).await.unwrap();
                let calls = stream::iter(tokens).map(|token| {
                    let mut service = service.clone();
                    let request = AckRequest {
                        request_id: token.sequence,
                        msg_id: Some(MsgId {
                            producer_id: token.source.producer_id,
                            topic_name: TOPIC.to_owned(),
                            broker_addr: token.source.broker_address.to_string(),
                            topic_offset: token.offset,
                        }),
                        subscription_name: SUBSCRIPTION.to_owned(),
                    };
                    async move { service.ack(request).await.unwrap() }
                });
                calls.buffer_unordered(256).collect::<Vec<_>>().await;
            }
        });
        let (used, took) = (thread_nanos() - used, began.elapsed().as_secs_f64());
        (used / 1e3 / COUNT as f64, COUNT as f64 / took)
    });
    let figures = worker.join().unwrap();
    assert_eq!(embedded.subscription(TOPIC, SUBSCRIPTION).unwrap().acked, COUNT as u64);
    figures
}

#[test]
#[ignore = "measures; run it alone in a release build"]
fn processor_time_of_calls() {
    for round in 0..3 {
        let ((bare_acks, _), (our_acks, _)) = (acks_alone(false), acks_alone(true));
        println!("round {round}: ack {our_acks:.2} µs, bare {bare_acks:.2} µs, ratio {:.2}", our_acks / bare_acks);
        let (bare, ours) = (bare(), ours());
        println!(
            "round {round}: record {:.2} µs {:.0}/s, bare {:.2} µs {:.0}/s, ratio {:.2}",
            ours.micros,
            ours.rate,
            bare.micros,
            bare.rate,
            ours.micros / bare.micros
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures; run it alone in a release build"]
async fn dead_letters_a_second() {
    let (_embedded, client) = start().await;
    let began = Instant::now();
    for _ in 0..5 {
        let answers = client.publish(DEAD, (0..COUNT).map(dead_letter).collect()).await;
        assert!(answers.iter().all(Result::is_ok));
    }
    println!("{:.0} dead letters a second", 5.0 * COUNT as f64 / began.elapsed().as_secs_f64());
}
