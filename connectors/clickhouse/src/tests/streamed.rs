//! Inserts that are sent while their rows are made: what breaks off writes nothing, and what is written is written once.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use danube_sink::{SinkConnector, SinkRecord};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::sleep,
};

use super::{Clickhouse, Engine, Process, connector, initialize, records, rejected, started};

/// A server that keeps the inserts as far as it has read them.
struct Recorder {
    url: String,
    inserts: Arc<Mutex<Vec<Body>>>,
    /// For the next descriptions of the table, how long each takes.
    delays: Arc<Mutex<VecDeque<Duration>>>,
    /// For the next inserts, the status of each.
    statuses: Arc<Mutex<VecDeque<u16>>>,
}

/// A chunked body.
#[derive(Debug)]
struct Body {
    rows: String,
    is_whole: bool,
}

impl Recorder {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (inserts, delays, statuses) = Default::default();
        let recorder = Self { url, inserts, delays, statuses };
        let shared = (Arc::clone(&recorder.inserts), Arc::clone(&recorder.delays), Arc::clone(&recorder.statuses));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, shared.clone()));
            }
        });
        recorder
    }

    /// A connector that knows the columns `n UInt8, s String` from a batch before.
    async fn connector(&self) -> Clickhouse {
        let mut connector = connector(&self.url, "");
        initialize(&mut connector).await.expect("a server");
        connector.process_batch(rows(1)).await.expect("a row");
        self.inserts.lock().expect("no panic").clear();
        connector
    }

    fn inserts(&self) -> Vec<Body> {
        std::mem::take(&mut *self.inserts.lock().expect("no panic"))
    }
}

type Shared = (Arc<Mutex<Vec<Body>>>, Arc<Mutex<VecDeque<Duration>>>, Arc<Mutex<VecDeque<u16>>>);

async fn serve(mut stream: TcpStream, (inserts, delays, statuses): Shared) {
    let mut read = Vec::new();
    loop {
        let Some(head) = until(&mut stream, &mut read, b"\r\n\r\n").await else { return };
        let head = String::from_utf8_lossy(&head).into_owned();
        let (mut status, mut answer) = (200, String::new());
        if head.contains("query=INSERT") {
            let mut body = Body { rows: String::new(), is_whole: false };
            while let Some(size) = until(&mut stream, &mut read, b"\r\n").await {
                let size = usize::from_str_radix(String::from_utf8_lossy(&size).trim(), 16).expect("a size");
                while read.len() < size + 2 && stream.read_buf(&mut read).await.is_ok_and(|bytes| bytes > 0) {}
                let end = (size + 2).min(read.len());
                body.rows += &String::from_utf8_lossy(&read[..size.min(end)]);
                read.drain(..end);
                body.is_whole = size == 0;
                if size == 0 {
                    break;
                }
            }
            let is_whole = body.is_whole;
            inserts.lock().expect("no panic").push(body);
            if !is_whole {
                return;
            }
            status = statuses.lock().expect("no panic").pop_front().unwrap_or(status);
        } else {
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            let length: usize = length.expect("a length");
            while read.len() < length && stream.read_buf(&mut read).await.is_ok_and(|bytes| bytes > 0) {}
            let statement: Vec<_> = read.drain(..length.min(read.len())).collect();
            if statement.starts_with(b"DESCRIBE") {
                let delay = delays.lock().expect("no panic").pop_front().unwrap_or_default();
                sleep(delay).await;
                answer = "{\"name\":\"n\",\"type\":\"UInt8\"}\n{\"name\":\"s\",\"type\":\"String\"}\n".to_owned();
            } else {
                answer = "limit max_insert_block_size 1048576\ntime zone UTC\n".to_owned();
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

#[tokio::test]
async fn what_breaks_off_ends_within_a_row() {
    let server = Recorder::start().await;
    let mut connector = server.connector().await;
    // The last one does not fit.
    let batch = records((0..3_000).map(row).chain([r#"{"n":300,"s":""}"#.to_owned()]));
    assert!(rejected(connector.process_batch(batch).await).contains("1 rejected"));
    let inserts = server.inserts();
    let [broken, whole] = &inserts[..] else { panic!("{} inserts", inserts.len()) };
    assert!(!broken.is_whole && broken.rows.starts_with(r#"{"n":0,"#), "{broken:?}");
    assert!(!broken.rows.ends_with(['}', '\n']), "{:?}", broken.rows.lines().last());
    assert!(whole.is_whole && whole.rows.lines().count() == 3_000, "{} rows", whole.rows.lines().count());
}

#[tokio::test]
async fn rows_are_sent_once_and_in_order() {
    let server = Recorder::start().await;
    let mut connector = server.connector().await;
    connector.process_batch(rows(3_000)).await.expect("rows");
    let inserts = server.inserts();
    let [whole] = &inserts[..] else { panic!("{} inserts", inserts.len()) };
    assert!(whole.is_whole && whole.rows.lines().eq((0..3_000).map(row)));
}

/// A statement that changes the table may wait for the insert, and the description for that statement.
#[tokio::test]
async fn an_insert_does_not_wait_long_for_the_columns() {
    let server = Recorder::start().await;
    let mut connector = server.connector().await;
    server.delays.lock().expect("no panic").push_back(Duration::from_secs(2));
    connector.process_batch(rows(3)).await.expect("rows");
    let inserts = server.inserts();
    let [broken, whole] = &inserts[..] else { panic!("{} inserts", inserts.len()) };
    assert!(!broken.is_whole && whole.is_whole && whole.rows.lines().count() == 3, "{inserts:?}");
}

/// The client sends a body again with a new token only if it has it as a whole.
#[tokio::test]
async fn a_refused_credential_is_found_by_a_whole_insert() {
    let server = Recorder::start().await;
    let mut connector = server.connector().await;
    server.statuses.lock().expect("no panic").push_back(401);
    connector.process_batch(rows(3)).await.expect("rows");
    let counts: Vec<_> = server.inserts().iter().map(|insert| (insert.rows.lines().count(), insert.is_whole)).collect();
    assert_eq!(counts, [(3, true); 2]);
}

#[tokio::test]
async fn servers_write_no_row_of_an_insert_that_breaks_off() {
    for (engine, gzip_level) in [(Engine::Old, 0), (Engine::Old, 1), (Engine::Current, 0), (Engine::Current, 1)] {
        let server = Process::start_of(engine);
        server.ask("CREATE TABLE t (n UInt8, s String) ENGINE = MergeTree ORDER BY n");
        let mut connector = started(&server, "").await;
        connector.gzip_level = gzip_level;
        initialize(&mut connector).await.expect("a server");
        connector.process_batch(rows(1)).await.expect("a row");
        server.ask("TRUNCATE TABLE t");
        for _ in 0..5 {
            let batch = records((0..3_000).map(row).chain([r#"{"n":300,"s":""}"#.to_owned()]));
            assert!(rejected(connector.process_batch(batch).await).contains("1 rejected"));
        }
        let written = server.ask("SELECT count(), uniqExact(s) FROM t FORMAT TSV");
        assert_eq!(written, "15000\t3000", "{engine:?}, gzip {gzip_level}");
    }
}
