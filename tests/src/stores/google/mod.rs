//! Google Cloud Storage, scripted from the public description of its XML API, by which `object_store` writes and PyPI's emulator does
//! not; and the service that gives a machine the token of its account.

mod bucket;

use std::{
    collections::BTreeMap,
    fs, io,
    net::{Ipv4Addr, TcpListener as Listener},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use chrono::{DateTime, Utc};
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{AUTHORIZATION, CONTENT_RANGE, ETAG, HeaderName, HeaderValue, LAST_MODIFIED, RANGE},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use tokio::{
    net::TcpListener,
    runtime::{Builder, Runtime},
};

use self::bucket::{Bucket, Refusal};

const GENERATION: HeaderName = HeaderName::from_static("x-goog-generation");
/// The token of the machine's account.
const TOKEN: &str = "machine";

type Answer = Response<Full<Bytes>>;

/// A server with one bucket.
#[derive(Debug)]
pub(super) struct Google {
    name: &'static str,
    /// One request at a time.
    bucket: Mutex<Bucket>,
    /// Whether it wants the token.
    wants_token: bool,
}

/// The threads of a running server.
#[derive(Debug)]
pub(super) struct Threads(Runtime);

impl Threads {
    /// Breaks every connection, and stops listening.
    pub(super) fn kill(self) {
        // A thread of a test's runtime must not wait for another one.
        let killed = thread::spawn(move || self.0.shutdown_timeout(Duration::from_secs(60))).join();
        killed.expect("no panic");
    }
}

impl Google {
    /// A server whose objects are in the folder `name` of this one.
    pub(super) fn new(folder: &Path, name: &'static str, wants_token: bool) -> Self {
        let bucket = Bucket { objects: folder.join(name), uploads: folder.join("uploads") };
        fs::create_dir_all(&bucket.uploads).expect("a folder");
        Self { name, bucket: Mutex::new(bucket), wants_token }
    }

    /// Answers requests to a port.
    pub(super) fn listen(self: Arc<Self>, port: u16) -> io::Result<Threads> {
        let listener = Listener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        runtime.spawn(async move { drop(self.serve(listener).await) });
        Ok(Threads(runtime))
    }

    async fn serve(self: Arc<Self>, listener: Listener) -> io::Result<()> {
        let listener = TcpListener::from_std(listener)?;
        loop {
            let (client, _) = listener.accept().await?;
            let google = Arc::clone(&self);
            let service = service_fn(move |request| Arc::clone(&google).respond(request));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(client), service));
        }
    }

    async fn respond(self: Arc<Self>, request: Request<Incoming>) -> io::Result<Answer> {
        let (head, body) = request.into_parts();
        let request = Request::from_parts(head, body.collect().await.map_err(io::Error::other)?.to_bytes());
        Ok(self.answer(&request)?.unwrap_or_else(refused))
    }

    fn answer(&self, request: &Request<Bytes>) -> io::Result<Result<Answer, Refusal>> {
        let path = decoded(request.uri().path());
        if path.starts_with("/computeMetadata/") {
            let token = format!(r#"{{"access_token":"{TOKEN}","expires_in":3600,"token_type":"Bearer"}}"#);
            return Ok(Ok(Response::new(token.into())));
        }
        if self.wants_token && header(request, AUTHORIZATION.as_str()) != Some(&format!("Bearer {TOKEN}")) {
            return Ok(Err((401, "AuthenticationRequired")));
        }
        let bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let (name, object) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
        if name != self.name || !bucket.objects.is_dir() {
            return Ok(Err((404, "NoSuchBucket")));
        }
        let query = request.uri().query().unwrap_or_default().split('&').map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (name, decoded(&value.replace('+', " ")))
        });
        let query: BTreeMap<_, _> = query.collect();
        let of = |name| query.get(name).map(String::as_str);
        Ok(match (request.method().as_str(), object, of("uploadId")) {
            ("GET", "", _) => Ok(list(&bucket, &of)?),
            ("GET" | "HEAD", ..) => {
                bucket.read(object)?.and_then(|(content, generation)| range(request, content, generation))
            }
            ("PUT", ..) if request.headers().contains_key("x-goog-copy-source") => Err((501, "NotImplemented")),
            ("PUT", _, None) => {
                let expected = header(request, "x-goog-if-generation-match");
                bucket.write(object, request.body(), expected)?.map(|generation| versioned("", generation))
            }
            ("PUT", _, Some(id)) => {
                let number = of("partNumber").unwrap_or_default();
                bucket.part(id, number, request.body())?.map(|()| with(Response::default(), ETAG, number))
            }
            ("POST", _, None) if of("uploads").is_some() => {
                let id = element("UploadId", &bucket.begin()?);
                Ok(Response::new(element("InitiateMultipartUploadResult", &id).into()))
            }
            ("POST", _, Some(id)) => {
                let body = String::from_utf8_lossy(request.body());
                let parts = body.split("<PartNumber>").skip(1);
                let numbers: Vec<u32> = parts.filter_map(|part| part.split('<').next()?.parse().ok()).collect();
                bucket.complete(id, &numbers, object)?.map(|generation| {
                    let etag = element("ETag", &generation.to_string());
                    versioned(element("CompleteMultipartUploadResult", &etag), generation)
                })
            }
            ("DELETE", _, Some(id)) => bucket.abort(id)?.map(|()| Response::default()),
            ("DELETE", _, None) => bucket.remove(object)?.map(|()| Response::default()),
            _ => Err((405, "MethodNotAllowed")),
        })
    }
}

