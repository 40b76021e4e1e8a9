//! The Qdrant server, over its REST interface.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
    sync::Arc,
    time::Instant,
};

use danube_sink::{Recent, prelude::*};
use danube_sink_http::{
    Client, FilledIn,
    reqwest::{Method, RequestBuilder, header::CONTENT_TYPE},
    usual,
};
use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};
use serde_json::{Value, json};
use tracing::warn;
use uuid::Uuid;

use super::{
    answer::judged,
    id::PointId,
    known::Known,
    mapping::Collection,
    point::{Checked, Latest, Points, latest},
    registered::{Indexes, Registered, indexes_of_records},
    vectors::{Params, Vectors},
};

/// The begin and the end of a body that has points or ids.
const OPEN: &str = "{\"points\":[";
const CLOSE: &str = "]}";

/// The warning about a field whose index the server refuses.
const NO_INDEX: &str = "the collection cannot have the payload index of the registered schema, so the field has none";

/// The most bytes of an answer: a collection with many payload indexes has a long description.
const LONGEST_ANSWER: usize = 4 * 1024 * 1024;

/// A server that has answered.
pub(crate) struct Server {
    client: Client,
    /// Maximum number of collections that are written at once.
    concurrency: usize,
    opened: Recent<Known>,
}

/// A collection of a mapping.
#[derive(Clone, Copy)]
struct Target<'t> {
    mapping: &'t Collection,
    registered: &'t Registered,
    name: &'t str,
    /// Time by which requests must end; `None` at start.
    deadline: Option<Instant>,
}

/// The description of a collection.
#[derive(Deserialize)]
struct Info {
    config: Config,
    #[serde(default)]
    payload_schema: HashMap<String, IgnoredAny>,
}

#[derive(Deserialize)]
struct Config {
    params: Params,
    #[serde(default)]
    strict_mode_config: Option<StrictMode>,
}

#[derive(Deserialize)]
struct StrictMode {
    enabled: Option<bool>,
    upsert_max_batchsize: Option<usize>,
}

/// The result of an update.
#[derive(Deserialize)]
struct Updated {
    status: String,
}

impl Server {
    /// Connects, and checks the API key.
    pub(crate) async fn connect(client: Client, concurrency: usize, most_opened: usize) -> ConnectorResult<Self> {
        let help = format!(
            "no usable Qdrant at {}: start it, or correct `url` or QDRANT_API_KEY; \
             in a checkout of danube-sink, `connectors/qdrant/install-servers run` starts one to try with",
            client.url()
        );
        let server = Self { client, concurrency, opened: Recent::new(most_opened) };
        server.is_there().await.map_err(|failure| failure.context(help).at_start())?;
        Ok(server)
    }

    /// Checks that the server answers, and takes the API key: it shows its root path to everyone, and its collections not.
    async fn is_there(&self) -> Result<(), Failure> {
        let (what, mut url) = ("list the collections", self.client.url().clone());
        url.path_segments_mut().map_err(no_path)?.pop_if_empty().push("collections");
        let answer = self.client.send(what, self.client.request(Method::GET, url)).await?;
        answer.judged_as(usual(answer.status, FilledIn::default()), what, &answer.excerpt())
    }

    /// Checks at start that points can be written to the collection of a mapping, which is created if it is missing and the mapping
    /// says how. Collections by content are checked with their first record.
    pub(crate) async fn prepare(&self, mapping: &Collection, registered: &Registered) -> ConnectorResult<()> {
        let Some(name) = mapping.collection_name.constant() else { return Ok(()) };
        let target = Target { mapping, registered, name: &name, deadline: None };
        let known = self.open(target, &Indexes::new()).await.map_err(Failure::at_start)?;
        if let Some(vector) = mapping.missing_in(&known.vectors) {
            let message = format!("the collection {name} has no vector `{vector}`, which `vectors` names");
            return Err(ConnectorError::configuration(message));
        }
        self.delete(target, &[absent_point()]).await.map_err(Failure::at_start)
    }

    /// Health check: whether the collection of a mapping takes writes.
    pub(crate) async fn try_write(&self, mapping: &Collection, registered: &Registered) -> ConnectorResult<()> {
        match mapping.collection_name.constant() {
            Some(name) => {
                let target = Target { mapping, registered, name: &name, deadline: None };
                // Without it, a missing collection would never be created again.
                self.open(target, &Indexes::new()).await?;
                Ok(self.delete(target, &[absent_point()]).await?)
            }
            None => Ok(self.is_there().await?),
        }
    }

    /// Writes the records of a batch.
    ///
    /// # Errors
    /// The error of the batch, or a partial failure that names the records that the collection does not have.
    pub(crate) async fn write(&self, mut batch: Batch<'_, Collection>, registered: &Registered) -> ConnectorResult<()> {
        if let Some(name) = batch.own().collection_name.constant() {
            return self.write_to(&name, batch, registered).await;
        }
        let collections = batch.group_by_target(Collection::name)?;
        // Most writes are shorter by far, and all end by the deadline.
        let longest = self.client.timeout() / 3;
        batch
            .concurrently(self.concurrency, longest, collections, |group| async move {
                self.write_to(&group.key, group.batch, registered).await
            })
            .await
    }

