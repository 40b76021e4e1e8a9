//! `check`: what is wrong before any record flows.
//!
//! ```text
//!  configuration ──▶ warnings ──▶ tries: broker, topics, schemas, subscriptions, the connector itself
//! ```
//!
//! Nothing is written and no message is taken, unless `--attach` asks for it.

mod tries;
mod warnings;

use std::{io::stdout, path::Path};

use self::tries::Tries;
use super::{Configured, say};
use crate::{
    audit,
    config::{ConnectorConfig, MappingSettings, generated::Declared},
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

/// Says what it finds as it goes.
///
/// # Errors
/// That something that was tried failed.
pub(super) async fn check(declared: &Declared, configured: Configured, options: Options) -> ConnectorResult<()> {
    let Configured { connectors, core, path, notes } = configured;
    say(stdout(), &summary(&core, &path));
    for note in notes {
        say(stdout(), &format!("note: {note}\n"));
    }
    for warning in warnings::of(declared, &core) {
        say(stdout(), &format!("warning: {warning}\n"));
    }
    if let Some(note) = warnings::broker_note(&core) {
        say(stdout(), &format!("note: {note}\n"));
    }
    audit::check(&core.broker_metrics_urls)?;
    if options.offline {
        return Ok(());
    }
    let mut tries = Tries::default();
    let mappings = connector(connectors, &core, &mut tries).await.unwrap_or_else(|| core.mappings.clone());
    broker(&core, &mappings, options, &mut tries).await;
    tries.outcome()
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

/// Tries what the connector itself does at start, and what it wants to read.
async fn connector(
    connectors: Vec<Box<dyn SinkConnector>>,
    core: &ConnectorConfig,
    tries: &mut Tries,
) -> Option<Vec<MappingSettings>> {
    // The others are the same.
    let connector = connectors.into_iter().next()?;
    let writer = Writer::new(connector);
    let initialized = writer.initialize(core.clone()).await;
    let usable = tries.told("initialize", initialized.map_err(|error| error.report())).is_some();
    let mut mappings = None;
    if usable {
        let wanted = writer.consumer_configs().await.and_then(|consumers| runtime::mappings::of(core, consumers));
        mappings = tries.told("consumer_configs", wanted.map_err(|error| error.report()));
        tries.told(
            "health_check",
            WriterPool::new(vec![writer.clone()], core.write_timeout)
                .health_check()
                .await
                .map_err(|error| error.report()),
        );
    } else {
        tries.left_out("health_check", "`initialize` failed");
    }
    tries.told("shutdown", writer.shutdown().await.map_err(|error| error.report()));
    mappings
}

async fn broker(core: &ConnectorConfig, mappings: &[MappingSettings], options: Options, tries: &mut Tries) {
    let broker = DanubeBroker::new(core);
    let answered = broker.reach().await.map_err(|failure| failure.message);
    if tries.told(&format!("broker {}", core.danube_service_url), answered).is_none() {
        tries.left_out("topics, schemas and subscriptions", "the broker does not answer");
        return;
    }
    for url in &core.broker_metrics_urls {
        tries.told(&format!("broker metrics {url}"), audit::scrape(url).await.map(drop));
    }
    for mapping in mappings {
        let partitions = tries.topic(&broker, &mapping.consumer.topic).await;
        if let Some(partitions) = &partitions {
            tries.warn_of_idle_tasks(core, mapping, partitions.len());
        }
        if let Some(topic) = &mapping.dead_letter_topic {
            tries.dead_letter_topic(&broker, topic).await;
        }
        if let Some(subject) = &mapping.consumer.expected_schema_subject {
            tries.subject(&broker, subject).await;
        }
        if let (Some(partitions), true) = (&partitions, options.attach) {
            tries.attach(&broker, mapping, partitions).await;
        }
    }
    if !options.attach {
        tries.left_out(
            "subscriptions and the right to consume",
            "attaching would take over from a connector that runs; `check --attach` does it",
        );
    }
}
