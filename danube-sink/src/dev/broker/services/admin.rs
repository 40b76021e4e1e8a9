//! Topic administration: listing and deleting subscriptions; the rest of it is not here.
//!
//! The real broker serves it on its admin port, the embedded one on the port that it has.

use danube_core::admin_proto::topic_admin_server::TopicAdmin;
use danube_core::admin_proto::{
    BrokerRequest, DescribeTopicRequest, DescribeTopicResponse, GetSubscriptionDispatchConfigRequest,
    GetSubscriptionDispatchConfigResponse, GetSubscriptionFailurePolicyRequest, GetSubscriptionFailurePolicyResponse,
    NamespaceRequest, NewTopicRequest, PartitionedTopicRequest, SetSubscriptionDispatchConfigRequest,
    SetSubscriptionFailurePolicyRequest, SubscriptionListResponse, SubscriptionRequest, SubscriptionResponse,
    TopicInfoListResponse, TopicRequest, TopicResponse,
};
use tonic::{Request, Response, Status};

use super::Service;
use crate::dev::broker::access::{Permission, Resource};

type Answer<T> = Result<Response<T>, Status>;

fn not_here<T>(what: &str) -> Answer<T> {
    Err(Status::unimplemented(format!("the embedded broker does not {what} through the admin service")))
}

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
        // A partitioned topic has to be named partition by partition, and one cause stands for all, as in the real broker.
        if self.topics.get(&topic).is_some_and(|topic| topic.unsubscribe(&subscription)) {
            return Ok(Response::new(SubscriptionResponse { success: true }));
        }
        Err(Status::not_found(format!(
            "Unable to unsubscribe the subscription {subscription} due to error: \
             Unable to unsubscribe as the subscription {subscription} has active consumers"
        )))
    }

    async fn list_namespace_topics(&self, _: Request<NamespaceRequest>) -> Answer<TopicInfoListResponse> {
        not_here("list topics")
    }

    async fn list_broker_topics(&self, _: Request<BrokerRequest>) -> Answer<TopicInfoListResponse> {
        not_here("list topics")
    }

    async fn create_topic(&self, _: Request<NewTopicRequest>) -> Answer<TopicResponse> {
        not_here("create topics")
    }

    async fn create_partitioned_topic(&self, _: Request<PartitionedTopicRequest>) -> Answer<TopicResponse> {
        not_here("create topics")
    }

    async fn delete_topic(&self, _: Request<TopicRequest>) -> Answer<TopicResponse> {
        not_here("delete topics")
    }

    async fn unload_topic(&self, _: Request<TopicRequest>) -> Answer<TopicResponse> {
        not_here("unload topics")
    }

    async fn set_subscription_failure_policy(
        &self,
        _: Request<SetSubscriptionFailurePolicyRequest>,
    ) -> Answer<SubscriptionResponse> {
        not_here("set failure policies")
    }

    async fn get_subscription_failure_policy(
        &self,
        _: Request<GetSubscriptionFailurePolicyRequest>,
    ) -> Answer<GetSubscriptionFailurePolicyResponse> {
        not_here("read failure policies")
    }

    async fn describe_topic(&self, _: Request<DescribeTopicRequest>) -> Answer<DescribeTopicResponse> {
        not_here("describe topics")
    }

    async fn set_subscription_dispatch_config(
        &self,
        _: Request<SetSubscriptionDispatchConfigRequest>,
    ) -> Answer<SubscriptionResponse> {
        not_here("set dispatch configurations")
    }

    async fn get_subscription_dispatch_config(
        &self,
        _: Request<GetSubscriptionDispatchConfigRequest>,
    ) -> Answer<GetSubscriptionDispatchConfigResponse> {
        not_here("read dispatch configurations")
    }
}
