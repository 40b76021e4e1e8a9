//! Health checks of producers and consumers.

use danube_core::proto::health_check_request::ClientType;
use danube_core::proto::health_check_response::ClientStatus;
use danube_core::proto::health_check_server::HealthCheck;
use danube_core::proto::{HealthCheckRequest, HealthCheckResponse};
use tonic::{Request, Response, Status};

use super::Service;

#[tonic::async_trait]
impl HealthCheck for Service {
    async fn health_check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let HealthCheckRequest { client, id, .. } = request.into_inner();
        let served = match ClientType::try_from(client) {
            Ok(ClientType::Producer) => self.topics.of_producer(id).is_some(),
            Ok(ClientType::Consumer) => {
                let subscription = self.topics.of_consumer(id);
                subscription.is_some_and(|(topic, subscription)| topic.is_active(&subscription, id))
            }
            Err(_) => return Err(Status::invalid_argument("Invalid client type")),
        };
        let healthy = served && !self.topics.faults.closes_health();
        let status = if healthy { ClientStatus::Ok } else { ClientStatus::Close };
        Ok(Response::new(HealthCheckResponse { status: status.into() }))
    }
}
