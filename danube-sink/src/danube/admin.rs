//! The admin service of the broker, for operators' commands.

use danube_core::admin_proto::{SubscriptionRequest, TopicRequest, topic_admin_client::TopicAdminClient};

use super::connection::{Connections, Purpose};
use crate::{
    config::ConnectorConfig,
    pipeline::{BrokerFailure, FailureKind},
};

/// Deletes a subscription of a topic or partition, with its cursor, at the broker whose admin service is asked.
///
/// `admin_url` is the admin service of the broker that serves the topic. TLS and the token are those of the configuration;
/// the token is sent only where the URL begins with `https`.
///
/// # Errors
/// [`FailureKind::Missing`] if that broker does not serve the topic, or the subscription has consumers or does not exist;
/// [`FailureKind::Refused`] without the right ManageTopic; else why no answer came.
pub(crate) async fn unsubscribe(
    config: &ConnectorConfig,
    admin_url: &str,
    partition: &str,
    subscription: &str,
) -> Result<(), BrokerFailure> {
    let link = Connections::to(config, admin_url).service(Purpose::Admin).await?;
    let message = SubscriptionRequest { topic: partition.to_owned(), subscription: subscription.to_owned() };
    let request = link.request(message)?;
    let mut service = TopicAdminClient::new(link.transport.channel.clone());
    let answer = link.call(async { Ok(service.unsubscribe(request).await?) }).await;
    let reason = match answer.map(|answer| answer.into_inner().success) {
        Ok(true) => return Ok(()),
        Ok(false) => "the broker did not delete it".to_owned(),
        // The broker's answer for a topic that it does not serve, or one with consumers.
        Err(failure) if failure.kind == FailureKind::Missing => failure.message,
        Err(failure) => return Err(failure),
    };
    Err(BrokerFailure::new(
        FailureKind::Missing,
        format!(
            "cannot delete the subscription {subscription} of {partition}: {reason}; ask the admin service of the broker \
             that serves the topic, while no consumer is attached"
        ),
    ))
}

/// Lists the subscriptions of a topic or partition at the broker whose admin service is asked; none if it does not serve it.
///
/// # Errors
/// [`FailureKind::Refused`] without the right ManageTopic; else why no answer came.
pub(crate) async fn subscriptions(
    config: &ConnectorConfig,
    admin_url: &str,
    partition: &str,
) -> Result<Vec<String>, BrokerFailure> {
    let link = Connections::to(config, admin_url).service(Purpose::Admin).await?;
    let request = link.request(TopicRequest { name: partition.to_owned() })?;
    let mut service = TopicAdminClient::new(link.transport.channel.clone());
    match link.call(async { Ok(service.list_subscriptions(request).await?) }).await {
        Ok(answer) => Ok(answer.into_inner().subscriptions),
        Err(failure) if failure.kind == FailureKind::Missing => Ok(Vec::new()),
        Err(failure) => Err(failure),
    }
}