/// An object, or the range of it that the request asks for.
fn range(request: &Request<Bytes>, content: Vec<u8>, generation: u64) -> Result<Answer, Refusal> {
    let (size, content) = (content.len(), Bytes::from(content));
    let asked = header(request, RANGE.as_str()).and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
    let Some((begin, end)) = asked else { return Ok(versioned(content, generation)) };
    let range = match begin.parse() {
        Ok(begin) => begin..end.parse().map_or(size, |last: usize| size.min(last + 1)),
        Err(_) => size.saturating_sub(end.parse().unwrap_or(0))..size,
    };
    if range.is_empty() {
        return Err((416, "InvalidRange"));
    }
    let shown = format!("bytes {}-{}/{size}", range.start, range.end - 1);
    let mut answer = with(versioned(content.slice(range), generation), CONTENT_RANGE, &shown);
    *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
    Ok(answer)
}

/// A page of the objects and of the common beginnings of their names.
fn list<'q>(bucket: &Bucket, of: &impl Fn(&'static str) -> Option<&'q str>) -> io::Result<Answer> {
    let of = |name| of(name).unwrap_or_default();
    let (entries, has_more) =
        bucket.page(of("prefix"), of("delimiter"), of("start-after"), of("continuation-token"))?;
    let next = entries.last().filter(|_| has_more).map(|last| element("NextContinuationToken", &escaped(&last.name)));
    let shown = entries.iter().map(|entry| {
        let name = escaped(&entry.name);
        if entry.is_prefix {
            return Ok(element("CommonPrefixes", &element("Prefix", &name)));
        }
        let generation = bucket.generation(&entry.name);
        let size = bucket.objects.join(&entry.name).metadata()?.len().to_string();
        let of_object = [
            ("Key", name),
            ("LastModified", time(generation).to_rfc3339()),
            ("ETag", generation.to_string()),
            ("Size", size),
        ];
        Ok(element("Contents", &of_object.map(|(name, value)| element(name, &value)).concat()))
    });
    let shown = shown.collect::<io::Result<String>>()?;
    Ok(Response::new(element("ListBucketResult", &(shown + &next.unwrap_or_default())).into()))
}

fn header<'r>(request: &'r Request<Bytes>, name: &str) -> Option<&'r str> {
    request.headers().get(name)?.to_str().ok()
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn element(name: &str, content: &str) -> String {
    format!("<{name}>{content}</{name}>")
}

fn time(generation: u64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(generation.cast_signed()).unwrap_or_default()
}

fn with(mut answer: Answer, name: HeaderName, value: &str) -> Answer {
    answer.headers_mut().insert(name, HeaderValue::try_from(value).expect("a header"));
    answer
}

/// An answer with the generation of an object.
fn versioned(content: impl Into<Bytes>, generation: u64) -> Answer {
    let modified = time(generation).format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let answer = with(Response::new(Full::new(content.into())), LAST_MODIFIED, &modified);
    let generation = generation.to_string();
    with(with(answer, ETAG, &generation), GENERATION, &generation)
}

fn refused((status, code): Refusal) -> Answer {
    let mut answer = Response::new(element("Error", &element("Code", code)).into());
    *answer.status_mut() = StatusCode::from_u16(status).expect("a status");
    answer
}
