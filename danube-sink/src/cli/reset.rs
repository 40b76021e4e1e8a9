//! `subscription reset`: deletes and re-creates the connector's subscriptions.
//!
//! ```text
//!  mapped topics ──▶ partitions ──▶ Unsubscribe (admin service) ──▶ attach and detach: begins at the latest message
//! ```

use std::sync::Arc;

use super::output::print_progress;
use crate::{
    config::{ConnectorConfig, MappingSettings},
    danube::{DanubeBroker, admin},
    error::{ConnectorError, ConnectorResult},
    pipeline::{Broker, Consumer, FailureKind},
};

/// The arguments of `subscription reset`.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// A mapped topic or one of its partitions; all mapped topics without it.
    pub(crate) topic: Option<String>,
    /// Reset them, instead of listing them.
    pub(crate) yes: bool,
}

/// One subscription of one partition.
struct Target<'a> {
    mapping: &'a MappingSettings,
    partition: String,
}

/// The outcome of one reset.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// The subscription begins at the latest message now.
    Reset,
    /// This broker has no such subscription.
    Absent,
    /// The subscription is unchanged, for this reason.
    Kept(String),
    /// The subscription was deleted, and not re-created for this reason.
    Deleted(String),
}

/// Resets the subscriptions, and prints a line for each.
///
/// # Errors
/// [`ConnectorError::Configuration`] without `danube_admin_url` or for a topic that is not mapped;
/// [`ConnectorError::Fatal`] without `--yes`, or if a subscription could not be reset.
pub(crate) async fn run(core: &ConnectorConfig, options: Options) -> ConnectorResult<()> {
    let Some(admin_url) = &core.danube_admin_url else {
        return Err(ConnectorError::configuration(
            "`subscription reset` needs the broker's admin service: set danube_admin_url, as in danube_admin_url = \
             \"http://broker:50051\"",
        ));
    };
    let broker = DanubeBroker::new(core);
    let targets = targets(core, &broker, options.topic.as_deref()).await?;
    for Target { mapping, partition } in &targets {
        print_progress(&format!("  {partition}  subscription {}\n", mapping.consumer.subscription));
    }
    if !options.yes {
        return Err(ConnectorError::fatal(
            "nothing was changed. A reset loses all messages that these subscriptions have not acknowledged; they begin \
             at the latest message. Stop the connector, and add --yes",
        ));
    }
    let mut failed = 0;
    for target in &targets {
        let outcome = reset(core, &broker, admin_url, target).await;
        failed += usize::from(matches!(outcome, Outcome::Kept(_) | Outcome::Deleted(_)));
        print_progress(&outcome.line(target, admin_url));
    }
    match failed {
        0 => Ok(()),
        failed => Err(ConnectorError::fatal(format!("{failed} of {} subscriptions were not reset", targets.len()))),
    }
}

/// The partitions of the mapped topics, or of the topic or partition that `--topic` names.
async fn targets<'a>(
    core: &'a ConnectorConfig,
    broker: &DanubeBroker,
    only: Option<&str>,
) -> ConnectorResult<Vec<Target<'a>>> {
    let mut targets = Vec::new();
    for mapping in &core.mappings {
        let topic = &mapping.consumer.topic;
        if only.is_some_and(|only| only != topic && !only.starts_with(&format!("{topic}-part-"))) {
            continue;
        }
        let partitions = broker
            .partitions(topic)
            .await
            .map_err(|failure| ConnectorError::fatal(format!("the partitions of {topic}: {failure}")))?;
        if partitions.is_empty() {
            print_progress(&format!("unchanged  {topic}: there is no such topic\n"));
        }
        let chosen = partitions.into_iter().filter(|name| only.is_none_or(|only| only == topic || only == name));
        targets.extend(chosen.map(|partition| Target { mapping, partition }));
    }
    if targets.is_empty() {
        let topics: Vec<_> = core.mappings.iter().map(|mapping| mapping.consumer.topic.as_str()).collect();
        let named = only.unwrap_or("a mapped topic");
        return Err(ConnectorError::configuration(format!(
            "there is no subscription to reset: {named} does not exist or is not mapped; mapped are {}",
            topics.join(", ")
        )));
    }
    Ok(targets)
}

async fn reset(core: &ConnectorConfig, broker: &DanubeBroker, admin_url: &str, target: &Target<'_>) -> Outcome {
    let Target { mapping, partition } = target;
    let consumer = &mapping.consumer;
    match admin::subscriptions(core, admin_url, partition).await {
        Err(failure) => return Outcome::Kept(failure.message),
        // Another broker may have it, with the connector attached; an attach here would take over from that.
        Ok(found) if !found.contains(&consumer.subscription) => return Outcome::Absent,
        Ok(_) => {}
    }
    match admin::unsubscribe(core, admin_url, partition, &consumer.subscription).await {
        Ok(()) => {}
        // The broker has the subscription, so active consumers are the cause.
        Err(failure) if failure.kind == FailureKind::Missing => {
            return Outcome::Kept(format!("it has active consumers; stop the connector first ({failure})"));
        }
        Err(failure) => return Outcome::Kept(failure.message),
    }
    let consumer = Consumer {
        topic: Arc::from(partition.as_str()),
        name: consumer.consumer_name.clone(),
        subscription: consumer.subscription.clone(),
        subscription_type: consumer.subscription_type,
    };
    match broker.attach(&consumer).await {
        Ok(_) => Outcome::Reset,
        Err(failure) => Outcome::Deleted(failure.message),
    }
}

impl Outcome {
    fn line(&self, Target { mapping, partition }: &Target<'_>, admin_url: &str) -> String {
        let subscription = &mapping.consumer.subscription;
        match self {
            Self::Reset => format!("reset      {partition}: {subscription} begins at the latest message\n"),
            Self::Absent => format!(
                "unchanged  {partition}: the broker at {admin_url} has no subscription {subscription}; if another broker \
                 serves the topic, set danube_admin_url to that one's admin service\n"
            ),
            Self::Kept(reason) => format!("failed     {partition}: {reason}\n"),
            Self::Deleted(reason) => format!(
                "failed     {partition}: {subscription} was deleted and could not be re-created: {reason}. The connector \
                 creates it at its next start; messages until then are not delivered\n"
            ),
        }
    }
}
