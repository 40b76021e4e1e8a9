//! The server is killed and stopped while records are published: none is lost or duplicated.

use danube_sink::dev::BrokerOptions;
use danube_sink_tests::{Broker, Ledger, Running, topic, until};

use super::{
    configured,
    server::{PostgresServer, Program},
    texts,
};

const RECORDS: u64 = 2_000;
/// Records that are published between two steps.
const SOME: u64 = 400;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_duplicated_when_the_server_is_killed_and_stopped_under_load() {
    let server = PostgresServer::start(Program::Pgvector);
    let broker = Broker::embedded(BrokerOptions { max_unacked_messages: 50, ..BrokerOptions::default() }).await;
    let topic = topic("pgvector");
    let producer = broker.producer(&topic, "producer", None).await;
    let (sink, core) = configured(&server, &topic, "").unwrap();
    let running = Running::start(sink, core, &broker).await;
    let held = async || -> Vec<u64> {
        let ids = texts(&server.client().await, "SELECT id FROM docs").await;
        ids.iter().map(|id| id.parse().unwrap()).collect()
    };
    let mut rows = 0;
    let numbers: Vec<_> = (0..RECORDS).collect();
    for number in &numbers {
        let payload = format!(r#"{{"id":{number},"embedding":[{number},1,2]}}"#);
        producer.send(payload.into_bytes(), None).await.unwrap();
        let step = (number % SOME == 0).then_some(number / SOME);
        if let Some(1 | 3) = step {
            until("more rows", || async { held().await.len() > rows }).await;
            rows = held().await.len();
        }
        match step {
            Some(1) => server.kill(),
            Some(3) => server.stop("fast"),
            Some(2 | 4) => server.start_again(),
            _ => {}
        }
    }
    until("every record is acknowledged", || async {
        let status = broker.embedded.as_ref().unwrap().subscription(&topic, "pgvector").unwrap();
        status.backlog + status.in_flight == 0
    })
    .await;
    running.stop().await;
    assert_eq!(Ledger::compare("pgvector, killed and stopped", &numbers, &held().await), Ledger::CLEAN);
}
