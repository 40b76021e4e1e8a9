//! A point that only the server refuses: it is found in halves of the batch.

use danube_sink::{
    dev::BrokerOptions,
    testing::{HttpReply, HttpServer, from_toml},
};
use danube_sink_tests::{Broker, Running, topic, until};
use serde_json::Value;

use super::Qdrant;

/// A server that takes no request of more than ten points, nor one with the point 13.
fn picky() -> HttpServer {
    let info = r#"{"result":{"config":{"params":{"vectors":{"size":2,"distance":"Dot"}}}},"status":"ok"}"#;
    HttpServer::start(move |request| match request.method.as_str() {
        "GET" => HttpReply::status(200, info),
        "PUT" if points(&request.text()).len() > 10 => HttpReply::status(413, "Request Entity Too Large"),
        "PUT" if points(&request.text()).contains(&13) => {
            HttpReply::status(400, r#"{"status":{"error":"Format error in JSON body: s3cret"},"time":0.0}"#)
        }
        _ => HttpReply::status(200, r#"{"result":{"operation_id":1,"status":"completed"},"status":"ok","time":0.1}"#),
    })
    .expect("a free port")
}

/// The ids of the points in a request.
fn points(body: &str) -> Vec<u64> {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    body["points"].as_array().into_iter().flatten().filter_map(|point| point["id"].as_u64()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_point_that_the_server_refuses_is_found_and_the_others_are_written() {
    let server = picky();
    let broker = Broker::embedded(BrokerOptions { max_unacked_messages: 100, ..BrokerOptions::default() }).await;
    let (topic, letters) = (topic("halves"), topic("halves-letters"));
    let producer = broker.producer(&topic, "p", None).await;
    drop(broker.producer(&letters, "p", None).await);
    let (connector, core) = from_toml::<Qdrant>(&format!(
        "retry_backoff_ms = 10\nmax_backoff_ms = 50\nflush_interval_ms = 500\n[qdrant]\napi.url = '{}'\n\
         [[qdrant.topic_mappings]]\ntopic = '{topic}'\nsubscription = 's'\ncollection_name = 'c'\nbatch_size = 50\n\
         on_invalid_record = 'dead_letter'\ndead_letter_topic = '{letters}'\n",
        server.url()
    ))
    .expect("a configuration");
    let running = Running::start(connector, core, &broker).await;
    for id in 0..50 {
        producer.send(format!(r#"{{"id":{id},"vector":[1,2]}}"#).into_bytes(), None).await.expect("a confirmation");
    }
    let embedded = broker.embedded.as_ref().expect("an embedded broker");
    let acked = || async { embedded.subscription(&topic, "s").is_some_and(|status| status.acked == 50) };
    until("every acknowledgement", acked).await;
    running.stop().await;
    let written =
        server.requests().into_iter().filter(|request| request.method == "PUT").map(|put| points(&put.text()));
    let mut written: Vec<_> = written.filter(|ids| ids.len() <= 10 && !ids.contains(&13)).flatten().collect();
    written.sort_unstable();
    written.dedup();
    assert_eq!(written, (0..50).filter(|id| *id != 13).collect::<Vec<_>>());
    let letters = embedded.messages(&letters);
    assert_eq!(letters.len(), 1);
    let attributes = format!("{:?}", letters[0].attributes);
    assert!(attributes.contains("400") && !attributes.contains("s3cret"), "{attributes}");
}