    async fn write_to(
        &self,
        name: &str,
        mut batch: Batch<'_, Collection>,
        registered: &Registered,
    ) -> ConnectorResult<()> {
        let target = Target { mapping: batch.own(), registered, name, deadline: Some(batch.deadline()) };
        let indexes = indexes_of_records(batch.own(), batch.records());
        let remembered = self.opened.get(name).filter(|known| known.has(&indexes));
        let is_remembered = remembered.is_some();
        let mut known = match remembered {
            Some(known) => known,
            None => self.open(target, &indexes).await?,
        };
        let (mut json, mut operations) = operations(&mut batch, &known, registered)?;
        if is_remembered && operations.iter().any(Result::is_err) {
            // The collection may have been created again with other vectors.
            known = self.open(target, &indexes).await?;
            (json, operations) = self::operations(&mut batch, &known, registered)?;
        }
        let latest = latest(&operations, json.len());
        match self.apply(target, json, &latest, known.most_points).await {
            Ok(()) => {
                batch.answered(operations, |operation| operation.map_or_else(Verdict::Rejected, |_| Verdict::Written))
            }
            Err(failure) => {
                self.opened.remove(name);
                batch.finish(Err(failure.into()))
            }
        }
    }

    /// Deletes points, and writes those in the JSON. A collection that allows no more points may take them only then. The point of an
    /// id before a change is deleted when it is there under its new id, so that it is not lost if that is refused.
    async fn apply(&self, target: Target<'_>, json: Vec<u8>, latest: &Latest, most: usize) -> Result<(), Failure> {
        let Latest { deletes, points, moved_from } = latest;
        self.delete(target, deletes).await?;
        let put = async |body| self.update(target, "write points to", Method::PUT, &["points"], body).await;
        let length = OPEN.len() + points.iter().map(|point| point.len() + 1).sum::<usize>();
        // Most batches are one request with all of their points.
        if length == json.len() && (1..=most).contains(&points.len()) {
            put(closed(json)).await?;
        } else {
            for points in points.chunks(most) {
                put(body_of(&json, points)).await?;
            }
        }
        self.delete(target, moved_from).await
    }

    /// Reads what a collection is, and creates what is missing of it, if the mapping says how, and payload indexes for new fields.
    async fn open(&self, target: Target<'_>, new: &Indexes) -> Result<Arc<Known>, Failure> {
        let Target { mapping, registered, name, .. } = target;
        let info = match (self.describe(target).await, &mapping.create) {
            (Err(Failure { code: Some(404), .. }), Some(create)) => {
                let created = self.configure(target, "create", &[], create.body()).await;
                // Another process may have created it meanwhile.
                match (self.describe(target).await, created) {
                    (Err(Failure { code: Some(404), .. }), Err(failure)) => Err(failure),
                    (described, _) => described,
                }
            }
            (described, _) => described,
        }?;
        let mut indexed: HashSet<_> = info.payload_schema.into_keys().collect();
        for (field, index) in mapping.indexes().filter(|(field, _)| !indexed.contains(*field)) {
            self.create_index(target, field, index).await?;
        }
        let mut refused = self.opened.get(name).map(|known| known.refused.clone()).unwrap_or_default();
        for (field, index) in registered.indexes.iter().chain(new) {
            if !refused.contains(field) && indexed.insert(field.clone()) {
                match self.create_index(target, field, index).await {
                    // The producer chooses the schema, and the collection takes the points without.
                    Err(failure) if matches!(failure.class, TargetFailure::Refused | TargetFailure::Misconfigured) => {
                        warn!(collection = %mapping.collection_name, field, error = failure.message, "{NO_INDEX}");
                        refused.insert(field.clone());
                    }
                    created => created?,
                }
            }
        }
        let limit = info.config.strict_mode_config.filter(|strict| strict.enabled == Some(true));
        let most_points = limit.and_then(|strict| strict.upsert_max_batchsize).unwrap_or(usize::MAX).max(1);
        let known = Arc::new(Known { vectors: Vectors::from(info.config.params), indexed, refused, most_points });
        self.opened.insert(name, Arc::clone(&known));
        Ok(known)
    }

    async fn describe(&self, target: Target<'_>) -> Result<Info, Failure> {
        let request = self.request(target, Method::GET, &[], &[])?;
        self.answer(target, "describe", request, target.is_by_content()).await
    }

    async fn create_index(&self, target: Target<'_>, field: &str, index: &Value) -> Result<(), Failure> {
        let body = json!({ "field_name": field, "field_schema": index });
        self.configure(target, &format!("create the payload index `{field}` of"), &["index"], body).await
    }

