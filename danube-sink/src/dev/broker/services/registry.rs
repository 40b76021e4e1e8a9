//! Schema registry service: registers and reads schemas; the rest is not supported.

use danube_core::proto::danube_schema::schema_registry_server::SchemaRegistry;
use danube_core::proto::danube_schema::{
    CheckCompatibilityRequest, CheckCompatibilityResponse, ConfigureTopicSchemaRequest, ConfigureTopicSchemaResponse,
    DeleteSchemaVersionRequest, DeleteSchemaVersionResponse, GetLatestSchemaRequest, GetSchemaRequest,
    GetSchemaResponse, GetTopicSchemaConfigRequest, GetTopicSchemaConfigResponse, ListSubjectsRequest,
    ListSubjectsResponse, ListVersionsRequest, ListVersionsResponse, RegisterSchemaRequest, RegisterSchemaResponse,
    SetCompatibilityModeRequest, SetCompatibilityModeResponse, UpdateTopicValidationPolicyRequest,
    UpdateTopicValidationPolicyResponse,
};
use tonic::{Request, Response, Status};

use super::{Answer, Service, unsupported};
use crate::dev::broker::access::{Permission, Resource};

impl Service {
    fn check_registry<T>(&self, request: &Request<T>, resource: &Resource<'_>) -> Result<(), Status> {
        self.gate.authorize(request, resource, Permission::ManageSchema)?;
        if self.topics.faults.registry_is_down() {
            return Err(Status::unavailable("the schema registry is down by an injected fault"));
        }
        Ok(())
    }
}

#[tonic::async_trait]
impl SchemaRegistry for Service {
    async fn register_schema(&self, request: Request<RegisterSchemaRequest>) -> Answer<RegisterSchemaResponse> {
        self.check_registry(&request, &Resource::SchemaSubject(&request.get_ref().subject))?;
        let registered = self.topics.schemas.register(request.into_inner());
        let registered = registered.map_err(|error| Status::internal(format!("Failed to register schema: {error}")))?;
        Ok(Response::new(RegisterSchemaResponse {
            schema_id: registered.schema.schema_id,
            version: registered.schema.version,
            is_new_version: registered.is_new,
            fingerprint: registered.schema.fingerprint,
        }))
    }

    async fn get_schema(&self, request: Request<GetSchemaRequest>) -> Answer<GetSchemaResponse> {
        self.check_registry(&request, &Resource::Cluster)?;
        let GetSchemaRequest { schema_id, version } = request.into_inner();
        let missing = || Status::not_found(format!("Schema not found for ID: {schema_id}"));
        self.topics.schemas.by_id(schema_id, version).map(Response::new).ok_or_else(missing)
    }

    async fn get_latest_schema(&self, request: Request<GetLatestSchemaRequest>) -> Answer<GetSchemaResponse> {
        self.check_registry(&request, &Resource::SchemaSubject(&request.get_ref().subject))?;
        let subject = request.into_inner().subject;
        let missing = || Status::not_found(format!("Schema not found for subject: {subject}"));
        self.topics.schemas.latest(&subject).map(Response::new).ok_or_else(missing)
    }

    async fn list_versions(&self, request: Request<ListVersionsRequest>) -> Answer<ListVersionsResponse> {
        self.check_registry(&request, &Resource::SchemaSubject(&request.get_ref().subject))?;
        let subject = request.into_inner().subject;
        let missing = || Status::not_found(format!("Subject not found: {subject}"));
        let versions = self.topics.schemas.versions(&subject).ok_or_else(missing)?;
        Ok(Response::new(ListVersionsResponse { versions }))
    }

    async fn check_compatibility(&self, _: Request<CheckCompatibilityRequest>) -> Answer<CheckCompatibilityResponse> {
        unsupported("compare schemas")
    }

    async fn delete_schema_version(
        &self,
        _: Request<DeleteSchemaVersionRequest>,
    ) -> Answer<DeleteSchemaVersionResponse> {
        unsupported("delete schemas")
    }

    async fn set_compatibility_mode(
        &self,
        _: Request<SetCompatibilityModeRequest>,
    ) -> Answer<SetCompatibilityModeResponse> {
        unsupported("compare schemas")
    }

    async fn configure_topic_schema(
        &self,
        _: Request<ConfigureTopicSchemaRequest>,
    ) -> Answer<ConfigureTopicSchemaResponse> {
        unsupported("validate payloads")
    }

    async fn update_topic_validation_policy(
        &self,
        _: Request<UpdateTopicValidationPolicyRequest>,
    ) -> Answer<UpdateTopicValidationPolicyResponse> {
        unsupported("validate payloads")
    }

    async fn get_topic_schema_config(
        &self,
        _: Request<GetTopicSchemaConfigRequest>,
    ) -> Answer<GetTopicSchemaConfigResponse> {
        unsupported("validate payloads")
    }

    async fn list_subjects(&self, _: Request<ListSubjectsRequest>) -> Answer<ListSubjectsResponse> {
        unsupported("list subjects")
    }
}
