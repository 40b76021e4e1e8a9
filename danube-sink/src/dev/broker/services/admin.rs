//! Topic administration: lists and deletes subscriptions; the rest is not supported.
//!
//! The real broker serves it on its admin port, the embedded one on its only port.

use danube_core::admin_proto::topic_admin_server::TopicAdmin;
use danube_core::admin_proto::{
    BrokerRequest, DescribeTopicRequest, DescribeTopicResponse, GetSubscriptionDispatchConfigRequest,
    GetSubscriptionDispatchConfigResponse, GetSubscriptionFailurePolicyRequest, GetSubscriptionFailurePolicyResponse,
    NamespaceRequest, NewTopicRequest, PartitionedTopicRequest, SetSubscriptionDispatchConfigRequest,
    SetSubscriptionFailurePolicyRequest, SubscriptionListResponse, SubscriptionRequest, SubscriptionResponse,
    TopicInfoListResponse, TopicRequest, TopicResponse,
};
use tonic::{Request, Response, Status};

use super::{Answer, Service, unsupported};
use crate::dev::broker::access::{Permission, Resource};

#[tonic::async_trait]
impl TopicAdmin for Service {
    async fn list_subscriptions(&self, request: Request<TopicRequest>) -> Answer<SubscriptionListResponse> {
        self.gate.authorize(&request, &Resource::Topic(&request.get_ref().name), Permission::ManageTopic)?;
        let topic = self.topics.get(&request.get_ref().name);
        let subscriptions = topic.map(|topic| topic.subscriptions()).unwrap_or_default();
        Ok(Response::new(SubscriptionListResponse { subscriptions }))
    }

    async fn unsubscribe(&self, request: Request<SubscriptionRequest>) -> Answer<SubscriptionResponse> {
        self.gate.authorize(&request, &Resource::Topic(&request.get_ref().topic), Permission::ManageTopic)?;
        let SubscriptionRequest { topic, subscription } = request.into_inner();
        // As in the real broker, each partition must be named separately, and every failure has the same message.
        if self.topics.get(&topic).is_some_and(|topic| topic.unsubscribe(&subscription)) {
            return Ok(Response::new(SubscriptionResponse { success: true }));
        }
        Err(Status::not_found(format!(
            "Unable to unsubscribe the subscription {subscription} due to error: \
             Unable to unsubscribe as the subscription {subscription} has active consumers"
        )))
    }

    async fn list_namespace_topics(&self, _: Request<NamespaceRequest>) -> Answer<TopicInfoListResponse> {
        unsupported("list topics")
    }

    async fn list_broker_topics(&self, _: Request<BrokerRequest>) -> Answer<TopicInfoListResponse> {
        unsupported("list topics")
    }

    async fn create_topic(&self, _: Request<NewTopicRequest>) -> Answer<TopicResponse> {
        unsupported("create topics")
    }

    async fn create_partitioned_topic(&self, _: Request<PartitionedTopicRequest>) -> Answer<TopicResponse> {
        unsupported("create topics")
    }

    async fn delete_topic(&self, _: Request<TopicRequest>) -> Answer<TopicResponse> {
        unsupported("delete topics")
    }

    async fn unload_topic(&self, _: Request<TopicRequest>) -> Answer<TopicResponse> {
        unsupported("unload topics")
    }

    async fn set_subscription_failure_policy(
        &self,
        _: Request<SetSubscriptionFailurePolicyRequest>,
    ) -> Answer<SubscriptionResponse> {
        unsupported("set failure policies")
    }

    async fn get_subscription_failure_policy(
        &self,
        _: Request<GetSubscriptionFailurePolicyRequest>,
    ) -> Answer<GetSubscriptionFailurePolicyResponse> {
        unsupported("read failure policies")
    }

    async fn describe_topic(&self, _: Request<DescribeTopicRequest>) -> Answer<DescribeTopicResponse> {
        unsupported("describe topics")
    }

    async fn set_subscription_dispatch_config(
        &self,
        _: Request<SetSubscriptionDispatchConfigRequest>,
    ) -> Answer<SubscriptionResponse> {
        unsupported("set dispatch configurations")
    }

    async fn get_subscription_dispatch_config(
        &self,
        _: Request<GetSubscriptionDispatchConfigRequest>,
    ) -> Answer<GetSubscriptionDispatchConfigResponse> {
        unsupported("read dispatch configurations")
    }
}
