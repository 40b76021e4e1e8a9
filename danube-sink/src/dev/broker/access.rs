//! Access control of the embedded broker: tokens as from `danube-admin`, and permissions as in the real broker.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use danube_core::jwt::{self, Claims};
use tonic::{Request, Status};

use super::error::BrokerError;

/// Access control of an embedded broker: tokens and permissions. Clones share them, so that a test can revoke a permission
/// while a connector runs.
///
/// As in the real broker, a call is authenticated by a token that this secret key signed, and authorized by the caller's
/// permission on the topic, its namespace or the cluster. The real broker caches for 30 seconds that a token was valid; this
/// one does not.
#[derive(Clone)]
pub struct Access {
    secret_key: Arc<str>,
    grants: Arc<Mutex<Vec<Grant>>>,
}

/// A permission of a principal.
#[derive(Debug, PartialEq, Eq)]
struct Grant {
    principal: String,
    scope: Scope,
    permission: Permission,
}

/// Scope of a permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// The cluster. Receiving, acknowledging and reading a schema by its id need this scope.
    Cluster,
    /// Every topic of a namespace, such as `default`.
    Namespace(String),
    /// One topic. Each partition is a topic of its own.
    Topic(String),
}

/// Permission of a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Find topics and their partitions.
    Lookup,
    /// Create producers and publish.
    Produce,
    /// Subscribe, receive and acknowledge.
    Consume,
    /// Register and read schemas.
    ManageSchema,
    /// List and delete subscriptions.
    ManageTopic,
}

/// Resource of a call, with the real broker's names.
#[derive(Debug)]
pub(crate) enum Resource<'a> {
    Cluster,
    Topic(&'a str),
    SchemaSubject(&'a str),
}

/// The authenticated caller.
#[derive(Debug, Clone)]
struct Principal {
    kind: &'static str,
    name: String,
}

impl Access {
    /// Creates access control in which no caller has a permission yet.
    pub fn new(secret_key: &str) -> Self {
        Self { secret_key: secret_key.into(), grants: Arc::default() }
    }

    /// Grants permissions to a service account.
    pub fn grant(&self, principal: &str, scope: &Scope, permissions: &[Permission]) {
        let grant = |permission: &Permission| Grant {
            principal: principal.to_owned(),
            scope: scope.clone(),
            permission: *permission,
        };
        self.grants().extend(permissions.iter().map(grant));
    }

    /// Revokes a permission in every scope.
    pub fn revoke(&self, principal: &str, permission: Permission) {
        self.grants().retain(|grant| grant.principal != principal || grant.permission != permission);
    }

    /// Creates a token for a service account, like `danube-admin security tokens create`.
    ///
    /// # Errors
    /// [`BrokerError::Token`] if it cannot be signed.
    pub fn token(&self, principal: &str, expires: SystemTime) -> Result<String, BrokerError> {
        let claims = Claims {
            iss: "danube-auth".to_owned(),
            exp: expires.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
            sub: principal.to_owned(),
            principal_type: "service_account".to_owned(),
            principal_name: principal.to_owned(),
        };
        jwt::create_token(&claims, &self.secret_key).map_err(|error| BrokerError::Token(error.to_string()))
    }

    /// Authorizes a call.
    fn authorize(&self, caller: &Principal, resource: &Resource<'_>, permission: Permission) -> Result<(), Status> {
        let covers = |scope: &Scope| match (scope, resource) {
            (Scope::Cluster, _) => true,
            (_, Resource::Cluster) => false,
            (Scope::Namespace(namespace), Resource::Topic(name) | Resource::SchemaSubject(name)) => {
                name.trim_start_matches('/').split('/').next() == Some(namespace)
            }
            (Scope::Topic(topic), Resource::Topic(name) | Resource::SchemaSubject(name)) => topic == name,
        };
        // Only service accounts have grants.
        let theirs = |grant: &Grant| caller.kind == "service_account" && grant.principal == caller.name;
        let allowed =
            self.grants().iter().any(|grant| theirs(grant) && grant.permission == permission && covers(&grant.scope));
        if allowed {
            return Ok(());
        }
        let Principal { kind, name } = caller;
        Err(Status::permission_denied(format!("no binding grants {permission:?} on {resource:?} for {kind}:{name}")))
    }

    fn grants(&self) -> MutexGuard<'_, Vec<Grant>> {
        self.grants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("grants", &self.grants).finish_non_exhaustive()
    }
}

/// Authenticates the caller before the call is served; without [`Access`] every caller has every permission.
#[derive(Debug, Clone)]
pub(crate) struct Gate(pub(crate) Option<Access>);

impl Gate {
    /// Authorizes the caller of a request.
    pub(crate) fn authorize<T>(
        &self,
        request: &Request<T>,
        resource: &Resource<'_>,
        permission: Permission,
    ) -> Result<(), Status> {
        let Some(access) = &self.0 else { return Ok(()) };
        let caller = request.extensions().get::<Principal>();
        access.authorize(
            caller.ok_or_else(|| Status::unauthenticated("Security context missing"))?,
            resource,
            permission,
        )
    }
}

impl tonic::service::Interceptor for Gate {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let Some(access) = &self.0 else { return Ok(request) };
        let header = request.metadata().get("authorization");
        let header = header.ok_or_else(|| Status::unauthenticated("Authentication credentials are missing"))?;
        let header = header.to_str().map_err(|_| Status::unauthenticated("Authentication metadata is invalid"))?;
        let claims = jwt::parse_bearer_token(header)
            .and_then(|token| jwt::validate_token(token, &access.secret_key).ok())
            .ok_or_else(|| Status::unauthenticated("Invalid token"))?;
        let kind = if claims.principal_type == "user" { "user" } else { "service_account" };
        request.extensions_mut().insert(Principal { kind, name: claims.principal_name });
        Ok(request)
    }
}
