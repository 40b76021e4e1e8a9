//! `/metrics`: the documented list, and what is served.

use std::sync::Arc;

use tokio::sync::Notify;

use super::{
    super::{
        metrics::{MAPPING, PARTITION, RUNTIME},
        samples::Metric,
    },
    *,
};
use crate::{connector::SinkConnector, error::ConnectorResult, record::SinkRecord, runtime::SinkRuntime};

/// Name, type, labels and meaning, in the format of the documented list.
fn rows<T>(metrics: &[Metric<T>]) -> Vec<String> {
    let row = |Metric { name, kind, labels, help, .. }: &Metric<T>| {
        let suffix = match kind.as_str() {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
        let labels = labels.join(", ");
        format!("| `danube_sink_{name}{suffix}` | {} | {labels} | {help} |", kind.as_str()).replace("|  |", "| |")
    };
    metrics.iter().map(row).collect()
}

#[test]
fn the_documented_list_is_the_list_of_metrics() {
    let documented: Vec<_> =
        include_str!("../metrics.md").lines().filter(|line| line.starts_with("| `danube_sink_")).collect();
    let listed = [rows(RUNTIME), rows(MAPPING), rows(PARTITION)].concat();
    assert_eq!(documented, listed);
}

#[tokio::test]
async fn the_served_metrics_are_the_listed_ones() {
    let (observer, mapping, [first, _]) = running();
    mapping.error(Stage::Write, "timeout");
    mapping.audit_missing(&partition(0), 1);
    mapping.spooled(1, 100, None);
    observer.spool_damaged(Some(0));
    first.received(1, 0, 0, 0);
    let server = served(&observer).await;
    let (_, text) = get(server.address().port(), "/metrics").await;
    let served: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# HELP danube_sink_")?.split_once(' '))
        .map(|(name, help)| (name.to_owned(), help.to_owned()))
        .collect();
    fn described<T>(metrics: &[Metric<T>]) -> Vec<(String, String)> {
        metrics.iter().map(|metric| (metric.name.to_owned(), metric.help.to_owned())).collect()
    }
    assert_eq!(served, [described(RUNTIME), described(MAPPING), described(PARTITION)].concat());
    // Each has samples with the documented labels.
    let of_mapping = ["connector", "topic", "subscription", "consumer"];
    let of_partition = [&of_mapping[..], &["partition"]].concat();
    fn check<T>(metrics: &[Metric<T>], labels: &[&str], text: &str) {
        for Metric { name, labels: more, .. } in metrics {
            let start = format!("danube_sink_{name}");
            let sample =
                text.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("no sample of {name}"));
            for label in labels.iter().chain(*more) {
                assert!(sample.contains(&format!("{label}=\"")), "no {label} in {sample}");
            }
        }
    }
    check(RUNTIME, &of_mapping[..1], &text);
    check(MAPPING, &of_mapping, &text);
    check(PARTITION, &of_partition, &text);
}

#[test]
fn errors_and_reasons_are_counted_by_label() {
    let (observer, mapping, [first, _]) = running();
    mapping.error(Stage::DeadLetter, "unavailable");
    mapping.error(Stage::DeadLetter, "unavailable");
    mapping.batch_closed(3, Closed::Window);
    first.attached(AttachReason::LostConnection);
    let text = observer.metrics_text();
    for (name, labels, value) in [
        ("errors_total", "stage=\"dead_letter\",kind=\"unavailable\"}", "2"),
        ("batch_closed_total", "reason=\"Window\"}", "1"),
        ("batch_closed_total", "reason=\"Time\"}", "0"),
        ("attaches_total", "part-0\",reason=\"lost_connection\"}", "1"),
        ("attaches_total", "part-0\",reason=\"start\"}", "1"),
        ("attaches_total", "part-1\",reason=\"lost_connection\"}", "0"),
    ] {
        let (start, end) = (format!("danube_sink_{name}{{connector=\"c\","), format!("{labels} {value}"));
        let found = text.lines().any(|line| line.starts_with(&start) && line.ends_with(&end));
        assert!(found, "no {name} {end} in {text}");
    }
}

/// A connector with its own metrics. Its two instances count together.
struct Counting(Arc<Notify>);

#[async_trait::async_trait]
impl SinkConnector for Counting {
    async fn initialize(&mut self, config: ConnectorConfig) -> ConnectorResult<()> {
        let metrics = config.metrics();
        metrics.counter("opened", "Files opened")?.add(1);
        metrics.labelled("table", "a\"b").gauge("open_files", "Files\nopen now")?.set(2.5);
        metrics.histogram("file_bytes", "Sizes of files", &[10.0, 100.0])?.observe(50.0);
        self.0.notify_one();
        Ok(())
    }

    async fn consumer_configs(&self) -> ConnectorResult<Vec<ConsumerConfig>> {
        Ok(vec![consumer()])
    }

    async fn process(&mut self, _: SinkRecord) -> ConnectorResult<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_connectors_own_metrics_are_served() {
    let initialized = Arc::new(Notify::new());
    let mut config = ConnectorConfig::new("http://127.0.0.1:1", "files");
    (config.metrics_port, config.tasks) = (0, 2);
    let instances = (0..2).map(|_| Counting(Arc::clone(&initialized))).collect();
    let runtime = SinkRuntime::with_tasks(instances, config).await.expect("a free port");
    let handle = runtime.handle();
    let running = tokio::spawn(runtime.run());
    let opened = async {
        loop {
            initialized.notified().await;
            let (_, text) = get(handle.metrics_address().port(), "/metrics").await;
            if text.contains("danube_sink_connector_opened_total{connector=\"files\"} 2") {
                return text;
            }
        }
    };
    let text = tokio::time::timeout(Duration::from_secs(30), opened).await.expect("both instances count");
    for line in [
        "# HELP danube_sink_connector_opened Files opened",
        "# TYPE danube_sink_connector_opened counter",
        "# HELP danube_sink_connector_open_files Files open now",
        "danube_sink_connector_open_files{connector=\"files\",table=\"a\\\"b\"} 2.5",
        "danube_sink_connector_file_bytes_bucket{connector=\"files\",le=\"100.0\"} 2",
    ] {
        assert!(text.lines().any(|found| found == line), "no {line} in {text}");
    }
    handle.shutdown();
    running.await.expect("no panic").expect("a clean end");
}

#[test]
fn an_invalid_metric_name_is_an_error() {
    let metrics = ConnectorConfig::new("http://127.0.0.1:1", "files").metrics();
    for name in ["", "Rows", "rows-written", "1st", "rows_total", "zeilen_größe"] {
        assert!(metrics.counter(name, "Rows").is_err(), "{name:?}");
        assert!(metrics.labelled(name, "x").gauge("rows", "Rows").is_err(), "{name:?}");
    }
    assert!(metrics.labelled("le", "1").counter("rows", "Rows").is_err());
    assert!(metrics.histogram("sizes", "Sizes", &[2.0, 1.0]).is_err());
    metrics.counter("rows", "Rows").unwrap().add(2);
    assert_eq!(metrics.counter("rows", "Rows").unwrap().get(), 2);
    let error = metrics.labelled("table", "a").gauge("rows", "Rows").unwrap_err().to_string();
    assert_eq!(error, "the metric \"rows\" is already registered as a counter");
}
