//! A topic's own partitions.

use danube_core::proto::{TopicLookupRequest, discovery_client::DiscoveryClient};

use super::connection::Connection;
use crate::pipeline::BrokerFailure;

/// The partitions of a topic, or the topic itself; empty if it does not exist.
pub(crate) async fn of(connection: &Connection, topic: &str) -> Result<Vec<String>, BrokerFailure> {
    let route = connection.service_route().await?;
    let request = route.request(TopicLookupRequest { request_id: 0, topic: topic.to_owned() }).await?;
    let mut service = DiscoveryClient::new(route.channel.clone());
    let answer = connection.on(&route, async { Ok(service.topic_partitions(request).await?) }).await?;
    let found = answer.into_inner().partitions;
    Ok(found.into_iter().filter(|name| belongs_to(topic, name)).collect())
}

/// The broker answers every topic whose name starts with the asked one: neighbours are not ours.
fn belongs_to(topic: &str, name: &str) -> bool {
    name.strip_prefix(topic).is_some_and(|rest| {
        rest.is_empty()
            || rest
                .strip_prefix("-part-")
                .is_some_and(|n| !n.is_empty() && n.bytes().all(|digit| digit.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use super::belongs_to;

    #[test]
    fn neighbours_are_left_out() {
        assert!(belongs_to("/default/e", "/default/e"));
        assert!(belongs_to("/default/e", "/default/e-part-12"));
        assert!(!belongs_to("/default/e", "/default/e1"));
        assert!(!belongs_to("/default/e", "/default/e-part-"));
        assert!(!belongs_to("/default/e", "/default/e-part-1-part-0"));
        assert!(!belongs_to("/default/e", "/default/e-partial"));
    }
}
