//! TLS, client certificates, tokens and permissions: connections, and the reports of failures.

use std::time::{Duration, SystemTime};

use danube_client::SubType;
use danube_sink::{
    ConnectorConfig, OnInvalidRecord, SinkRuntime,
    SubscriptionType::Exclusive,
    Token,
    dev::{Access, FailurePolicy, Permission, Scope},
};
use danube_sink_tests::{
    Answer, Ca, Ledger, Relay, Target, TestSink, TlsBroker, get, mapping, payload, replace, until, within,
};

use crate::Running;

async fn connector(broker: &TlsBroker, target: &Target, set: impl FnOnce(&mut ConnectorConfig)) -> Running {
    let sink = TestSink::new(target, &[&broker.topic], Exclusive);
    Running::start(&broker.url(), sink, set).await
}

/// Waits until `/ready` has status 503 and contains all words, and asserts that the connector stays live.
async fn says(running: &Running, words: &[&str]) {
    let probe = running.handle.metrics_address();
    let reported = || async {
        let (code, body) = get(probe, "/ready").await;
        code == 503 && words.iter().all(|word| body.contains(word))
    };
    let last = tokio::time::timeout(danube_sink_tests::PATIENCE / 2, until("the reason", reported)).await;
    assert!(last.is_ok(), "{words:?} are not all in {}", get(probe, "/ready").await.1);
    assert_eq!(get(probe, "/live").await.0, 200);
}

