//! Consumer service: subscriptions, streams, acks and nacks.

use std::sync::Arc;
use std::time::Duration;

use danube_core::proto::consumer_service_server::ConsumerService;
use danube_core::proto::{
    AckRequest, AckResponse, ConsumerRequest, ConsumerResponse, MsgId, NackRequest, NackResponse, ReceiveRequest,
};
use tokio::time::{Instant, sleep};
use tonic::{Request, Response, Status};

use super::{Service, check_name, unknown_topic};
use crate::dev::broker::access::{Permission, Resource};
use crate::dev::broker::consumers::Kind;
use crate::dev::broker::deliveries::Deliveries;
use crate::dev::broker::faults::Acks;
use crate::dev::broker::hang::Command;
use crate::dev::broker::topic::Subscriber;

#[tonic::async_trait]
impl ConsumerService for Service {
    type ReceiveMessagesStream = Deliveries;

    async fn subscribe(&self, request: Request<ConsumerRequest>) -> Result<Response<ConsumerResponse>, Status> {
        let resource = Resource::Topic(&request.get_ref().topic_name);
        self.gate.authorize(&request, &resource, Permission::Consume)?;
        let request = request.into_inner();
        check_name(&request.topic_name)?;
        let topic = self.topics.get(&request.topic_name).ok_or_else(|| unknown_topic(&request.topic_name))?;
        let refused = |reason: &str| {
            Status::permission_denied(format!("Not able to subscribe to the topic {} due to {reason}", topic.name))
        };
        let kind = Kind::from_wire(request.subscription_type).ok_or_else(|| refused("an unknown subscription type"))?;
        let settings = self.topics.settings(&topic.name, &request.subscription).map_err(refused)?;
        let subscription: Arc<str> = request.subscription.into();
        let subscriber = Subscriber {
            name: request.consumer_name.clone(),
            subscription: Arc::clone(&subscription),
            kind,
            filters: request.key_filters,
        };
        let joined = topic.subscribe(subscriber, settings, Instant::now(), &self.topics.faults);
        let (consumer_id, dead_letters) = joined.map_err(|()| {
            refused(&format!(
                "Not allowed to add the Consumer: {}, the Exclusive subscription can't be shared with other consumers",
                request.consumer_name
            ))
        })?;
        self.topics.post(dead_letters);
        self.topics.add_consumer(consumer_id, (Arc::clone(&topic), subscription));
        Ok(Response::new(ConsumerResponse {
            request_id: request.request_id,
            consumer_id,
            consumer_name: request.consumer_name,
        }))
    }

    async fn receive_messages(&self, request: Request<ReceiveRequest>) -> Result<Response<Deliveries>, Status> {
        self.gate.authorize(&request, &Resource::Cluster, Permission::Consume)?;
        let id = request.into_inner().consumer_id;
        let subscription = self.topics.of_consumer(id);
        let stream = subscription.and_then(|found| Deliveries::open(Arc::clone(&self.topics), found, id));
        let unknown = || Status::not_found(format!("The consumer with the id {id} does not exist"));
        stream.map(Response::new).ok_or_else(unknown)
    }

    async fn ack(&self, request: Request<AckRequest>) -> Result<Response<AckResponse>, Status> {
        self.gate.authorize(&request, &Resource::Cluster, Permission::Consume)?;
        let request = request.into_inner();
        let answer = Response::new(AckResponse { request_id: request.request_id });
        self.settle("acknowledging", &request.subscription_name, request.msg_id.as_ref(), answer, |offset| {
            Command::Ack { offset, at: Instant::now() }
        })
        .await
    }

    async fn nack(&self, request: Request<NackRequest>) -> Result<Response<NackResponse>, Status> {
        self.gate.authorize(&request, &Resource::Cluster, Permission::Consume)?;
        let request = request.into_inner();
        let answer = Response::new(NackResponse { request_id: request.request_id });
        let delay = request.delay_ms.map(Duration::from_millis);
        let reason = request.reason;
        self.settle("negatively acknowledging", &request.subscription_name, request.msg_id.as_ref(), answer, |offset| {
            Command::Nack { offset, delay, reason, at: Instant::now() }
        })
        .await
    }
}

impl Service {
    /// Processes an ack or a nack, with faults.
    async fn settle<A>(
        &self,
        doing: &str,
        subscription: &str,
        id: Option<&MsgId>,
        answer: Response<A>,
        command: impl FnOnce(u64) -> Command,
    ) -> Result<Response<A>, Status> {
        if let Some(delay) = self.topics.faults.ack_delay() {
            sleep(delay).await;
        }
        let acks = self.topics.faults.acks();
        match acks {
            Acks::Ignored => return Ok(answer),
            Acks::Refused => return Err(Status::unavailable("acks are refused by an injected fault")),
            Acks::Taken | Acks::AnswerLost => {}
        }
        let id = id.ok_or_else(|| Status::invalid_argument("the request has no message id"))?;
        let failed = |reason: &str| Status::internal(format!("Error {doing} message: {reason}"));
        let topic = self.topics.get(&id.topic_name);
        let topic = topic.ok_or_else(|| failed(&format!("Topic {} not found in registry", id.topic_name)))?;
        topic.accepts_calls(Some(subscription)).await;
        let dead_letters = topic.settle(subscription, command(id.topic_offset), &self.topics.faults);
        self.topics.post(dead_letters.ok_or_else(|| failed("Subscription not found"))?);
        if acks == Acks::AnswerLost {
            Err(Status::unavailable("the response is lost by an injected fault"))
        } else {
            Ok(answer)
        }
    }
}
