//! Schema registry in memory.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use danube_core::proto::danube_schema::{GetSchemaResponse, RegisterSchemaRequest, SchemaVersionInfo};
use serde_json::{Value, json};

/// Registered subjects by name. The compatibility of versions is not checked.
#[derive(Debug, Default)]
pub(crate) struct Schemas(Mutex<BTreeMap<String, Subject>>);

#[derive(Debug)]
struct Subject {
    id: u64,
    versions: Vec<GetSchemaResponse>,
}

/// A registered version.
#[derive(Debug)]
pub(crate) struct Registered {
    pub(crate) schema: GetSchemaResponse,
    pub(crate) is_new: bool,
}

impl Schemas {
    fn subjects(&self) -> MutexGuard<'_, BTreeMap<String, Subject>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a version, or finds an equal one.
    ///
    /// # Errors
    /// The problem with the schema.
    pub(crate) fn register(&self, request: RegisterSchemaRequest) -> Result<Registered, String> {
        let (schema_type, fingerprint, definition) = parse(&request.schema_type, &request.schema_definition)?;
        let mut subjects = self.subjects();
        let next_id = subjects.len() as u64 + 1;
        let subject =
            subjects.entry(request.subject.clone()).or_insert_with(|| Subject { id: next_id, versions: Vec::new() });
        if let Some(same) = subject.versions.iter().find(|version| version.fingerprint == fingerprint) {
            return Ok(Registered { schema: same.clone(), is_new: false });
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let schema = GetSchemaResponse {
            schema_id: subject.id,
            version: u32::try_from(subject.versions.len() + 1).unwrap_or(u32::MAX),
            subject: request.subject,
            schema_type: schema_type.to_owned(),
            schema_definition: definition.to_string().into_bytes(),
            description: request.description,
            created_at: now.as_secs(),
            created_by: request.created_by,
            tags: request.tags,
            fingerprint,
            compatibility_mode: "backward".to_owned(),
        };
        subject.versions.push(schema.clone());
        Ok(Registered { schema, is_new: true })
    }

    /// A version of the subject with this id; the latest by default.
    pub(crate) fn by_id(&self, id: u64, version: Option<u32>) -> Option<GetSchemaResponse> {
        let subjects = self.subjects();
        let versions = &subjects.values().find(|subject| subject.id == id)?.versions;
        let Some(number) = version else { return versions.last().cloned() };
        versions.iter().find(|schema| schema.version == number).cloned()
    }

    pub(crate) fn latest(&self, subject: &str) -> Option<GetSchemaResponse> {
        self.subjects().get(subject)?.versions.last().cloned()
    }

    pub(crate) fn versions(&self, subject: &str) -> Option<Vec<SchemaVersionInfo>> {
        let subjects = self.subjects();
        let versions = subjects.get(subject)?.versions.iter().map(|schema| SchemaVersionInfo {
            version: schema.version,
            created_at: schema.created_at,
            created_by: schema.created_by.clone(),
            description: schema.description.clone(),
            fingerprint: schema.fingerprint.clone(),
            schema_id: schema.schema_id,
        });
        Some(versions.collect())
    }
}

/// The type's canonical name, the fingerprint, and the definition as the real registry wraps it.
fn parse(schema_type: &str, definition: &[u8]) -> Result<(&'static str, String, Value), String> {
    let text = || String::from_utf8(definition.to_vec()).map_err(|_| "the definition is not UTF-8".to_owned());
    let canonical = |text: &str| match serde_json::from_str::<Value>(text) {
        Ok(value) => Ok(fingerprint(&value.to_string())),
        Err(error) => Err(format!("the definition is not JSON: {error}")),
    };
    Ok(match schema_type.to_lowercase().as_str() {
        "bytes" => ("bytes", "bytes".to_owned(), json!("Bytes")),
        "string" => ("string", "string".to_owned(), json!("String")),
        "number" | "int64" | "int" | "float" | "double" => ("number", "number".to_owned(), json!("Number")),
        "avro" => {
            let raw = text()?;
            let fingerprint = canonical(&raw)?;
            let wrapped = json!({ "Avro": { "raw_schema": raw, "fingerprint": fingerprint } });
            ("avro", fingerprint, wrapped)
        }
        "json_schema" | "json" => {
            let raw = text()?;
            let fingerprint = canonical(&raw)?;
            let wrapped = json!({ "JsonSchema": { "raw_schema": raw, "fingerprint": fingerprint } });
            ("json_schema", fingerprint, wrapped)
        }
        "protobuf" | "proto" => {
            let raw = text()?;
            let fingerprint = fingerprint(&raw);
            let inner = json!({ "raw_proto": raw, "message_name": "DefaultMessage", "fingerprint": fingerprint });
            ("protobuf", fingerprint, json!({ "Protobuf": inner }))
        }
        _ => return Err(format!("Unknown schema type: {schema_type}")),
    })
}

/// Fingerprint of a text, in place of the real registry's SHA-256.
fn fingerprint(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("sip:{:016x}", hasher.finish())
}
