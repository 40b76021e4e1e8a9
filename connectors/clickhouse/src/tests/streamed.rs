//! Inserts that are sent while their rows are made: what breaks off writes nothing, and what is written is written once.

use std::{
    collections::VecDeque,
    io::Read,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use danube_sink::{SinkConnector, SinkRecord};
use flate2::read::GzDecoder;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::sleep,
};

use super::{Clickhouse, Process, connector, initialize, records, rejected, started};

const OLD: &str = "limit max_insert_block_size 1048576\n";
const CURRENT: &str = "async_insert\nlimit max_insert_block_size 1048576\n";

/// A server that keeps the inserts as far as it has read them.
struct Recorder {
    url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    settings: &'static str,
    inserts: Vec<Insert>,
    /// For the next descriptions of the table, how long each takes.
    delays: VecDeque<Duration>,
    /// For the next requests of each kind, its status.
    statuses_of_inserts: VecDeque<u16>,
    statuses_of_descriptions: VecDeque<u16>,
}

#[derive(Debug)]
struct Insert {
    rows: String,
    /// Whether its body has an end.
    is_whole: bool,
}

impl Insert {
    fn of(body: &[u8], is_gzip: bool, is_whole: bool) -> Self {
        let mut rows = Vec::new();
        if is_gzip {
            let decoded = Read::read_to_end(&mut GzDecoder::new(body), &mut rows);
            assert_eq!(decoded.is_ok(), is_whole, "gzip shows whether it is whole");
        } else {
            rows.extend_from_slice(body);
        }
        Self { rows: String::from_utf8(rows).expect("JSON"), is_whole }
    }
}

impl Recorder {
    async fn start(settings: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let state = Arc::new(Mutex::new(State { settings, ..State::default() }));
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { url, state }
    }

    /// A connector that knows the columns `n UInt8, s String` from a batch before.
    async fn connector(&self) -> Clickhouse {
        let mut connector = connector(&self.url, "");
        initialize(&mut connector).await.expect("a server");
        connector.process_batch(rows(1)).await.expect("a row");
        self.inserts();
        connector
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }

