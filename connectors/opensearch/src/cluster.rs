//! A cluster of OpenSearch or Elasticsearch, over its HTTP interface.

use std::time::Instant;

use bytes::Bytes;
use danube_sink::{TargetFailure, metrics::Counter, prelude::*};
use danube_sink_http::{
    Answer, Client, Hosts,
    reqwest::{self, Method, RequestBuilder, header::CONTENT_TYPE},
};
use serde_json::{Value, json};
use tracing::warn;

use super::{
    action::{Actions, probe},
    answer::{BYTES_OF_ITEM, Meaning, PARTS, judged, judged_with_privilege, meanings},
    index::Index,
    index_template::IndexTemplate,
    name::Indexes,
    schema::{KnownFields, Leaf, add_properties, leaves, properties},
    time_format::set_formats,
};

/// How long a node may take to accept a connection, before the next one is tried.
const CONNECT: Duration = Duration::from_secs(3);
/// The most bytes of an answer beside its items.
const BYTES_OF_ANSWER: usize = 64 * 1024;
/// What a cluster adds to an index template that it prints, and refuses in one that it is sent.
const ADDED_TO_TEMPLATE: [&str; 4] = ["created_date", "created_date_millis", "modified_date", "modified_date_millis"];
/// The privilege to see and to change index templates.
const MANAGE_TEMPLATES: &str = "manage_index_templates";
/// The warning about fields that an index template cannot have.
const LEFT_TO_THE_CLUSTER: &str =
    "the index template cannot have the fields of the registered schema, so the cluster chooses their types";
/// The warning about fields of which an index template can have those that existing indexes took.
const PARTLY_LEFT_TO_THE_CLUSTER: &str = "the index template cannot have all new fields of the registered schema, so it has those \
                                          that existing indexes took, and the cluster chooses the types of the others";
/// The warning about a field that existing indexes cannot have.
const WITH_OTHER_TYPE: &str =
    "an existing index cannot have the type of the registered schema or of `fields`, so none gets the field";
/// The most bytes of an index template.
const BYTES_OF_TEMPLATE: usize = 4 * 1024 * 1024;

/// A cluster, by the addresses of some of its nodes.
pub(crate) struct Cluster {
    nodes: Hosts,
    /// Counts records that an index has already, in this or a newer version.
    pub(crate) older: Counter,
}

impl Cluster {
    /// The HTTP client's settings for a cluster.
    pub(crate) fn client_builder() -> reqwest::ClientBuilder {
        reqwest::Client::builder().connect_timeout(CONNECT)
    }

    pub(crate) fn new(client: Client, hosts: &[Url], older: Counter) -> Self {
        Self { nodes: Hosts::new(client, hosts), older }
    }

    /// Checks that the cluster answers.
    pub(crate) async fn is_there(&self) -> Result<(), Failure> {
        let what = "ask the cluster for its version";
        let answer = self.send(what, self.path(Method::GET, &[]), BYTES_OF_ANSWER).await?;
        // A user without the right to see it, and Amazon OpenSearch Serverless.
        if matches!(answer.status.as_u16(), 403 | 404) {
            return Ok(());
        }
        judged(what, &answer)?;
        let root = answer.json::<Value>().unwrap_or_default();
        let foreign = || Failure::new(TargetFailure::NotReady, "it is not OpenSearch or Elasticsearch: correct `url`");
        root["version"]["number"].is_string().then_some(()).ok_or_else(foreign)
    }

    /// Makes the index template of a mapping, and checks that its pipeline exists and that its index can be written to.
    ///
    /// # Errors
    /// The error for `initialize`, with the step that failed.
    pub(crate) async fn prepare(&self, index: &Index, known: &KnownFields) -> ConnectorResult<()> {
        if let Some(template) = &index.index_template {
            let exists = !template.overwrite
                && self
                    .exists(&["_index_template", &template.name], false, self.deadline_of_check())
                    .await
                    .map_err(Failure::at_start)?;
            match exists {
                true => known.forget(),
                false => self.make_template(template, index, known).await?,
            }
        }
        self.takes_documents(index, self.deadline_of_check()).await.map_err(Failure::at_start)
    }

    /// Health check: whether documents can be written to the index of a mapping.
    pub(crate) async fn try_write(&self, index: &Index) -> Result<(), Failure> {
        self.takes_documents(index, self.deadline_of_check()).await
    }

