//! A proxy before the servers of S3 and Google in the tests: it does what a test asks for. And it makes conditional writes to S3
//! atomic, as they are there, since the server checks whether an object exists, and writes it later.

use std::{
    io,
    net::{Ipv4Addr, TcpListener as Listener},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use http_body_util::{BodyExt, Either, Full};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    client::conn,
    header::IF_NONE_MATCH,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Builder,
    sync::Mutex as Turn,
    task::LocalSet,
    time::sleep,
};

/// A status, and the code of the error.
pub(super) type Refusal = (StatusCode, &'static str);
/// Whether a request is meant, as `METHOD URI`.
type Meant = fn(&str) -> bool;

/// What the proxy has seen, and what it does.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// The requests so far, each as `METHOD URI`.
    pub(super) requests: Vec<String>,
    /// The requests in progress.
    pub(super) in_progress: usize,
    /// The most requests that were in progress at once since the test has asked.
    pub(super) most_at_once: usize,
    /// The requests that are refused, and how.
    pub(super) refused: Option<(Refusal, Meant)>,
    /// How long each request waits.
    pub(super) delay: Duration,
    /// The requests that wait until others are held.
    pub(super) held: Option<Meant>,
    /// Number of changes of `held`.
    pub(super) holds: usize,
}

/// A [`Watch`] that the test and the proxy share.
#[derive(Debug, Default, Clone)]
pub(super) struct Shared(Arc<Mutex<Watch>>);

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, Watch> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request in progress: until it is answered, or its client disconnects.
struct InProgress(Shared);

impl InProgress {
    fn begin(shared: &Shared) -> Self {
        let mut watch = shared.lock();
        watch.in_progress += 1;
        watch.most_at_once = watch.most_at_once.max(watch.in_progress);
        Self(shared.clone())
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        self.0.lock().in_progress -= 1;
    }
}

/// Starts a proxy to a port, which forwards conditional writes one at a time, and returns its own port.
///
/// It has its own thread, because tests block theirs while the reader reads.
pub(super) fn before(port: u16, watch: Shared) -> io::Result<u16> {
    let listener = Listener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    thread::spawn(move || runtime.block_on(LocalSet::new().run_until(serve(listener, port, watch))));
    Ok(address.port())
}

async fn serve(listener: Listener, port: u16, watch: Shared) -> io::Result<()> {
    static TURN: Turn<()> = Turn::const_new(());
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (client, _) = listener.accept().await?;
        let watch = watch.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let watch = watch.clone();
            async move {
                let _in_progress = InProgress::begin(&watch);
                let shown = format!("{} {}", request.method(), request.uri());
                let (delay, refusal, held) = {
                    let mut watch = watch.lock();
                    let refusal = watch.refused.and_then(|(refusal, refused)| refused(&shown).then_some(refusal));
                    let held = watch.held.is_some_and(|held| held(&shown)).then_some(watch.holds);
                    watch.requests.push(shown);
                    (watch.delay, refusal, held)
                };
                sleep(delay).await;
                while held.is_some_and(|held| held == watch.lock().holds) {
                    sleep(Duration::from_millis(10)).await;
                }
                if let Some(refusal) = refusal {
                    return refuse(request, refusal).await.map_err(io::Error::other);
                }
                let is_conditional = request.headers().contains_key(IF_NONE_MATCH);
                let _turn = if is_conditional { Some(TURN.lock().await) } else { None };
                pass_on(request, port).await.map_err(io::Error::other)
            }
        });
        tokio::task::spawn_local(http1::Builder::new().serve_connection(TokioIo::new(client), service));
    }
}

type Passed = Result<Response<Either<Incoming, Full<Bytes>>>, Box<dyn std::error::Error + Send + Sync>>;

async fn pass_on(request: Request<Incoming>, port: u16) -> Passed {
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    let (mut requests, connection) = conn::http1::handshake(TokioIo::new(server)).await?;
    tokio::task::spawn_local(connection);
    Ok(requests.send_request(request).await?.map(Either::Left))
}

/// The answer to a request that the server does not see.
async fn refuse(request: Request<Incoming>, (status, code): Refusal) -> Passed {
    request.into_body().collect().await?;
    let error = Full::from(format!("<Error><Code>{code}</Code></Error>"));
    Ok(Response::builder().status(status).body(Either::Right(error))?)
}
