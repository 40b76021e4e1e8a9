//! Check that a connector leaks no value of hostile payloads in its logs, metrics, health pages and dead letters.

use std::{
    env, fs,
    net::{Ipv4Addr, SocketAddr},
    process::{Command, Stdio},
    thread,
};

use danube_sink::dev::BrokerOptions;

use crate::{Broker, free_port, get, topic, until};

/// Asserts that a connector leaks no value of hostile payloads: `secret` is not in its output, its pages, or the attributes
/// and keys of its dead letters, and each hostile payload becomes a dead letter.
///
/// It runs the program until all hostile payloads and a valid one are settled. `configuration` returns the part below the
/// core keys, for a topic and its dead-letter topic; the subscription is `s`.
pub async fn assert_no_value_leaks(
    program: &str,
    configuration: impl FnOnce(&str, &str) -> String,
    hostile: &[String],
    good: &str,
    secret: &str,
) {
    let broker = Broker::embedded(BrokerOptions { max_unacked_messages: 1_000, ..BrokerOptions::default() }).await;
    let embedded = broker.embedded.as_ref().expect("an embedded broker");
    let (topic, letters) = (topic("hostile"), topic("hostile-letters"));
    let producer = broker.producer(&topic, "producer", None).await;
    drop(broker.producer(&letters, "creator", None).await);
    let port = free_port();
    let text = format!(
        "danube_service_url = '{}'\nmetrics_port = {port}\nlog_level = 'debug'\n{}",
        broker.url(),
        configuration(&topic, &letters)
    );
    let file = env::temp_dir().join(format!("danube-sink-hostile-{port}.toml"));
    fs::write(&file, text).expect("a folder");
    let mut command = Command::new(program);
    command.arg("--config").arg(&file).stdout(Stdio::piped()).stderr(Stdio::piped());
    let program = command.spawn().expect("it runs");
    let id = program.id().to_string();
    let output = thread::spawn(move || program.wait_with_output());
    until("it has subscribed", async || embedded.subscription(&topic, "s").is_some()).await;

    for payload in hostile.iter().map(String::as_str).chain([good]) {
        producer.send(payload.as_bytes().to_vec(), None).await.expect("a confirmation");
    }
    let settled = async || embedded.subscription(&topic, "s").is_some_and(|s| s.backlog + s.in_flight == 0);
    until("everything is settled", settled).await;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut seen = Vec::new();
    for page in ["/live", "/ready", "/status", "/metrics"] {
        seen.push(get(address, page).await.1);
    }
    assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill").success());
    let output = output.join().expect("a thread").expect("its output");
    assert!(output.status.success(), "{output:?}");
    seen.extend([output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("a text")));
    fs::remove_file(file).expect("the file");

    let letters = embedded.messages(&letters);
    seen.extend(letters.iter().map(|letter| format!("{:?} {:?}", letter.attributes, letter.routing_key)));
    for text in &seen {
        let leak = text.lines().find(|line| line.contains(secret));
        assert_eq!(leak, None);
    }
    assert_eq!(letters.len(), hostile.len());
}