    /// The deadline of a check, which belongs to no batch.
    fn deadline_of_check(&self) -> Instant {
        Instant::now() + self.nodes.client().timeout()
    }

    /// Checks that the pipeline of a mapping exists, and that documents can be written to its index, unless the records name them.
    async fn takes_documents(&self, index: &Index, deadline: Instant) -> Result<(), Failure> {
        if let Some(name) = index.pipeline.as_ref().and_then(Template::constant)
            && !self.exists(&["_ingest", "pipeline", &name], true, deadline).await?
        {
            let missing = format!("there is no ingest pipeline {name}: create it, or correct `pipeline`");
            return Err(Failure::new(TargetFailure::NotReady, missing));
        }
        self.is_writable(index, deadline).await
    }

    /// Makes an index template: if the cluster refuses it with the fields of the registered schema, without them. The producer
    /// chooses these.
    async fn make_template(&self, template: &IndexTemplate, index: &Index, known: &KnownFields) -> ConnectorResult<()> {
        let (name, what) = (&template.name, format!("make the index template {}", template.name));
        let put = async |known: &KnownFields| {
            let body = template.body(index, known)?;
            self.put_template(&what, name, body).await.map_err(Failure::at_start)
        };
        let Some(reason) = put(known).await? else { return Ok(()) };
        if template.fields_from_schema && put(&KnownFields::default()).await?.is_none() {
            warn!(template = name, error = reason, "{LEFT_TO_THE_CLUSTER}");
            return Ok(());
        }
        Err(ConnectorError::configuration(format!("{what}: {reason}")))
    }

    /// Puts an index template. Returns the reason if the cluster refuses it, for a setting or a schema, and never for a record.
    async fn put_template(&self, what: &str, name: &str, body: String) -> Result<Option<String>, Failure> {
        let answer = self.put(what, &["_index_template", name], body).await?;
        match answer.status.as_u16() {
            400 => Ok(Some(root_cause(&answer))),
            _ => judged_with_privilege(MANAGE_TEMPLATES, what, &answer).map(|()| None),
        }
    }

    /// Whether there is something at this path; `if_forbidden` if the user may not know.
    async fn exists(&self, path: &[&str], if_forbidden: bool, deadline: Instant) -> Result<bool, Failure> {
        let what = format!("look for {}", path.join("/"));
        let request = self.path(Method::GET, path);
        let request = |node: &Url| request(node).timeout(self.left(deadline));
        let answer = self.send(&what, request, BYTES_OF_ANSWER).await?;
        match answer.status.as_u16() {
            404 => Ok(false),
            403 => Ok(if_forbidden),
            _ => judged(&what, &answer).map(|()| true),
        }
    }

    /// Checks that documents can be written to the index of a mapping, with one that the cluster refuses for itself. An index
    /// whose name depends on the records is not checked, nor a data stream whose failure store would have that document.
    async fn is_writable(&self, index: &Index, deadline: Instant) -> Result<(), Failure> {
        let Some(name) = index.index.constant() else { return Ok(()) };
        if index.data_stream && self.has_failure_store(&name, deadline).await? {
            return Ok(());
        }
        let what = format!("write to {name}");
        let meanings = match self.bulk(&what, index, probe(index, &name), 1, deadline).await {
            // Some versions refuse the whole request for a document that a pipeline cannot read.
            Err(Failure { class: TargetFailure::Refused, code: Some(400), .. }) => return Ok(()),
            meanings => meanings?,
        };
        match meanings.into_iter().next() {
            Some(Meaning::Failed(class, reason)) if class != TargetFailure::Refused => {
                Err(Failure::new(class, format!("{what}: {reason}")))
            }
            Some(Meaning::Doubtful(reason, advice)) => {
                Err(Failure::new(TargetFailure::NotReady, format!("{what}: {reason}; {advice}")))
            }
            _ => Ok(()),
        }
    }

    /// Whether a data stream has a failure store, as far as the user may see it.
    async fn has_failure_store(&self, name: &str, deadline: Instant) -> Result<bool, Failure> {
        let request = |node: &Url| {
            let mut url = with_path(node, &["_data_stream", name]);
            url.query_pairs_mut().append_pair("filter_path", "data_streams.failure_store.enabled");
            self.nodes.client().request(Method::GET, url).timeout(self.left(deadline))
        };
        let answer = self.send(&format!("look at the data stream {name}"), request, BYTES_OF_ANSWER).await?;
        // What is wrong if this is no answer is what the write is answered.
        let answer = answer.json::<Value>().unwrap_or_default();
        Ok(answer["data_streams"][0]["failure_store"]["enabled"] == true)
    }

