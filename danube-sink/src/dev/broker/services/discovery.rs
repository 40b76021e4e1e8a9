//! Discovery service: lookup of topics and partitions.

use danube_core::proto::discovery_server::Discovery;
use danube_core::proto::topic_lookup_response::LookupType;
use danube_core::proto::{TopicLookupRequest, TopicLookupResponse, TopicPartitionsResponse};
use tonic::{Request, Response, Status};

use super::{Service, check_name, unknown_topic};
use crate::dev::broker::access::{Permission, Resource};

#[tonic::async_trait]
impl Discovery for Service {
    async fn topic_lookup(
        &self,
        request: Request<TopicLookupRequest>,
    ) -> Result<Response<TopicLookupResponse>, Status> {
        let resource = Resource::Topic(&request.get_ref().topic);
        self.gate.authorize(&request, &resource, Permission::Lookup)?;
        let TopicLookupRequest { request_id, topic } = request.into_inner();
        check_name(&topic)?;
        self.topics.get(&topic).ok_or_else(|| unknown_topic(&topic))?;
        Ok(Response::new(TopicLookupResponse {
            request_id,
            response_type: LookupType::Connect.into(),
            connect_url: self.url(),
            broker_url: self.url(),
            proxy: false,
        }))
    }

    async fn topic_partitions(
        &self,
        request: Request<TopicLookupRequest>,
    ) -> Result<Response<TopicPartitionsResponse>, Status> {
        let resource = Resource::Topic(&request.get_ref().topic);
        self.gate.authorize(&request, &resource, Permission::Lookup)?;
        let TopicLookupRequest { request_id, topic } = request.into_inner();
        check_name(&topic)?;
        let partitions = self.topics.with_prefix(&topic);
        Ok(Response::new(TopicPartitionsResponse { request_id, partitions }))
    }
}
