//! Connector processes: the guide's hand-written `main`, signals and exit codes.

use std::{
    fs,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use danube_sink_tests::{Broker, topic, until, within};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::{sleep, timeout},
};

struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(config: &PathBuf) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_handwritten"))
            .env("CONNECTOR_CONFIG_PATH", config)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the connector starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Self { child, lines }
    }

    async fn line(&mut self) -> String {
        within("a line of output", self.lines.next_line()).await.expect("a pipe").expect("another line")
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().expect("the process runs").to_string();
        let sent = std::process::Command::new("kill").args(["-s", name, &id]).status().expect("kill runs");
        assert!(sent.success());
    }

    async fn end(mut self) -> ExitStatus {
        within("the end of the process", self.child.wait()).await.expect("an exit code")
    }
}

fn configuration(name: &str, broker: &Broker, topic: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}.toml", std::process::id()));
    let url = broker.url();
    let text = format!(
        "danube_service_url = \"{url}\"\nconnector_name = \"printer\"\nmetrics_port = 0\n\n[printer]\nprefix = \"> \"\n\n\
         [[printer.topic_mappings]]\ntopic = \"{topic}\"\nsubscription = \"printer\"\nsubscription_type = \"Exclusive\"\n"
    );
    fs::write(&path, text).expect("a folder for temporary files");
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hand_written_main_drains_on_sigterm_and_sigint() {
    let broker = Broker::start().await;
    for signal in ["TERM", "INT"] {
        let topic = topic("handwritten");
        let producer = broker.producer(&topic, "p", None).await;
        let mut process = Process::start(&configuration(signal, &broker, &topic));
        // A new subscription starts at the latest message: the first line of output shows that the connector is attached.
        let publisher = tokio::spawn(async move {
            until("never", || async {
                producer.send(b"{\"a\":1}".to_vec(), None).await.expect("a confirmation");
                false
            })
            .await;
        });
        assert_eq!(process.line().await, r#"> {"a":1}"#);
        publisher.abort();
        process.signal(signal);
        loop {
            if process.line().await == "shut down" {
                break;
            }
        }
        assert_eq!(process.end().await.code(), Some(0), "SIG{signal}");
    }
}

/// The test does not read the connector's output, so that its write blocks, and with it the drain.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_a_hanging_connector() {
    let broker = Broker::start().await;
    let topic = topic("second");
    let producer = broker.producer(&topic, "p", None).await;
    let mut process = Process::start(&configuration("second", &broker, &topic));
    let large = format!("{{\"text\":\"{}\"}}", "x".repeat(20_000));
    let publisher = tokio::spawn(async move {
        until("never", || async {
            producer.send(large.clone().into_bytes(), None).await.expect("a confirmation");
            false
        })
        .await;
    });
    process.line().await;
    let status = || broker.embedded.as_ref().and_then(|broker| broker.subscription(&topic, "printer"));
    // The window is full for a moment, too, when the connector gets no processor.
    let blocked = || async {
        let acked = status().map(|status| status.acked);
        sleep(Duration::from_secs(1)).await;
        status().is_none_or(|status| status.in_flight == 10 && acked == Some(status.acked))
    };
    until("the window full, and nothing acknowledged", blocked).await;
    publisher.abort();
    process.signal("TERM");
    let drains = timeout(Duration::from_secs(1), process.child.wait()).await;
    assert!(drains.is_err(), "the drain hangs");
    process.signal("TERM");
    assert_eq!(process.end().await.code(), Some(1));
}
