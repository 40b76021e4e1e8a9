//! Who may do what: tokens as `danube-admin` makes them, and rights as the real broker checks them.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use danube_core::jwt::{self, Claims};
use tonic::{Request, Status};

use super::options::BrokerError;

/// Tokens and rights of an embedded broker. Clones share them, so that a test can take a right away while a connector
/// runs.
///
/// As in the real broker a call is checked twice: who calls, by a token that this secret key signed; and whether the
/// caller has the right, on the topic, its namespace or the cluster. The real broker remembers for 30 seconds that a
/// token was valid; this one does not.
#[derive(Clone)]
pub struct Access {
    secret_key: Arc<str>,
    grants: Arc<Mutex<Vec<Grant>>>,
}

/// One right of one caller.
#[derive(Debug, PartialEq, Eq)]
struct Grant {
    principal: String,
    scope: Scope,
    permission: Permission,
}

/// Where a right holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Everywhere. Receiving, acknowledging and reading a schema by its id ask for it.
    Cluster,
    /// In every topic of a namespace, such as `default`.
    Namespace(String),
    /// In one topic. Each partition is a topic of its own.
    Topic(String),
}

/// What a caller may do.
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

/// What a call is about, in the real broker's words.
#[derive(Debug)]
pub(crate) enum Resource<'a> {
    Cluster,
    Topic(&'a str),
    SchemaSubject(&'a str),
}

/// Who calls.
#[derive(Debug, Clone)]
struct Principal {
    kind: &'static str,
    name: String,
}

impl Access {
    /// No caller has a right yet.
    pub fn new(secret_key: &str) -> Self {
        Self { secret_key: secret_key.into(), grants: Arc::default() }
    }

    /// Gives a service account rights.
    pub fn grant(&self, principal: &str, scope: &Scope, permissions: &[Permission]) {
        let grant = |permission: &Permission| Grant {
            principal: principal.to_owned(),
            scope: scope.clone(),
            permission: *permission,
        };
        self.grants().extend(permissions.iter().map(grant));
    }

    /// Takes a right away, wherever it held.
    pub fn revoke(&self, principal: &str, permission: Permission) {
        self.grants().retain(|grant| grant.principal != principal || grant.permission != permission);
    }

    /// A token for a service account, as `danube-admin security tokens create` makes one.
    ///
    /// # Errors
    /// [`BrokerError::Token`] where it cannot be signed.
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

    /// Whether a call of this caller may pass.
    fn authorize(&self, caller: &Principal, resource: &Resource<'_>, permission: Permission) -> Result<(), Status> {
        let covers = |scope: &Scope| match (scope, resource) {
            (Scope::Cluster, _) => true,
            (_, Resource::Cluster) => false,
            (Scope::Namespace(namespace), Resource::Topic(name) | Resource::SchemaSubject(name)) => {
                name.trim_start_matches('/').split('/').next() == Some(namespace)
            }
            (Scope::Topic(topic), Resource::Topic(name) | Resource::SchemaSubject(name)) => topic == name,
        };
        // Grants are to service accounts alone.
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

/// Authenticates the caller before the call is served; without [`Access`] every caller has every right.
#[derive(Debug, Clone)]
pub(crate) struct Gate(pub(crate) Option<Access>);

impl Gate {
    /// Whether the caller may do that.
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
