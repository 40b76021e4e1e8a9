//! Failure policy of a subscription, set before its first consumer attaches.

use danube_core::admin_proto::{
    SetSubscriptionFailurePolicyRequest, SubscriptionFailurePolicy, topic_admin_client::TopicAdminClient,
};
use danube_sink::dev::{FailurePolicy, PoisonPolicy};

use crate::Broker;

impl Broker {
    /// Sets the failure policy of subscription `test`. Returns false for a real broker without `DANUBE_TEST_ADMIN_URL`.
    pub async fn set_failure_policy(&self, topic: &str, policy: FailurePolicy) -> bool {
        if let Some(embedded) = &self.embedded {
            embedded.set_failure_policy(topic, "test", policy);
            return true;
        }
        let Ok(url) = std::env::var("DANUBE_TEST_ADMIN_URL") else {
            println!("not tested: set DANUBE_TEST_ADMIN_URL to set a failure policy on a real broker");
            return false;
        };
        let millis = |time: std::time::Duration| u64::try_from(time.as_millis()).expect("a short time");
        let request = SetSubscriptionFailurePolicyRequest {
            topic: topic.to_owned(),
            subscription: "test".to_owned(),
            failure_policy: Some(SubscriptionFailurePolicy {
                max_redelivery_count: policy.max_redelivery_count,
                ack_timeout_ms: millis(policy.ack_timeout),
                base_redelivery_delay_ms: millis(policy.base_redelivery_delay),
                max_redelivery_delay_ms: millis(policy.max_redelivery_delay),
                backoff_strategy: 1,
                dead_letter_topic: policy.dead_letter_topic,
                poison_policy: match policy.poison_policy {
                    PoisonPolicy::DeadLetter => 0,
                    PoisonPolicy::Block => 1,
                    PoisonPolicy::Drop => 2,
                },
            }),
        };
        let mut admin = TopicAdminClient::connect(url).await.expect("the admin endpoint");
        admin.set_subscription_failure_policy(request).await.expect("the policy is accepted");
        true
    }
}
