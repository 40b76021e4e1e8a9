//! `check`: what is wrong before any record flows.
//!
//! ```text
//!  configuration ──▶ warnings ──▶ probes: broker, topics, schemas, subscriptions, the connector itself
//! ```
//!
//! Nothing is written and no message is taken, unless `--attach` asks for it.

mod probes;
mod warnings;

use std::{io::stdout, path::Path};

use self::probes::Probes;
use super::{LoadedConnector, print};
use crate::{
    audit,
    config::{ConnectorConfig, MappingSettings, private::ConnectorDecl},
    connector::SinkConnector,
    danube::DanubeBroker,
    error::ConnectorResult,
    pipeline::{Writer, WriterPool},
    runtime,
};

/// What the command line says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    /// Read the configuration only.
    pub(crate) offline: bool,
    /// Attach to the subscriptions too.
    pub(crate) attach: bool,
}

/// Validates the configuration and probes the broker and the target; prints each result.
///
/// # Errors
/// Fails if a probe failed.
pub(super) async fn check(
    declared: &ConnectorDecl,
    configured: LoadedConnector,
    options: Options,
) -> ConnectorResult<()> {
    let LoadedConnector { connectors, core, path, notes } = configured;
    print(stdout(), &summary(&core, &path));
    for note in notes {
        print(stdout(), &format!("note: {note}\n"));
    }
    for warning in warnings::of(declared, &core) {
        print(stdout(), &format!("warning: {warning}\n"));
    }
    if let Some(note) = warnings::broker_note(&core) {
        print(stdout(), &format!("note: {note}\n"));
    }
    audit::check(&core.broker_metrics_urls)?;
    if options.offline {
        return Ok(());
    }
    let mut probes = Probes::default();
    let mappings = connector(connectors, &core, &mut probes).await.unwrap_or_else(|| core.mappings.clone());
    broker(&core, &mappings, options, &mut probes).await;
    probes.outcome()
}

fn summary(core: &ConnectorConfig, path: &Path) -> String {
    let mut text = format!(
        "{} is valid.\nconnector {} reads from {}:\n",
        path.display(),
        core.connector_name,
        core.danube_service_url
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

/// Probes what the connector itself does at start, and reads which topics it wants.
async fn connector(
    connectors: Vec<Box<dyn SinkConnector>>,
    core: &ConnectorConfig,
    probes: &mut Probes,
) -> Option<Vec<MappingSettings>> {
    // The others are the same.
    let connector = connectors.into_iter().next()?;
    let writer = Writer::new(connector);
    let initialized = writer.initialize(core.clone()).await;
    let usable = probes.result("initialize", initialized.map_err(|error| error.report())).is_some();
    let mut mappings = None;
    if usable {
        let wanted = writer.consumer_configs().await.and_then(|consumers| runtime::mappings::of(core, consumers));
        mappings = probes.result("consumer_configs", wanted.map_err(|error| error.report()));
        probes.result(
            "health_check",
            WriterPool::new(vec![writer.clone()], core.write_timeout)
                .health_check()
                .await
                .map_err(|error| error.report()),
        );
    } else {
        probes.skipped("health_check", "`initialize` failed");
    }
    probes.result("shutdown", writer.shutdown().await.map_err(|error| error.report()));
    mappings
}

async fn broker(core: &ConnectorConfig, mappings: &[MappingSettings], options: Options, probes: &mut Probes) {
    let broker = DanubeBroker::new(core);
    let answered = broker.reach().await.map_err(|failure| failure.message);
    if probes.result(&format!("broker {}", core.danube_service_url), answered).is_none() {
        probes.skipped("topics, schemas and subscriptions", "the broker does not answer");
        return;
    }
    for url in &core.broker_metrics_urls {
        probes.result(&format!("broker metrics {url}"), audit::scrape(url).await.map(drop));
    }
    for mapping in mappings {
        let partitions = probes.topic(&broker, &mapping.consumer.topic).await;
        if let Some(partitions) = &partitions {
            probes.warn_of_idle_tasks(core, mapping, partitions.len());
        }
        if let Some(topic) = &mapping.dead_letter_topic {
            probes.dead_letter_topic(&broker, topic).await;
        }
        if let Some(subject) = &mapping.consumer.expected_schema_subject {
            probes.subject(&broker, subject).await;
        }
        if let (Some(partitions), true) = (&partitions, options.attach) {
            probes.attach(&broker, mapping, partitions).await;
        }
    }
    if !options.attach {
        probes.skipped(
            "subscriptions and the right to consume",
            "attaching would take over from a connector that runs; `check --attach` does it",
        );
    }
}
