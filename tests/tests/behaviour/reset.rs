//! The command `subscription reset`, run as a process.

use std::{fs, path::PathBuf, process::Output};

use danube_sink::dev::BrokerOptions;
use danube_sink_tests::{Broker, topic};
use tokio::process::Command;

/// Runs the command with a configuration of this broker; `root` is a further line of it.
async fn reset(url: &str, root: &str, topic: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let file = topic.rsplit('/').next().expect("a name");
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("reset-{file}.toml"));
    let text = format!("danube_service_url = \"{url}\"\n{root}\n\n[[scripted.topic_mappings]]\ntopic = \"{topic}\"\n");
    fs::write(&path, text).expect("a folder for temporary files");
    let mut command = Command::new(env!("CARGO_BIN_EXE_scripted"));
    command.args(["subscription", "reset", "--config"]).arg(&path).args(arguments);
    let Output { status, stdout, stderr } = command.output().await.expect("the connector starts");
    (status.code(), String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_requires_an_admin_url_and_a_confirmation() {
    let broker = Broker::embedded(BrokerOptions::default()).await;
    let topic = topic("reset");
    drop(broker.producer(&topic, "creator", Some(2)).await);
    let (code, output) = reset(broker.url(), "", &topic, &["--yes"]).await;
    assert_eq!(code, Some(78), "{output}");
    assert!(output.contains("set danube_admin_url, as in"), "{output}");

    let admin = format!("danube_admin_url = \"{}\"", broker.url());
    let (code, output) = reset(broker.url(), &admin, &topic, &[]).await;
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains(&format!("  {topic}-part-1  subscription ")), "{output}");
    assert!(output.contains("nothing was changed. A reset loses all messages"), "{output}");

    let (code, output) = reset(broker.url(), &admin, &topic, &["--yes", "--topic", &format!("{topic}-part-0")]).await;
    assert_eq!(code, Some(0), "{output}");
    assert!(output.contains(&format!("unchanged  {topic}-part-0: ")), "{output}");
    assert!(!output.contains("part-1"), "{output}");
    let (code, output) = reset(broker.url(), &admin, &topic, &["--yes", "--topic", "/default/other"]).await;
    assert_eq!(code, Some(78), "{output}");
}
