//! Embedded broker with TLS, tokens and access control, and its clients.

use std::{
    net::SocketAddr,
    ops::Range,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use danube_client::{DanubeClient, SchemaType};
use danube_sink::{
    ConnectorConfig,
    dev::{Access, BrokerOptions, EmbeddedBroker, Partitions, Permission, Scope, SubscriptionStatus},
};

use crate::{Ca, payload, topic};

/// Embedded broker with TLS and access control, a topic, and a CA for the broker and its clients.
#[derive(Debug)]
pub struct TlsBroker {
    /// CA of the broker's certificate.
    pub ca: Ca,
    /// Tokens and permissions.
    pub access: Access,
    /// Topic, which exists from the start.
    pub topic: String,
    embedded: EmbeddedBroker,
    client_certificates: bool,
}

impl TlsBroker {
    /// Starts a broker with a certificate for 127.0.0.1, and permissions for the principals `shop` (publishes) and `sink`
    /// (consumes).
    pub async fn start(name: &str) -> Self {
        Self::start_with(name, |_, _| {}).await
    }

    /// Starts the broker of [`TlsBroker::start`] with changed options.
    pub async fn start_with(name: &str, change: impl FnOnce(&mut BrokerOptions, &Ca)) -> Self {
        let ca = Ca::new(name);
        let access = Access::new("the broker's secret key");
        let permissions = [Permission::Lookup, Permission::Produce, Permission::ManageSchema];
        access.grant("shop", &Scope::Cluster, &permissions);
        access.grant("sink", &Scope::Cluster, &[Permission::Lookup, Permission::Consume, Permission::ManageSchema]);
        let mut options = BrokerOptions {
            tls: Some(ca.issue(&["127.0.0.1", "localhost"]).into()),
            access: Some(access.clone()),
            ..BrokerOptions::default()
        };
        change(&mut options, &ca);
        let client_certificates = options.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
        let embedded = EmbeddedBroker::start(options).await.expect("a free port");
        let topic = topic(name);
        embedded.create_topic(&topic, Partitions::Unpartitioned, true).expect("a topic");
        Self { ca, access, topic, embedded, client_certificates }
    }

    /// Service URL of the broker.
    pub fn url(&self) -> String {
        self.embedded.url()
    }

    /// Listening address.
    pub fn address(&self) -> SocketAddr {
        self.embedded.address()
    }

    /// Status of the tests' subscription, if it exists.
    pub fn subscription(&self) -> Option<SubscriptionStatus> {
        self.embedded.subscription(&self.topic, "test")
    }

    /// Creates a token of a principal that is valid for an hour.
    pub fn token(&self, principal: &str) -> String {
        self.access.token(principal, SystemTime::now() + Duration::from_secs(3600)).expect("a token")
    }

    /// Writes a token to the token file. Returns its path.
    pub fn token_file(&self, token: &str) -> PathBuf {
        self.ca.write("token", token)
    }

    /// Sets the CA, the token file and, if required, the client certificate of a connector that connects as `sink`.
    pub fn configure(&self, config: &mut ConnectorConfig) {
        config.tls_ca_file = Some(self.ca.file());
        config.token = Some(danube_sink::Token::File(self.token_file(&self.token("sink"))));
        if self.client_certificates {
            let identity = self.ca.issue(&["sink"]);
            config.tls_cert_file = Some(self.ca.write("sink.pem", &identity.certificate));
            config.tls_key_file = Some(self.ca.write("sink-key.pem", &identity.key));
        }
    }

    /// Creates an unmodified danube-client that connects as a principal.
    pub async fn client(&self, principal: &str) -> DanubeClient {
        let builder = DanubeClient::builder().service_url(self.url());
        let builder = if self.client_certificates {
            let identity = self.ca.issue(&[principal]);
            let certificate = self.ca.write(&format!("{principal}.pem"), &identity.certificate);
            builder.with_mtls(
                self.ca.file(),
                certificate,
                self.ca.write(&format!("{principal}-key.pem"), &identity.key),
            )
        } else {
            builder.with_tls(self.ca.file())
        };
        builder.expect("the files exist").with_token(self.token(principal)).build().await.expect("a client")
    }

    /// Publishes numbered records as `shop`. Returns the confirmed numbers.
    pub async fn publish(&self, numbers: Range<u64>) -> Vec<u64> {
        let producer = self.client("shop").await.new_producer();
        let mut producer =
            producer.with_topic(&self.topic).with_name("shop").with_reliable_dispatch().build().expect("a producer");
        producer.create().await.expect("the topic");
        for number in numbers.clone() {
            producer.send(payload(number), None).await.expect("a confirmation");
        }
        numbers.collect()
    }

    /// Publishes numbered records as `shop`, with a JSON Schema. Returns the confirmed numbers.
    pub async fn publish_with_schema(&self, numbers: Range<u64>) -> Vec<u64> {
        let client = self.client("shop").await;
        let subject = format!("{}-value", self.topic.trim_start_matches("/default/"));
        let schema = client.schema();
        let registration = schema.register_schema(&subject).with_type(SchemaType::JsonSchema);
        registration.with_schema_data(br#"{"type":"object"}"#).execute().await.expect("a schema");
        let producer = client.new_producer().with_topic(&self.topic).with_name("schema-shop").with_reliable_dispatch();
        let mut producer = producer.with_schema_subject(&subject).build().expect("a producer");
        producer.create().await.expect("the topic");
        for number in numbers.clone() {
            producer.send(payload(number), None).await.expect("a confirmation");
        }
        numbers.collect()
    }
}
