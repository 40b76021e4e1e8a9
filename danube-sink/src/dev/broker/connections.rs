//! Connections that can be frozen and cut.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, ready};

use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tonic::transport::server::{Connected, TcpConnectInfo};

use super::topics::Topics;

/// The open connections.
#[derive(Debug, Default)]
pub(crate) struct Connections(Mutex<Vec<Weak<Cutter>>>);

impl Connections {
    pub(crate) fn admit(&self, stream: TcpStream, topics: Arc<Topics>) -> Connection {
        let cutter = Arc::new(Cutter::default());
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        list.retain(|open| open.strong_count() > 0);
        list.push(Arc::downgrade(&cutter));
        Connection { stream, cutter, topics }
    }

    /// Breaks every open connection.
    pub(crate) fn cut(&self) {
        let list = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        list.iter().filter_map(Weak::upgrade).for_each(|cutter| cutter.cut());
    }
}

#[derive(Debug, Default)]
struct Cutter {
    cut: AtomicBool,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

impl Cutter {
    fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
        self.reader.wake();
        self.writer.wake();
    }

    fn check(&self) -> io::Result<()> {
        if self.cut.load(Ordering::SeqCst) { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }
}

/// A connection that can be frozen and cut.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    cutter: Arc<Cutter>,
    topics: Arc<Topics>,
}

impl Connection {
    fn poll_usable(&self, waker: &AtomicWaker, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        waker.register(cx.waker());
        self.cutter.check()?;
        self.topics.faults.freeze.poll_open(cx).map(Ok)
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_usable(&self.cutter.reader, cx))?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_usable(&self.cutter.writer, cx))?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_usable(&self.cutter.writer, cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_usable(&self.cutter.writer, cx))?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.stream.connect_info()
    }
}
