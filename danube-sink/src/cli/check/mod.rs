//! `check`: finds what is wrong before any record is delivered.
//!
//! ```text
//!  configuration ──▶ warnings ──▶ probes: spool, the connector itself, broker, topics, schemas, subscriptions ──▶ report
//! ```
//!
//! It receives no message. The connector's `initialize` may create tables and files in the target.

mod probes;
mod report;
mod spool;
mod warnings;

use std::path::Path;

use self::probes::BrokerProbes;
pub(super) use self::report::Report;
pub(super) use self::warnings::of as warnings;
use super::{LoadedConnector, failure::Failure, output::Format};
use crate::{
    audit,
    config::{ConnectorConfig, MappingSettings, private::ConnectorInfo},
    connector::SinkConnector,
    danube::DanubeBroker,
    pipeline::{Writer, WriterPool},
    runtime,
};

/// The arguments of `check`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub(super) format: Format,
    /// Fail if there is a warning.
    pub(super) deny_warnings: bool,
    /// Probe nothing.
    pub(super) offline: bool,
    /// Read no variables, secrets and certificates, and probe nothing.
    pub(super) no_environment: bool,
    /// Do not call the connector.
    pub(super) skip_target: bool,
    /// Attach to the subscriptions too.
    pub(super) attach: bool,
}

/// Validates the configuration and probes the broker and the target; prints each result.
///
/// # Errors
/// A configuration that is invalid, or that the connector says can never work (exit code 78); another failed probe, or a warning
/// that is denied (exit code 1).
pub(super) async fn run(info: &ConnectorInfo, loaded: LoadedConnector, options: Options) -> Result<(), Failure> {
    let LoadedConnector { connectors, core, path, notes, .. } = loaded;
    let mut report = Report::new(path.display().to_string(), options.format, options.deny_warnings);
    report.text(&summary(&core, &path));
    notes.into_iter().for_each(|note| report.note(note));
    warnings(info, &core).into_iter().for_each(|warning| report.warning(warning));
    if let Some(note) = warnings::broker_note(&core) {
        report.note(note);
    }
    audit::check(&core.broker_metrics_urls)?;
    if options.no_environment {
        report.note(
            "--no-environment: variables, secrets and certificates are not checked, nothing is probed".to_owned(),
        );
    } else if !options.offline {
        spool::probe(&core, &mut report);
        let mut mappings = None;
        if options.skip_target {
            report.skipped("initialize, consumer_configs and health_check", "--skip-target");
        } else {
            mappings = probe_connector(connectors, &core, &mut report).await;
        }
        probe_broker(&core, mappings.as_ref().unwrap_or(&core.mappings), options, &mut report).await;
    }
    report.finish()
}

fn summary(core: &ConnectorConfig, path: &Path) -> String {
    // Without the environment, the URL may be unknown.
    let broker = Some(core.danube_service_url.as_str()).filter(|url| !url.is_empty());
    let mut text = format!(
        "{} is valid.\nconnector {} reads from {}:\n",
        path.display(),
        core.connector_name,
        broker.unwrap_or("the broker of the variable DANUBE_SERVICE_URL")
    );
    for mapping in &core.mappings {
        let consumer = &mapping.consumer;
        text.push_str(&format!(
            "  {}  subscription {} ({}), up to {} records a batch, at the latest after {:?}\n",
            consumer.topic,
            consumer.subscription,
            consumer.subscription_type,
            mapping.batch_size,
            mapping.flush_interval,
        ));
    }
    text
}

/// Probes what the connector itself does at start, and reads which topics it consumes.
async fn probe_connector(
    connectors: Vec<Box<dyn SinkConnector>>,
    core: &ConnectorConfig,
    report: &mut Report,
) -> Option<Vec<MappingSettings>> {
    // The others are the same.
    let connector = connectors.into_iter().next()?;
    let writer = Writer::new(connector);
    let initialized = writer.initialize(core.clone(), |took| report.note(runtime::long_start(took))).await;
    let is_initialized = report.step("initialize", initialized).is_some();
    let mut mappings = None;
    if is_initialized {
        let consumed = writer.consumer_configs().await.and_then(|consumers| runtime::mappings::of(core, consumers));
        mappings = report.step("consumer_configs", consumed);
        let pool = WriterPool::new(vec![writer.clone()], core.write_timeout);
        report.step("health_check", pool.health_check().await);
    } else {
        report.skipped("health_check", "`initialize` failed");
    }
    report.step("shutdown", writer.shutdown().await);
    mappings
}

async fn probe_broker(core: &ConnectorConfig, mappings: &[MappingSettings], options: Options, report: &mut Report) {
    let broker = DanubeBroker::new(core);
    let answered = broker.reach().await.map_err(|failure| failure.message);
    if report.result(&format!("broker {}", core.danube_service_url), answered).is_none() {
        report.skipped("topics, schemas and subscriptions", "the broker does not answer");
        return;
    }
    for url in &core.broker_metrics_urls {
        report.result(&format!("broker metrics {}", audit::shown(url)), audit::scrape(url).await.map(drop));
    }
    let mut probes = BrokerProbes { broker: &broker, report };
    for mapping in mappings {
        let partitions = probes.topic(mapping).await;
        if let Some(partitions) = &partitions {
            probes.warn_of_idle_tasks(core, mapping, partitions.len());
        }
        if let Some(topic) = &mapping.dead_letter_topic {
            probes.dead_letter_topic(topic).await;
        }
        if let Some(subject) = &mapping.consumer.expected_schema_subject {
            probes.subject(subject).await;
        }
        if let (Some(partitions), true) = (&partitions, options.attach) {
            probes.attach(mapping, partitions).await;
        }
    }
    if !options.attach {
        report.skipped(
            "subscriptions and the right to consume",
            "attaching would take over from a running connector; `check --attach` does it",
        );
    }
}
