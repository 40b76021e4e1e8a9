//! `subscription reset`: deletes the connector's subscriptions and makes them anew.
//!
//! ```text
//!  mapped topics ──▶ partitions ──▶ Unsubscribe (admin service) ──▶ attach and detach: begins at the latest message
//! ```

use std::{io::stdout, sync::Arc};

use super::print;
use crate::{
    config::{ConnectorConfig, MappingSettings},
    danube::{DanubeBroker, admin},
    error::{ConnectorError, ConnectorResult},
    pipeline::{Broker, Consumer, FailureKind},
};

/// What the command line says.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// A mapped topic or one of its partitions; all mapped topics without it.
    pub(crate) topic: Option<String>,
    /// Do it.
    pub(crate) yes: bool,
}

/// One subscription of one partition.
struct Target<'a> {
    mapping: &'a MappingSettings,
    partition: String,
}

/// What became of one of them.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// It begins at the latest message now.
    Reset,
    /// There was none at this broker.
    Absent,
    /// Why it is as it was.
    Kept(String),
    /// It was deleted, and why it was not made anew.
    Deleted(String),
}

/// Prints what it does, one line a partition.
///
/// # Errors
/// [`ConnectorError::Configuration`] without `danube_admin_url` or for a topic that is not mapped; a
/// fatal one where `--yes` is missing, or a subscription could not be reset.
pub(crate) async fn run(core: &ConnectorConfig, options: Options) -> ConnectorResult<()> {
    let Some(admin_url) = &core.danube_admin_url else {
        return Err(ConnectorError::configuration(
            "`subscription reset` asks the broker's admin service, and the file does not say where it is: set \
             danube_admin_url, as in danube_admin_url = \"http://broker:50051\"",
        ));
    };
    let broker = DanubeBroker::new(core);
    let targets = targets(core, &broker, options.topic.as_deref()).await?;
    for Target { mapping, partition } in &targets {
        print(stdout(), &format!("  {partition}  subscription {}\n", mapping.consumer.subscription));
    }
    if !options.yes {
        return Err(ConnectorError::fatal(
            "nothing was changed. A reset gives up all messages that these subscriptions have not acknowledged; they begin \
             at the latest message. Stop the connector and add --yes to do it",
        ));
    }
    let mut failed = 0;
    for target in &targets {
        let outcome = reset(core, &broker, admin_url, target).await;
        failed += usize::from(matches!(outcome, Outcome::Kept(_) | Outcome::Deleted(_)));
        print(stdout(), &outcome.line(target, admin_url));
    }
    match failed {
        0 => Ok(()),
        failed => Err(ConnectorError::fatal(format!("{failed} of {} subscriptions were not reset", targets.len()))),
    }
}

/// The partitions of the mapped topics, or those that were asked for.
async fn targets<'a>(
    core: &'a ConnectorConfig,
    broker: &DanubeBroker,
    asked: Option<&str>,
) -> ConnectorResult<Vec<Target<'a>>> {
    let mut targets = Vec::new();
    for mapping in &core.mappings {
        let topic = &mapping.consumer.topic;
        if asked.is_some_and(|asked| asked != topic && !asked.starts_with(&format!("{topic}-part-"))) {
            continue;
        }
        let partitions = broker
            .partitions(topic)
            .await
            .map_err(|failure| ConnectorError::fatal(format!("the partitions of {topic}: {failure}")))?;
        if partitions.is_empty() {
            print(stdout(), &format!("unchanged  {topic}: there is no such topic\n"));
        }
        let chosen = partitions.into_iter().filter(|name| asked.is_none_or(|asked| asked == topic || asked == name));
        targets.extend(chosen.map(|partition| Target { mapping, partition }));
    }
    if targets.is_empty() {
        let topics: Vec<_> = core.mappings.iter().map(|mapping| mapping.consumer.topic.as_str()).collect();
        let what = asked.unwrap_or("a mapped topic");
        return Err(ConnectorError::configuration(format!(
            "there is no subscription to reset: {what} does not exist or is not mapped; mapped are {}",
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
        // Another broker may have it, with the connector attached, which an attach here would take over from.
        Ok(found) if !found.contains(&consumer.subscription) => return Outcome::Absent,
        Ok(_) => {}
    }
    match admin::unsubscribe(core, admin_url, partition, &consumer.subscription).await {
        Ok(()) => {}
        // The broker has it, so that consumers are the cause.
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
                "failed     {partition}: {subscription} was deleted and could not be made anew: {reason}. The connector makes \
                 it when it starts; messages until then are not delivered\n"
            ),
        }
    }
}
