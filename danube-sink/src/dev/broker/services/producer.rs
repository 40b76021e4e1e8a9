//! Producer service.

use danube_core::proto::producer_service_server::ProducerService;
use danube_core::proto::{DispatchStrategy, MessageResponse, ProducerRequest, ProducerResponse, StreamMessage};
use tonic::{Request, Response, Status};

use super::{Service, check_name, unknown_topic};
use crate::dev::broker::access::{Permission, Resource};

#[tonic::async_trait]
impl ProducerService for Service {
    async fn create_producer(&self, request: Request<ProducerRequest>) -> Result<Response<ProducerResponse>, Status> {
        let resource = Resource::Topic(&request.get_ref().topic_name);
        self.gate.authorize(&request, &resource, Permission::Produce)?;
        let request = request.into_inner();
        let name = &request.topic_name;
        check_name(name)?;
        let reliable = request.dispatch_strategy() == DispatchStrategy::Reliable;
        let topic = match self.topics.get(name) {
            Some(topic) => topic,
            None if self.topics.options.auto_create_topics => self.topics.get_or_create(name, reliable),
            None => return Err(unknown_topic(name)),
        };
        if topic.reliable != reliable {
            return Err(Status::failed_precondition(
                "Producer requested dispatch strategy does not match topic strategy",
            ));
        }
        if let Some(schema) = &request.schema_ref {
            let subject = &schema.subject;
            if self.topics.schemas.latest(subject).is_none() {
                return Err(Status::failed_precondition(format!(
                    "Failed to assign schema '{subject}' to topic '{name}': \
                     not found in registry. Ensure schema is registered first."
                )));
            }
            topic.bind_subject(subject).map_err(|bound| {
                Status::failed_precondition(format!(
                    "Topic '{name}' uses schema subject '{bound}', cannot use '{subject}'. \
                     Only admin can change topic schema."
                ))
            })?;
        }
        let producer_id = topic.producer(&request.producer_name);
        self.topics.add_producer(producer_id, topic);
        Ok(Response::new(ProducerResponse {
            request_id: request.request_id,
            producer_id,
            producer_name: request.producer_name,
        }))
    }

    async fn send_message(&self, request: Request<StreamMessage>) -> Result<Response<MessageResponse>, Status> {
        if let Some(id) = &request.get_ref().msg_id {
            self.gate.authorize(&request, &Resource::Topic(&id.topic_name), Permission::Produce)?;
        }
        let message = request.into_inner();
        let request_id = message.request_id;
        let Some(id) = &message.msg_id else {
            return Err(Status::invalid_argument("the message has no id"));
        };
        let Some(topic) = self.topics.of_producer(id.producer_id) else {
            return Err(Status::not_found(format!("The producer with id {} does not exist", id.producer_id)));
        };
        if topic.name != id.topic_name {
            return Err(Status::permission_denied(format!(
                "Unable to publish the message: the producer with id {} is not attached to topic name: {}",
                id.producer_id, id.topic_name
            )));
        }
        self.topics.publish(&topic, message).await;
        Ok(Response::new(MessageResponse { request_id }))
    }
}
