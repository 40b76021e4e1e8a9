//! A proxy that makes conditional writes atomic, as S3 does: the server of the tests checks whether an object exists, and writes it
//! later.

use std::{
    io,
    net::{Ipv4Addr, TcpListener as Listener},
    thread,
};

use hyper::{
    Request, Response, body::Incoming, client::conn, header::IF_NONE_MATCH, server::conn::http1, service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Builder,
    sync::Mutex,
    task::LocalSet,
};

/// Starts a proxy to a port, which forwards conditional writes one at a time, and returns its own port.
///
/// It has its own thread, because tests block theirs while the reader reads.
pub(super) fn front_of(port: u16) -> io::Result<u16> {
    let listener = Listener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    thread::spawn(move || runtime.block_on(LocalSet::new().run_until(serve(listener, port))));
    Ok(address.port())
}

async fn serve(listener: Listener, port: u16) -> io::Result<()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (client, _) = listener.accept().await?;
        let service = service_fn(move |request: Request<Incoming>| async move {
            let is_conditional = request.headers().contains_key(IF_NONE_MATCH);
            let _turn = if is_conditional { Some(TURN.lock().await) } else { None };
            pass_on(request, port).await.map_err(io::Error::other)
        });
        tokio::task::spawn_local(http1::Builder::new().serve_connection(TokioIo::new(client), service));
    }
}

async fn pass_on(
    request: Request<Incoming>,
    port: u16,
) -> Result<Response<Incoming>, Box<dyn std::error::Error + Send + Sync>> {
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    let (mut requests, connection) = conn::http1::handshake(TokioIo::new(server)).await?;
    tokio::task::spawn_local(connection);
    Ok(requests.send_request(request).await?)
}