    /// Adds the fields of the records' registered schemas that the indexes of a mapping have no types for, to these indexes and
    /// to the index template, if the mapping says so.
    ///
    /// # Errors
    /// The error of the batch.
    pub(crate) async fn add_fields(
        &self,
        index: &Index,
        known: &KnownFields,
        records: &[SinkRecord],
    ) -> ConnectorResult<()> {
        let template = index.index_template.as_ref().filter(|template| template.fields_from_schema);
        let Some(template) = template.filter(|template| template.on_new_field == OnNewField::Add) else {
            return Ok(());
        };
        let missing = known.missing(records);
        if missing.is_empty() {
            return Ok(());
        }
        let mut types = properties(&missing);
        template.override_types(&mut types);
        set_formats(&mut types, index.time_unit);
        let fields = leaves(types);
        let added = self.add_to_indexes(&index.index.pattern("*"), &fields).await?;
        // New indexes have every field, whatever the existing ones have.
        if let Some(reason) = self.add_to_template(&template.name, &fields).await? {
            let is_part = !added.is_empty() && added.len() < fields.len();
            let has_part = is_part && self.add_to_template(&template.name, &added).await?.is_none();
            let what = if has_part { PARTLY_LEFT_TO_THE_CLUSTER } else { LEFT_TO_THE_CLUSTER };
            warn!(template = template.name, error = reason, "{what}");
        }
        known.add(&missing);
        Ok(())
    }

    /// Adds fields to existing indexes, and returns those that were added. A field that has another type in an index keeps it: the
    /// fields are halved until it is found.
    async fn add_to_indexes(&self, indexes: &str, fields: &[Leaf]) -> Result<Vec<Leaf>, Failure> {
        let (mut added, mut parts) = (Vec::new(), vec![fields]);
        while let Some(part) = parts.pop() {
            match (self.add_to(indexes, part).await?, part) {
                (None, _) => added.extend_from_slice(part),
                (Some(reason), [field]) => warn!(indexes, field = field.path, error = reason, "{WITH_OTHER_TYPE}"),
                (Some(_), _) => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
            }
        }
        Ok(added)
    }

    /// Adds fields to existing indexes. Returns the reason if an index has another type for one.
    async fn add_to(&self, indexes: &str, fields: &[Leaf]) -> Result<Option<String>, Failure> {
        let what = format!("add fields to {indexes}");
        let mut types = json!({});
        add_properties(&mut types, fields);
        let body = json!({ "properties": types }).to_string();
        let answer = self.put(&what, &[indexes, "_mapping"], body).await?;
        match answer.status.as_u16() {
            400 => Ok(Some(root_cause(&answer))),
            // There is no index yet.
            404 => Ok(None),
            _ => judged_with_privilege("manage", &what, &answer).map(|()| None),
        }
    }

    /// Adds fields to the index template. Returns the reason if the cluster refuses it with them, and leaves it as it is: the schema
    /// is the producer's, and the cluster takes the records without.
    async fn add_to_template(&self, name: &str, fields: &[Leaf]) -> Result<Option<String>, Failure> {
        let what = format!("add fields to the index template {name}");
        let path = ["_index_template", name];
        let answer = self.send(&what, &self.path(Method::GET, &path), BYTES_OF_TEMPLATE).await?;
        judged_with_privilege(MANAGE_TEMPLATES, &what, &answer)?;
        let unreadable = || Failure::new(TargetFailure::NotReady, format!("{what}: its answer cannot be read"));
        let mut answer: Value = answer.json().ok_or_else(unreadable)?;
        let template = answer.pointer_mut("/index_templates/0/index_template").ok_or_else(unreadable)?;
        add_properties(&mut template["template"]["mappings"]["properties"], fields);
        if let Some(template) = template.as_object_mut() {
            template.retain(|key, _| !ADDED_TO_TEMPLATE.contains(&key.as_str()));
        }
        let body = template.to_string();
        self.put_template(&what, name, body).await
    }