    /// Creates a collection or a payload index. A refusal is one of the mapping's settings; where records name collections, that of
    /// one collection, which holds up no other.
    async fn configure(&self, target: Target<'_>, what: &str, path: &[&str], body: Value) -> Result<(), Failure> {
        let request = self.request(target, Method::PUT, path, &[("wait", "true")])?;
        let request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        let created: Result<Value, _> = self.answer(target, what, request, target.is_by_content()).await;
        created.map(drop).map_err(|mut failure| {
            if failure.class == TargetFailure::Refused && !target.is_by_content() {
                failure.class = TargetFailure::Misconfigured;
            }
            failure
        })
    }

    /// Deletes the points of these ids, if there are any ids.
    async fn delete(&self, target: Target<'_>, ids: &[PointId]) -> Result<(), Failure> {
        if ids.is_empty() {
            return Ok(());
        }
        let ids: Vec<_> = ids.iter().map(PointId::to_string).collect();
        let body = format!("{OPEN}{}{CLOSE}", ids.join(","));
        self.update(target, "delete points from", Method::POST, &["points", "delete"], body.into()).await
    }

    async fn update(
        &self,
        target: Target<'_>,
        what: &str,
        method: Method,
        path: &[&str],
        body: Vec<u8>,
    ) -> Result<(), Failure> {
        let Collection { wait, ordering, .. } = target.mapping;
        let ordering = ordering.as_deref().map(|ordering| ("ordering", ordering));
        let query: Vec<_> = [("wait", if *wait { "true" } else { "false" })].into_iter().chain(ordering).collect();
        let request = self.request(target, method, path, &query)?.header(CONTENT_TYPE, "application/json").body(body);
        let Updated { status } = self.answer(target, what, request, true).await?;
        match status.as_str() {
            "completed" => Ok(()),
            "acknowledged" if !wait => Ok(()),
            _ => Err(Failure::new(TargetFailure::Busy, format!("{}: not applied in time", target.what(what)))),
        }
    }

    /// A request to a path of a collection, with these parameters.
    fn request(
        &self,
        target: Target<'_>,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<RequestBuilder, Failure> {
        let mut url = self.client.url().clone();
        url.path_segments_mut().map_err(no_path)?.pop_if_empty().extend(["collections", target.name]).extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = self.client.request(method, url);
        let left = |deadline: Instant| deadline.saturating_duration_since(Instant::now()).min(self.client.timeout());
        Ok(match target.deadline {
            Some(deadline) => request.timeout(left(deadline)),
            None => request,
        })
    }

    /// The result of a request. With `hides`, its error shows nothing that may be from a record.
    async fn answer<T: DeserializeOwned>(
        &self,
        target: Target<'_>,
        what: &str,
        request: RequestBuilder,
        hides: bool,
    ) -> Result<T, Failure> {
        let what = target.what(what);
        let answer = self.client.send_limited(&what, request, LONGEST_ANSWER).await?;
        let filled_in = FilledIn { path: target.is_by_content(), ..FilledIn::default() };
        judged(&what, &answer, filled_in, hides)
    }
}

impl Target<'_> {
    /// Whether a record determines the collection.
    fn is_by_content(self) -> bool {
        self.mapping.collection_name.constant().is_none()
    }

    /// An operation on the collection, for messages: with its name as configured.
    fn what(self, operation: &str) -> String {
        format!("{operation} the collection {}", self.mapping.collection_name)
    }
}

fn no_path((): ()) -> Failure {
    Failure::new(TargetFailure::Misconfigured, "`url` is no address of an API")
}

/// The body of a request with the points at these places of the JSON.
fn body_of(json: &[u8], points: &[Range<usize>]) -> Vec<u8> {
    let length: usize = points.iter().map(|point| point.len() + 1).sum();
    let mut body = Vec::with_capacity(OPEN.len() + length + CLOSE.len());
    body.extend_from_slice(OPEN.as_bytes());
    for point in points {
        body.extend_from_slice(&json[point.clone()]);
        body.push(b',');
    }
    closed(body)
}

/// The body whose last point has a comma behind it.
fn closed(mut body: Vec<u8>) -> Vec<u8> {
    body.pop();
    body.extend_from_slice(CLOSE.as_bytes());
    body
}

/// What each record of a batch does, and the body with their points up to its end: a comma is behind each.
fn operations(
    batch: &mut Batch<'_, Collection>,
    known: &Known,
    registered: &Registered,
) -> ConnectorResult<(Vec<u8>, Vec<Checked>)> {
    let points = Points::new(batch.own(), &known.vectors, registered);
    batch.joined_each(Joined { open: OPEN, ..Joined::default() }, |_, record, body| points.operation(record, body))
}

/// The id of no point, to try a delete with: Qdrant takes no update without an id.
fn absent_point() -> PointId {
    PointId::Uuid(Uuid::new_v5(&Uuid::NAMESPACE_URL, b"danube-sink-qdrant: no point has this id"))
}
