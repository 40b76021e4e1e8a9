//! Uploads in parts: what fails is aborted, and the first error is reported.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use danube_sink::testing::{HttpReply, HttpRequest, HttpServer};
use danube_sink_tests::until;
use futures_util::FutureExt;
use object_store::Attributes;
use tokio::{runtime::Handle, sync::Notify, time::timeout};

use super::*;
use crate::{content::Complete, store::Store};

/// More than any part of a test takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// A bucket that answers requests for parts and for their completion so; tells when an upload is aborted.
struct Bucket {
    server: HttpServer,
    aborted: Arc<Notify>,
}

impl Bucket {
    fn start(answer: impl Fn(&HttpRequest) -> HttpReply + Send + Sync + 'static) -> Self {
        const UPLOAD: &str = "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>";
        let aborted = Arc::new(Notify::new());
        let of_handler = Arc::clone(&aborted);
        let server = HttpServer::start(move |request| match request.method.as_str() {
            "POST" if !request.uri.contains("uploadId") => HttpReply::status(200, UPLOAD),
            "DELETE" => {
                of_handler.notify_one();
                HttpReply::status(404, "<Error><Code>NoSuchUpload</Code></Error>")
            }
            _ => answer(request),
        });
        Self { server: server.unwrap(), aborted }
    }

    async fn write(&self) -> Result<(), Failure> {
        let options = [
            ("aws_endpoint", self.server.url()),
            ("aws_allow_http", "true".to_owned()),
            ("aws_skip_signature", "true".to_owned()),
        ];
        let options: BTreeMap<_, _> = options.map(|(name, value)| (name.to_owned(), value)).into();
        let blocks = vec![Bytes::from(vec![b'x'; 7 << 20]); 5];
        Store::open("s3://lake", &options, 0)?.write("a", Complete::Memory(blocks), Attributes::new()).await
    }

    /// A part or the completion is refused.
    async fn aborts_and_reports_the_first_error(&self) {
        let failure = self.write().await.unwrap_err();
        assert!(failure.class == TargetFailure::Busy && failure.message.contains("SlowDown"), "{failure:?}");
        self.is_aborted().await;
    }

    async fn is_aborted(&self) {
        timeout(PATIENCE, self.aborted.notified()).await.expect("the upload is aborted");
    }

    /// Waits for an abort, if there is one: the test and its store have no other tasks that go on.
    async fn is_not_aborted(&self) {
        let tasks = Handle::current().metrics();
        until("all tasks end", async || tasks.num_alive_tasks() == 0).await;
        assert!(self.aborted.notified().now_or_never().is_none(), "the upload is aborted");
    }
}

fn slow_down() -> HttpReply {
    HttpReply::status(503, "<Error><Code>SlowDown</Code></Error>")
}

fn part() -> HttpReply {
    HttpReply::status(200, "").header("etag", "e")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_aborted_when_a_part_fails() {
    let bucket = Bucket::start(|request| match request.uri.contains("partNumber=2") {
        true => slow_down(),
        false => part(),
    });
    bucket.aborts_and_reports_the_first_error().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_to_the_completion_is_reported_and_not_the_one_to_the_abort() {
    let bucket = Bucket::start(|request| match request.method.as_str() {
        "POST" => slow_down(),
        _ => part(),
    });
    bucket.aborts_and_reports_the_first_error().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_aborted_when_its_time_ends() {
    let asked = Arc::new(Notify::new());
    let of_handler = Arc::clone(&asked);
    let bucket = Bucket::start(move |_| {
        of_handler.notify_one();
        HttpReply::never()
    });
    tokio::select! {
        written = bucket.write() => panic!("{written:?}"),
        () = asked.notified() => {}
    }
    bucket.is_aborted().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_have_one_size_but_the_last() {
    const COMPLETE: &str = "<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>";
    let bucket = Bucket::start(|request| match request.method.as_str() {
        "POST" => HttpReply::status(200, COMPLETE),
        _ => part(),
    });
    bucket.write().await.unwrap();
    let mut parts: Vec<_> = bucket.server.requests().into_iter().filter(|request| request.method == "PUT").collect();
    parts.sort_by(|one, other| one.uri.cmp(&other.uri));
    let sizes: Vec<_> = parts.iter().map(|part| part.body.len() >> 20).collect();
    assert_eq!(sizes, [16, 16, 3]);
    bucket.is_not_aborted().await;
}
