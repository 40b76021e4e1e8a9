//! Comparison of the embedded broker with a real one that has TLS and tokens (`auth: { mode: tls }`).
//!
//! It needs `DANUBE_TEST_TLS_URL`, `DANUBE_TEST_TLS_CA` (a file) and `DANUBE_TEST_TLS_SECRET` (its `jwt.secret_key`), and
//! by `danube-admin security`, on cluster scope, the permissions Lookup and Consume for `sink`, Lookup, Produce and ManageSchema
//! for `shop`, Lookup for `looker`.

use std::time::{Duration, SystemTime};

use danube_client::DanubeClient;
use danube_core::proto::{
    AckRequest, ConsumerRequest, DispatchStrategy, HealthCheckRequest, MsgId, ProducerRequest, ReceiveRequest,
    TopicLookupRequest, consumer_service_client::ConsumerServiceClient, danube_schema::GetLatestSchemaRequest,
    danube_schema::GetSchemaRequest, danube_schema::schema_registry_client::SchemaRegistryClient,
    discovery_client::DiscoveryClient, health_check_client::HealthCheckClient,
    producer_service_client::ProducerServiceClient,
};
use danube_sink::{
    Secret,
    SubscriptionType::Exclusive,
    Token,
    dev::{Access, Permission, Scope},
};
use danube_sink_tests::{Ledger, Target, TestSink, TlsBroker, payload, topic};
use tonic::{
    Code, Request,
    transport::{Certificate, Channel, ClientTlsConfig},
};

use crate::Running;

/// A broker's response to each call: its name, status code and message.
type Answers = Vec<(String, Code, String)>;

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("set {name}: see the top of this file"))
}

fn hour() -> SystemTime {
    SystemTime::now() + Duration::from_secs(3600)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real broker with TLS and tokens"]
async fn the_embedded_broker_answers_like_the_real_one() {
    let ca = std::fs::read_to_string(variable("DANUBE_TEST_TLS_CA")).expect("a file");
    let real = Access::new(&variable("DANUBE_TEST_TLS_SECRET"));
    let real = answers(variable("DANUBE_TEST_TLS_URL"), &ca, &real).await;
    let embedded = TlsBroker::start("parity").await;
    embedded.access.grant("looker", &Scope::Cluster, &[Permission::Lookup]);
    embedded.access.revoke("sink", Permission::ManageSchema);
    let embedded = answers(embedded.url(), embedded.ca.certificate(), &embedded.access).await;
    for (real, embedded) in real.iter().zip(&embedded) {
        println!("{real:?}");
        assert_eq!(real, embedded);
    }
    assert!(real.len() == embedded.len() && real.len() > 40);
}

async fn answers(url: String, ca: &str, access: &Access) -> Answers {
    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca));
    let channel = Channel::from_shared(url).unwrap().tls_config(tls).unwrap().connect().await.expect("the broker");
    let token = |principal: &str| access.token(principal, hour()).unwrap();
    let callers = [
        ("without a token", None),
        ("not a token", Some("hunter2".to_owned())),
        ("forged", Some(Access::new("another key").token("sink", hour()).unwrap())),
        ("expired", Some(access.token("sink", SystemTime::now() - Duration::from_secs(3600)).unwrap())),
        ("unknown", Some(token("unknown"))),
        ("looker", Some(token("looker"))),
        ("sink", Some(token("sink"))),
    ];
    let mut answers = Answers::new();
    for (who, token) in callers {
        calls(&channel, who, token.as_deref(), &mut answers).await;
    }
    answers
}

async fn calls(channel: &Channel, who: &str, token: Option<&str>, answers: &mut Answers) {
    fn request<T>(token: Option<&str>, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(token) = token {
            request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        request
    }
    macro_rules! call {
        ($client:ident, $method:ident, $message:expr) => {{
            let answer = $client::new(channel.clone()).$method(request(token, $message)).await;
            let (code, text) = match answer {
                Ok(_) => (Code::Ok, String::new()),
                Err(status) => (status.code(), status.message().to_owned()),
            };
            answers.push((format!("{who}: {}", stringify!($method)), code, text));
        }};
    }
    let topic_name = "/default/not_there".to_owned();
    let id = MsgId { topic_name: topic_name.clone(), ..MsgId::default() };
    call!(DiscoveryClient, topic_partitions, TopicLookupRequest { request_id: 1, topic: topic_name.clone() });
    call!(ConsumerServiceClient, receive_messages, ReceiveRequest { request_id: 1, consumer_id: u64::MAX });
    call!(HealthCheckClient, health_check, HealthCheckRequest { request_id: 1, client: 1, id: 1 });
    call!(SchemaRegistryClient, get_schema, GetSchemaRequest { schema_id: 999, version: None });
    call!(SchemaRegistryClient, get_latest_schema, GetLatestSchemaRequest { subject: "not-there".to_owned() });
    if who != "sink" {
        call!(
            ConsumerServiceClient,
            subscribe,
            ConsumerRequest { topic_name: topic_name.clone(), ..ConsumerRequest::default() }
        );
        let message = AckRequest { request_id: 1, msg_id: Some(id.clone()), subscription_name: "s".to_owned() };
        call!(ConsumerServiceClient, ack, message);
    }
    let producer = ProducerRequest {
        topic_name,
        producer_name: "p".to_owned(),
        dispatch_strategy: DispatchStrategy::Reliable.into(),
        ..ProducerRequest::default()
    };
    call!(ProducerServiceClient, create_producer, producer);
    let message = danube_core::proto::StreamMessage { msg_id: Some(id), ..Default::default() };
    call!(ProducerServiceClient, send_message, message);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real broker with TLS and tokens"]
async fn records_arrive_from_a_real_broker() {
    let (url, ca) = (variable("DANUBE_TEST_TLS_URL"), variable("DANUBE_TEST_TLS_CA"));
    let access = Access::new(&variable("DANUBE_TEST_TLS_SECRET"));
    let token = |principal: &str| access.token(principal, hour()).unwrap();
    let topic = topic("tls");
    let builder = DanubeClient::builder().service_url(&url).with_tls(&ca).expect("a file");
    let client = builder.with_token(token("shop")).build().await.expect("a client");
    let producer = client.new_producer().with_topic(&topic).with_name("shop").with_reliable_dispatch();
    let mut producer = producer.build().expect("a producer");
    producer.create().await.expect("the topic");

    let target = Target::default();
    let sink = TestSink::new(&target, &[&topic], Exclusive);
    let running = Running::start(&url, sink, |config| {
        config.tls_ca_file = Some(ca.into());
        config.token = Some(Token::Value(Secret::new(token("sink"))));
    });
    let running = running.await.ready().await;
    // A real broker keeps 256 messages for a new subscription that lags.
    for number in 0..200 {
        producer.send(payload(number), None).await.expect("a confirmation");
    }
    target.holds(200).await;
    running.stop().await.expect("a clean end");
    assert_eq!(Ledger::compare("a real broker", &(0..200).collect::<Vec<_>>(), &target.numbers()), Ledger::CLEAN);
}