    /// Writes the records of a batch.
    ///
    /// # Errors
    /// The error of the batch, or a partial failure with a verdict for each record.
    pub(crate) async fn write(&self, mut batch: Batch<'_, Index>, indexes: &Indexes) -> ConnectorResult<()> {
        let index = batch.own();
        let actions = Actions::new(index, indexes);
        let lines = Joined { open: "", between: "\n", close: "\n" };
        let body = batch.joined(lines, |_, record, body| actions.write(record, body))?;
        let (what, deadline) = ("write records", batch.deadline());
        let mut meanings = match self.bulk(what, index, body, batch.records().len(), deadline).await {
            Ok(meanings) => meanings,
            Err(failure) => return batch.finish(Err(failure.into())),
        };
        if meanings.iter().any(Meaning::is_doubtful)
            && let Err(Failure { class, message, .. }) = self.takes_documents(index, deadline).await
        {
            for meaning in meanings.iter_mut().filter(|meaning| meaning.is_doubtful()) {
                *meaning = Meaning::Failed(class, message.clone());
            }
        }
        // A deletion is applied again behind the documents before it: the cluster forgets it in the meantime. It has not failed, so
        // it is no dead letter if a document becomes one.
        if meanings.iter().any(Meaning::is_of_the_cluster) {
            for meaning in meanings.iter_mut().filter(|meaning| meaning.is_deletion()) {
                *meaning = Meaning::DeletedAgain;
            }
        }
        self.older.add(meanings.iter().filter(|meaning| meaning.is_older()).count() as u64);
        match meanings.first() {
            Some(Meaning::Failed(class, reason)) if meanings.iter().all(Meaning::is_of_the_cluster) => {
                batch.finish(Err(class.error(format!("{what}: no item was taken: {reason}"))))
            }
            _ => batch.answered(meanings, Meaning::verdict),
        }
    }

    /// Sends the body of a mapping's bulk request with so many items, and returns the meaning of each.
    async fn bulk(
        &self,
        what: &str,
        index: &Index,
        body: Vec<u8>,
        items: usize,
        deadline: Instant,
    ) -> Result<Vec<Meaning>, Failure> {
        let body = Bytes::from(body);
        let request = |node: &Url| {
            let (mut url, left) = (with_path(node, &["_bulk"]), self.left(deadline));
            // A request that the cluster finishes after it was given up would be written late.
            let timeout = format!("{}ms", left.as_millis());
            url.query_pairs_mut().append_pair("filter_path", PARTS).append_pair("timeout", &timeout);
            let request = self.nodes.client().request(Method::POST, url).timeout(left);
            request.header(CONTENT_TYPE, "application/x-ndjson").body(body.clone())
        };
        let answer = self.send(what, request, BYTES_OF_ANSWER + items * BYTES_OF_ITEM).await?;
        judged(what, &answer)?;
        meanings(&answer, index)
    }

    /// The timeout of a request that starts now and must end by the deadline.
    fn left(&self, deadline: Instant) -> Duration {
        deadline.saturating_duration_since(Instant::now()).min(self.nodes.client().timeout())
    }

    /// Sends a request to the node that answered last, and to the others if it does not answer, or has no cluster or no node behind it.
    async fn send(
        &self,
        what: &str,
        request: impl Fn(&Url) -> RequestBuilder,
        limit: usize,
    ) -> Result<Answer, Failure> {
        self.nodes.send(what, limit, request, |answer| matches!(answer.status.as_u16(), 502..=504)).await
    }

    fn path<'c>(&'c self, method: Method, path: &'c [&str]) -> impl Fn(&Url) -> RequestBuilder + 'c {
        move |node| self.nodes.client().request(method.clone(), with_path(node, path))
    }

    async fn put(&self, what: &str, path: &[&str], body: String) -> Result<Answer, Failure> {
        let request = self.path(Method::PUT, path);
        let request = |node: &Url| request(node).header(CONTENT_TYPE, "application/json").body(body.clone());
        self.send(what, request, BYTES_OF_ANSWER).await
    }
}

/// The innermost reason of an error, for an answer to a request that has nothing of a record.
fn root_cause(answer: &Answer) -> String {
    let body = answer.json::<Value>().unwrap_or_default();
    let mut cause = &body["error"];
    while cause["caused_by"].is_object() {
        cause = &cause["caused_by"];
    }
    answer.masked(cause["reason"].as_str().unwrap_or("no reason is given"))
}

/// The URL of a path at a node.
fn with_path(node: &Url, path: &[&str]) -> Url {
    let mut url = node.clone();
    // An address of HTTP always has segments.
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    url
}