/// Waits until everything has arrived once and is acknowledged.
async fn settled(what: &str, broker: &TlsBroker, confirmed: &[u64], target: &Target) {
    target.holds(confirmed.len()).await;
    let acknowledged = || async {
        broker
            .subscription()
            .is_some_and(|status| status.acked >= confirmed.len() as u64 && status.in_flight + status.backlog == 0)
    };
    until("the acknowledgement of everything", acknowledged).await;
    assert_eq!(Ledger::compare(what, confirmed, &target.numbers()), Ledger::CLEAN);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_arrive_over_tls() {
    let broker = TlsBroker::start_with("tls", |options, _| options.access = None).await;
    let target = Target::default();
    let set = |config: &mut ConnectorConfig| config.tls_ca_file = Some(broker.ca.file());
    let running = connector(&broker, &target, set).await.ready().await;
    let confirmed = broker.publish(0..500).await;
    settled("TLS", &broker, &confirmed, &target).await;
    running.stop().await.expect("a clean end");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_arrive_with_a_client_certificate_and_a_token() {
    let broker = TlsBroker::start_with("mtls", |options, ca| {
        options.tls.as_mut().expect("TLS").client_ca = Some(ca.certificate().to_owned());
    })
    .await;
    let target = Target::default();
    let running = connector(&broker, &target, |config| broker.configure(config)).await.ready().await;
    let mut confirmed = broker.publish(0..100).await;
    settled("mTLS", &broker, &confirmed, &target).await;
    confirmed.extend(broker.publish_with_schema(100..200).await);
    settled("mTLS with a schema", &broker, &confirmed, &target).await;
    running.stop().await.expect("a clean end");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unmodified_danube_client_consumes() {
    let broker = TlsBroker::start("client").await;
    let client = broker.client("sink").await;
    let consumer = client.new_consumer().with_topic(&broker.topic).with_consumer_name("c").with_subscription("test");
    let mut consumer = consumer.with_subscription_type(SubType::Exclusive).build().expect("a consumer");
    consumer.subscribe().await.expect("a subscription");
    let mut messages = consumer.receive().await.expect("a stream");
    broker.publish(0..20).await;
    for number in 0..20 {
        let message = within("a message", messages.recv()).await.expect("a stream");
        assert_eq!(message.payload, payload(number));
        consumer.ack(&message).await.expect("an acknowledgement");
    }
    assert_eq!(broker.subscription().map(|status| status.acked), Some(20));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_renewed_in_its_file_is_used_for_the_next_call() {
    let broker = TlsBroker::start("rotated").await;
    broker.access.grant("next", &Scope::Cluster, &[Permission::Lookup, Permission::Consume]);
    let target = Target::default();
    let running = connector(&broker, &target, |config| broker.configure(config)).await.ready().await;
    let mut confirmed = broker.publish(0..50).await;
    settled("the first token", &broker, &confirmed, &target).await;

    broker.token_file(&broker.token("next"));
    broker.access.revoke("sink", Permission::Consume);
    confirmed.extend(broker.publish(50..100).await);
    settled("the second token", &broker, &confirmed, &target).await;

    // A writer that truncates the file in place leaves it empty for a moment.
    replace(&broker.token_file(""), "");
    confirmed.extend(broker.publish(100..150).await);
    settled("an empty file", &broker, &confirmed, &target).await;
    running.stop().await.expect("a clean end");
}

/// Starts a broker that redelivers early and only twice: a connector that stays attached gets the subscription blocked.
async fn impatient(name: &str) -> TlsBroker {
    let quick = Duration::from_millis(600);
    TlsBroker::start_with(name, |options, _| {
        options.failure_policy = FailurePolicy {
            ack_timeout: quick,
            max_redelivery_count: 2,
            base_redelivery_delay: quick,
            ..FailurePolicy::default()
        };
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_waits_for_a_new_token_when_the_broker_refuses_its_own() {
    let broker = impatient("forged").await;
    let target = Target::default();
    let running = connector(&broker, &target, |config| broker.configure(config)).await.ready().await;
    let mut confirmed = broker.publish(0..20).await;
    settled("before", &broker, &confirmed, &target).await;

    let (past, hour) = (SystemTime::now() - Duration::from_secs(7200), Duration::from_secs(3600));
    let forged = Access::new("another secret key").token("sink", SystemTime::now() + hour).expect("a token");
    let expired = broker.access.token("sink", past).expect("a token");
    for (token, words) in [
        (&forged, ["Invalid token", "for sink", "signed with another key", "put a new one in the file"]),
        (&expired, ["Invalid token", "for sink", "expired on ", "put a new one in the file"]),
    ] {
        let file = broker.token_file(token);
        let from = confirmed.len() as u64;
        confirmed.extend(broker.publish(from..from + 5).await);
        says(&running, &words).await;
        says(&running, &[file.to_str().expect("UTF-8"), "since_unix_seconds", &broker.topic]).await;
        assert!(!get(running.handle.metrics_address(), "/ready").await.1.contains(token.as_str()));
    }
    broker.token_file(&broker.token("sink"));
    settled("after", &broker, &confirmed, &target).await;
    assert!(broker.subscription().is_some_and(|status| !status.blocked));
    running.stop().await.expect("a clean end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_tls_handshake_is_explained_and_retried_with_backoff() {
    let other = Ca::new("other");
    let trusting = |ca: &Ca| {
        let ca = ca.file();
        move |config: &mut ConnectorConfig| config.tls_ca_file = Some(ca)
    };

    let broker = TlsBroker::start("wrong-ca").await;
    refused(&broker, trusting(&other), &["not signed by a trusted CA", "tls_ca_file"]).await;

    let broker = TlsBroker::start_with("expired", |options, ca| {
        let end = SystemTime::now() - Duration::from_secs(60);
        options.tls = Some(ca.issue_until(&["127.0.0.1"], end).into());
    })
    .await;
    refused(&broker, trusting(&broker.ca), &["the broker's certificate expired on ", "renew it at the broker"]).await;

    let broker = TlsBroker::start_with("wrong-name", |options, ca| {
        options.tls = Some(ca.issue(&["broker.example.com"]).into());
    })
    .await;
    let words = ["the broker's certificate is for broker.example.com, not for 127.0.0.1", "danube_service_url"];
    refused(&broker, trusting(&broker.ca), &words).await;

    let broker = TlsBroker::start_with("no-client-certificate", |options, ca| {
        options.tls.as_mut().expect("TLS").client_ca = Some(ca.certificate().to_owned());
    })
    .await;
    refused(&broker, trusting(&broker.ca), &["requires a client certificate", "tls_cert_file", "tls_key_file"]).await;

    let identity = other.issue(&["sink"]);
    let (certificate, key) = (other.write("c.pem", &identity.certificate), other.write("k.pem", &identity.key));
    let ca = broker.ca.file();
    let with_other_certificate = |config: &mut ConnectorConfig| {
        config.tls_ca_file = Some(ca);
        (config.tls_cert_file, config.tls_key_file) = (Some(certificate), Some(key));
    };
    refused(&broker, with_other_certificate, &["the broker aborted the TLS handshake", "tls_cert_file"]).await;

    let broker = TlsBroker::start_with("no-tls", |options, _| options.tls = None).await;
    refused(&broker, trusting(&broker.ca), &["does not speak TLS", "`http`"]).await;
}

/// Asserts that the connector reports why it cannot connect, and retries with backoff.
async fn refused(broker: &TlsBroker, set: impl FnOnce(&mut ConnectorConfig), words: &[&str]) {
    let relay = Relay::to(broker.address()).await;
    let sink = TestSink::new(&Target::default(), &[&broker.topic], Exclusive);
    let url = format!("https://{}", relay.address);
    let running = Running::start(&url, sink, set).await;
    says(&running, words).await;
    says(&running, &["no TLS connection to", &url]).await;
    let before = relay.connections();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let attempts = relay.connections() - before;
    assert!(attempts <= 20, "{attempts} connections in two seconds");
    running.stop().await.expect("a clean end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrected_ca_file_is_used_without_a_restart() {
    let (broker, other) = (TlsBroker::start("corrected").await, Ca::new("corrected-other"));
    let file = broker.ca.write("trusted.pem", other.certificate());
    let target = Target::default();
    let set = |config: &mut ConnectorConfig| {
        broker.configure(config);
        config.tls_ca_file = Some(file.clone());
    };
    let running = connector(&broker, &target, set).await;
    says(&running, &["not signed by a trusted CA"]).await;
    replace(&file, broker.ca.certificate());
    let running = running.ready().await;
    let confirmed = broker.publish(0..20).await;
    settled("a corrected file", &broker, &confirmed, &target).await;
    running.stop().await.expect("a clean end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_waits_for_the_permission_to_publish_dead_letters() {
    let broker = TlsBroker::start("letters").await;
    let target = Target::with_script([Answer::RejectNumbers(vec![0])]);
    let letters = format!("{}_rejected", broker.topic);
    let running = connector(&broker, &target, |config| {
        broker.configure(config);
        let mut mapping = mapping(&broker.topic, config);
        mapping.on_invalid_record = OnInvalidRecord::DeadLetter;
        mapping.dead_letter_topic = Some(letters.clone());
        config.mappings.push(mapping);
    });
    let running = running.await.ready().await;
    let confirmed = broker.publish(0..10).await;
    says(&running, &["dead letters cannot be published to", "lacks the permission Produce on", &letters]).await;
    broker.access.grant("sink", &Scope::Topic(letters), &[Permission::Produce]);
    settled("dead letters", &broker, &confirmed[1..], &target).await;
    running.ready().await.stop().await.expect("a clean end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_tls_setting_or_token_is_reported() {
    let broker = TlsBroker::start("plain").await;
    let sink = TestSink::new(&Target::default(), &[&broker.topic], Exclusive);
    let running = Running::start(&broker.url().replace("https", "http"), sink, |_| {}).await;
    says(&running, &["no broker at http://", "`https`"]).await;
    running.stop().await.expect("a clean end");

    let set = |config: &mut ConnectorConfig| config.tls_ca_file = Some(broker.ca.file());
    let running = connector(&broker, &Target::default(), set).await;
    says(&running, &["Authentication credentials are missing", "DANUBE_TOKEN"]).await;
    running.stop().await.expect("a clean end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_permission_is_reported_and_waited_for() {
    let broker = TlsBroker::start("permissions").await;
    let target = Target::default();
    broker.access.revoke("sink", Permission::Lookup);
    broker.access.revoke("sink", Permission::Consume);
    broker.access.revoke("sink", Permission::ManageSchema);
    let running = connector(&broker, &target, |config| broker.configure(config)).await;
    says(&running, &["service_account sink lacks the permission Lookup on", &broker.topic, "bindings create"]).await;
    broker.access.grant("sink", &Scope::Cluster, &[Permission::Lookup]);
    says(&running, &["lacks the permission Consume on", "scope cluster"]).await;
    // Enough to subscribe, and not to receive.
    broker.access.grant("sink", &Scope::Topic(broker.topic.clone()), &[Permission::Consume]);
    says(&running, &["lacks the permission Consume on the cluster", "scope cluster"]).await;
    assert!(broker.subscription().is_none(), "a subscribed consumer that does not read blocks the topic");
    broker.access.grant("sink", &Scope::Cluster, &[Permission::Consume]);
    let running = running.ready().await;

    let confirmed = broker.publish_with_schema(0..20).await;
    says(&running, &["a schema lookup failed", "lacks the permission ManageSchema on the cluster"]).await;
    broker.access.grant("sink", &Scope::Cluster, &[Permission::ManageSchema]);
    settled("permissions", &broker, &confirmed, &target).await;
    running.ready().await.stop().await.expect("a clean end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permission_revoked_while_running_blocks_no_subscription() {
    let broker = impatient("revoked").await;
    let target = Target::default();
    let running = connector(&broker, &target, |config| broker.configure(config)).await.ready().await;
    broker.access.revoke("sink", Permission::Consume);
    let confirmed = broker.publish(0..30).await;
    // The acknowledgement is refused first, for the cluster, and soon after it the next attach, for the topic.
    says(&running, &["lacks the permission Consume on"]).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(broker.subscription().is_some_and(|status| !status.blocked && status.acked == 0));
    broker.access.grant("sink", &Scope::Cluster, &[Permission::Consume]);
    settled("a revoked permission", &broker, &confirmed, &target).await;
    running.stop().await.expect("a clean end");
}

/// Validation does not depend on a configuration file.
#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_built_in_code_is_validated_at_start() {
    let ca = Ca::new("by-hand");
    let (one, two) = (ca.issue(&["one"]), ca.issue(&["two"]));
    let mut config = ConnectorConfig::new("http://localhost:6650", "test");
    config.metrics_port = 0;
    config.tls_ca_file = Some("/nowhere/ca.pem".into());
    config.tls_cert_file = Some(ca.write("one.pem", &one.certificate));
    config.tls_key_file = Some(ca.write("two-key.pem", &two.key));
    config.token = Some(Token::Value(danube_sink::Secret::new("hunter2")));
    let sink = TestSink::new(&Target::default(), &["/default/any"], Exclusive);
    let error = SinkRuntime::new(sink, config).await.expect_err("four errors").to_string();
    for words in ["https://localhost:6650", "/nowhere/ca.pem", "does not belong to the certificate", "is not a JWT"] {
        assert!(error.contains(words), "{words} is not in {error}");
    }
    assert!(!error.contains("hunter2"));
}
