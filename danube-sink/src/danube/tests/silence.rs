//! Connections that die in silence, such as those that a firewall has forgotten.

use std::{
    collections::HashMap,
    future::pending,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt, future::join};
use tokio::{
    io::{self, AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};

use super::{
    TOPIC, attach, client, consumer, dead_letter,
    scripted::{Script, Scripted},
    soon, start, tokens,
};
use crate::{
    pipeline::{AckToken, Broker, DeadLetter, FailureKind},
    record::MessageSource,
};

/// What a broker sends on a connection.
#[derive(Default)]
struct Sent {
    bytes: AtomicUsize,
    is_dropped: AtomicBool,
}

/// A proxy that can drop what a broker sends on one of its connections.
struct Firewall {
    address: SocketAddr,
    connections: Arc<Mutex<Vec<Arc<Sent>>>>,
}

impl Firewall {
    async fn to(broker: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::<Mutex<Vec<Arc<Sent>>>>::default();
        let list = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let sent = Arc::<Sent>::default();
                list.lock().unwrap().push(Arc::clone(&sent));
                tokio::spawn(forward(client, broker, sent));
            }
        });
        Self { address, connections }
    }

    /// Drops what the broker sends from now on on the connection that had most.
    fn forget_the_busiest(&self) {
        let connections = self.connections.lock().unwrap();
        let busiest = connections.iter().max_by_key(|sent| sent.bytes.load(Ordering::SeqCst)).unwrap();
        busiest.is_dropped.store(true, Ordering::SeqCst);
    }
}

async fn forward(mut client: TcpStream, broker: SocketAddr, sent: Arc<Sent>) -> io::Result<()> {
    let mut broker = TcpStream::connect(broker).await?;
    let ((mut from_client, mut to_client), (mut from_broker, mut to_broker)) = (client.split(), broker.split());
    let down = async {
        let mut buffer = vec![0; 65_536];
        loop {
            let read = from_broker.read(&mut buffer).await?;
            if sent.is_dropped.load(Ordering::SeqCst) {
                pending::<()>().await;
            }
            sent.bytes.fetch_add(read, Ordering::SeqCst);
            match read {
                0 => return to_client.shutdown().await,
                _ => to_client.write_all(&buffer[..read]).await?,
            }
        }
    };
    tokio::try_join!(down, async { io::copy(&mut from_client, &mut to_broker).await }).map(drop)
}

#[tokio::test]
async fn a_dead_connection_is_noticed_although_nothing_is_published() {
    let (embedded, publisher) = start().await;
    let broker = embedded.url().trim_start_matches("http://").parse().unwrap();
    let firewall = Firewall::to(broker).await;
    let brokers = HashMap::from([(TOPIC.to_owned(), format!("http://{}", firewall.address))]);
    let lookups = Scripted::start(Script { brokers, ..Script::default() }).await;
    let client = client(&lookups.url);
    let mut attached = attach(&client).await;
    let large = DeadLetter { payload: vec![0; 1024 * 1024].into(), ..dead_letter(0) };
    assert_eq!(publisher.publish(TOPIC, vec![large]).await, [Ok(())]);
    let first = tokens(&mut attached.chunks, 1).await;
    assert_eq!(soon("acknowledged", attached.session.ack(first)).await.failed, []);
    firewall.forget_the_busiest();
    let ended =
        timeout(Duration::from_secs(60), attached.chunks.next()).await.expect("the dead connection is not noticed");
    assert_eq!(ended.unwrap().unwrap_err().kind, FailureKind::Unreachable);
    assert_eq!(attached.session.health().await, Ok(()), "its own connection is alive");
    drop(attached);
    let mut attached = attach(&client).await;
    assert_eq!(publisher.publish(TOPIC, vec![dead_letter(1)]).await, [Ok(())]);
    assert_eq!(tokens(&mut attached.chunks, 1).await[0].offset, 1);
}

#[tokio::test]
async fn a_topic_whose_acknowledgements_get_no_answer_breaks_no_connection_of_others() {
    const OTHER: &str = "/default/well";
    let acks = HashMap::from([(OTHER.to_owned(), Duration::from_secs(1))]);
    let broker = Scripted::start(Script { subscribes: Semaphore::new(2), acks, ..Script::default() }).await;
    let client = client(&broker.url);
    let (hung, well) = (attach(&client).await, client.attach(&consumer(OTHER)).await.unwrap());
    let tokens = |topic: &str, count| {
        let source = Arc::new(MessageSource::of_topic(topic.into()));
        (0..count).map(|offset| AckToken { offset, sequence: offset, source: Arc::clone(&source) }).collect()
    };
    // 256 at once: longer than an answer may take.
    let (of_hung, of_well) = join(hung.session.ack(tokens(TOPIC, 1)), well.session.ack(tokens(OTHER, 1_700))).await;
    assert!(of_hung.failed[0].1.message.contains("no answer within 5 s"), "{:?}", of_hung.failed);
    assert_eq!(of_well.failed, []);
}