    /// The inserts since the last call: the rows of each, and whether it is whole.
    fn inserts(&self) -> Vec<(usize, bool)> {
        let inserts = std::mem::take(&mut self.state().inserts);
        inserts.iter().map(|insert| (insert.rows.lines().count(), insert.is_whole)).collect()
    }
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let mut read = Vec::new();
    while let Some(head) = until(&mut stream, &mut read, b"\r\n\r\n").await {
        let head = String::from_utf8_lossy(&head).to_lowercase();
        let (mut status, mut answer) = (200, String::new());
        if head.contains("query=insert") {
            let (mut body, mut is_whole) = (Vec::new(), false);
            while !is_whole && let Some(size) = until(&mut stream, &mut read, b"\r\n").await {
                let size = usize::from_str_radix(String::from_utf8_lossy(&size).trim(), 16).expect("a size");
                while read.len() < size + 2 && stream.read_buf(&mut read).await.is_ok_and(|bytes| bytes > 0) {}
                body.extend(read.drain(..size.min(read.len())));
                read.drain(..read.len().min(2));
                is_whole = size == 0;
            }
            let mut state = locked(&state);
            state.inserts.push(Insert::of(&body, head.contains("content-encoding: gzip"), is_whole));
            if !is_whole {
                return;
            }
            status = state.statuses_of_inserts.pop_front().unwrap_or(status);
        } else {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            let length: usize = length.expect("a length");
            while read.len() < length && stream.read_buf(&mut read).await.is_ok_and(|bytes| bytes > 0) {}
            let statement: Vec<_> = read.drain(..length.min(read.len())).collect();
            if statement.starts_with(b"DESCRIBE") {
                let delay = locked(&state).delays.pop_front().unwrap_or_default();
                sleep(delay).await;
                status = locked(&state).statuses_of_descriptions.pop_front().unwrap_or(status);
                answer = "{\"name\":\"n\",\"type\":\"UInt8\"}\n{\"name\":\"s\",\"type\":\"String\"}\n".to_owned();
            } else {
                answer = format!("{}time zone UTC\n", locked(&state).settings);
            }
        }
        let head = format!("HTTP/1.1 {status} \r\nContent-Length: {}\r\n\r\n{answer}", answer.len());
        if stream.write_all(head.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// What is read up to this mark; `None` at the end of the stream.
async fn until(stream: &mut TcpStream, read: &mut Vec<u8>, mark: &[u8]) -> Option<Vec<u8>> {
    loop {
        if let Some(at) = read.windows(mark.len()).position(|window| window == mark) {
            return Some(read.drain(..at + mark.len()).collect());
        }
        if stream.read_buf(read).await.ok()? == 0 {
            return None;
        }
    }
}

/// Of 100 bytes each.
fn rows(count: usize) -> Vec<SinkRecord> {
    records((0..count).map(row))
}

fn row(number: usize) -> String {
    format!(r#"{{"n":{},"s":"{number:086}"}}"#, number % 10)
}

/// Whose last one does not fit.
fn rows_and_an_invalid_one() -> Vec<SinkRecord> {
    records((0..3_000).map(row).chain([r#"{"n":300,"s":""}"#.to_owned()]))
}

#[tokio::test]
async fn rows_are_sent_once_and_in_order() {
    for settings in [OLD, CURRENT] {
        let server = Recorder::start(settings).await;
        let mut connector = server.connector().await;
        connector.process_batch(rows(3_000)).await.expect("rows");
        let inserts = std::mem::take(&mut server.state().inserts);
        let [insert] = &inserts[..] else { panic!("{} inserts", inserts.len()) };
        assert!(insert.is_whole && insert.rows.lines().eq((0..3_000).map(row)));
    }
}

#[tokio::test]
async fn what_breaks_off_has_no_end() {
    for settings in [OLD, CURRENT] {
        let server = Recorder::start(settings).await;
        let mut connector = server.connector().await;
        assert!(rejected(connector.process_batch(rows_and_an_invalid_one()).await).contains("1 rejected"));
        let inserts = server.inserts();
        assert!(matches!(inserts[..], [(_, false), (3_000, true)]), "{settings}: {inserts:?}");
    }
}

/// A statement that changes the table may wait for the insert, and the description for that statement.
#[tokio::test]
async fn an_insert_does_not_wait_long_for_the_columns() {
    let server = Recorder::start(CURRENT).await;
    let mut connector = server.connector().await;
    server.state().delays.push_back(Duration::from_millis(1_500));
    connector.process_batch(rows(3)).await.expect("rows");
    let inserts = server.inserts();
    assert!(matches!(inserts[..], [(_, false), (3, true)]), "{inserts:?}");
    assert!(rejected(connector.process_batch(rows_and_an_invalid_one()).await).contains("1 rejected"));
    assert_eq!(server.inserts(), [(3_000, true)], "the next one is not begun early");
}

/// The client sends a body again with a new token only if it has it as a whole; and a proxy may take one request at once.
#[tokio::test]
async fn an_insert_that_is_refused_as_a_request_is_sent_once_more() {
    for status in [401, 429, 503] {
        let server = Recorder::start(CURRENT).await;
        let mut connector = server.connector().await;
        server.state().statuses_of_inserts.push_back(status);
        connector.process_batch(rows(3)).await.expect("rows");
        assert_eq!(server.inserts(), [(3, true); 2], "{status}");
    }
    let server = Recorder::start(CURRENT).await;
    let mut connector = server.connector().await;
    server.state().statuses_of_descriptions.push_back(429);
    connector.process_batch(rows(3)).await.expect("rows");
    assert!(matches!(server.inserts()[..], [(_, false), (3, true)]));
}

#[tokio::test]
async fn an_old_server_writes_no_row_of_an_insert_that_breaks_off() {
    for gzip_level in [0, 1] {
        let server = Process::start();
        server.ask("CREATE TABLE t (n UInt8, s String) ENGINE = MergeTree ORDER BY n");
        let mut connector = started(&server, "").await;
        connector.gzip_level = gzip_level;
        initialize(&mut connector).await.expect("a server");
        assert!(connector.server.block.rows > 3_000, "it sends inserts early");
        connector.process_batch(rows(1)).await.expect("a row");
        server.ask("TRUNCATE TABLE t");
        for _ in 0..5 {
            assert!(rejected(connector.process_batch(rows_and_an_invalid_one()).await).contains("1 rejected"));
        }
        assert_eq!(server.ask("SELECT count(), uniqExact(s) FROM t FORMAT TSV"), "15000\t3000", "gzip {gzip_level}");
    }
}
