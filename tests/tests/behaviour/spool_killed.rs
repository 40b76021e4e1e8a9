//! Connectors with `data_dir`: killed under load, with damaged and full spools, and replaced by a takeover.

use std::{
    collections::HashSet,
    env, fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use danube_sink::{
    ConnectorConfig, ConnectorError,
    SubscriptionType::{self, Exclusive, Failover, KeyShared, Shared},
    dev::{BrokerOptions, EmbeddedBroker, Partitions},
};
use danube_sink_tests::{Broker, Ledger, Target, TestSink, get, payload, topic, until, within};
use tokio::{
    process::{Child, Command},
    task::JoinHandle,
    time::{Instant, sleep},
};

use crate::Running;

/// So many kills, unless `SPOOL_KILLS` is set.
const KILLS: usize = 6;
const TAKEOVERS: usize = 20;
/// Dispatch window of the broker.
const WINDOW: usize = 10;
const BATCH: usize = 50;
/// Some 500 messages a second.
const PACE: Duration = Duration::from_millis(2);

/// Random numbers of a seed, which a failing test prints.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// Publishes numbers in their order to topics in turn, until it is stopped.
struct Numbers {
    stop: Arc<AtomicBool>,
    published: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Numbers {
    fn start(broker: &Arc<EmbeddedBroker>, topics: Vec<String>) -> Self {
        let (stop, published) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let (stops, counts, broker) = (Arc::clone(&stop), Arc::clone(&published), Arc::clone(broker));
        let task = tokio::spawn(async move {
            for (number, topic) in (0..).zip(topics.iter().cycle()) {
                if stops.load(Ordering::SeqCst) {
                    return;
                }
                broker.publish(topic, "numbers", [payload(number)]).await.expect("published");
                counts.store(number + 1, Ordering::SeqCst);
                sleep(PACE).await;
            }
        });
        Self { stop, published, task }
    }

    async fn stop(self) -> Vec<u64> {
        self.stop.store(true, Ordering::SeqCst);
        self.task.await.expect("no panic");
        (0..self.published.load(Ordering::SeqCst)).collect()
    }
}

/// The first writes of these numbers that are not in order.
fn reordered(numbers: impl Iterator<Item = u64>) -> usize {
    let (mut seen, mut last, mut reordered) = (HashSet::new(), None, 0);
    for number in numbers.filter(|number| seen.insert(*number)) {
        reordered += usize::from(last > Some(number));
        last = last.max(Some(number));
    }
    reordered
}

fn folder(name: &str) -> PathBuf {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}-{number}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder for temporary files");
    folder
}

/// Connector process that appends each record's number to a file.
struct Appender(PathBuf);

impl Appender {
    fn new(url: &str, data_dir: &Path, mappings: &[(&str, SubscriptionType)]) -> Self {
        let folder = folder("spool-appender");
        let mut text = format!(
            "danube_service_url = \"{url}\"\nconnector_name = \"appender\"\nmetrics_port = 0\nflush_interval_ms = 20\n\
             batch_size = {BATCH}\ndata_dir = {data_dir:?}\nsync = \"os\"\n\n[appender]\nfile = {:?}\n",
            folder.join("numbers")
        );
        for (topic, subscription_type) in mappings {
            text += &format!(
                "\n[[appender.topic_mappings]]\ntopic = \"{topic}\"\nsubscription = \"test\"\n\
                 subscription_type = \"{subscription_type}\"\n"
            );
        }
        fs::write(folder.join("config.toml"), text).expect("a folder for temporary files");
        Self(folder)
    }

    /// With a limit, files of more blocks cannot be written, as on a full disk.
    fn start(&self, limit: Option<u64>) -> Child {
        let mut command = match limit {
            None => Command::new(env!("CARGO_BIN_EXE_appender")),
            Some(limit) => {
                let mut command = Command::new("sh");
                command.args(["-c", &format!("trap '' XFSZ; ulimit -f {limit}; exec \"$APPENDER\"")]);
                command.env("APPENDER", env!("CARGO_BIN_EXE_appender"));
                command
            }
        };
        command.env("CONNECTOR_CONFIG_PATH", self.0.join("config.toml")).kill_on_drop(true);
        // A pipe that nothing reads would block the process.
        let log = fs::File::options().create(true).append(true).open(self.0.join("log")).expect("a log");
        command.stdout(log.try_clone().expect("a log")).stderr(log).spawn().expect("the connector starts")
    }

    /// What the processes logged.
    fn log(&self) -> String {
        fs::read_to_string(self.0.join("log")).unwrap_or_default()
    }

    fn numbers(&self) -> Vec<u64> {
        Ledger::appended(&self.0.join("numbers"))
    }
}

/// The last segment below a folder.
fn last_segment(folder: &Path) -> Option<PathBuf> {
    let (mut folders, mut segments) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.extension().is_some_and(|ending| ending == "segment") => segments.push(path),
                false => {}
            }
        }
    }
    segments.into_iter().max()
}

/// Appends what a write leaves that was interrupted: garbage, or the beginning of a frame.
fn tear(data_dir: &Path, random: &mut Random) {
    let Some(path) = last_segment(data_dir) else { return };
    let mut contents = fs::read(&path).unwrap_or_default();
    let length = usize::try_from(random.below(40)).expect("a few");
    match random.below(2) {
        0 => contents.extend((0..length).map(|_| u8::try_from(random.below(256)).expect("a byte"))),
        _ => contents.extend_from_within(8.min(contents.len())..(8 + length.min(30)).min(contents.len())),
    }
    fs::write(path, contents).expect("the segment is there");
}

/// A process is killed at random moments: while it starts, delivers or takes over; with a torn record, on a full disk, beside
/// another one. The disk keeps what was acknowledged.
#[tokio::test(flavor = "multi_thread")]
async fn processes_that_are_killed_with_a_spool_lose_and_reorder_nothing() {
    let kills = env::var("SPOOL_KILLS").map_or(KILLS, |kills| kills.parse().expect("SPOOL_KILLS is a number"));
    let seed = env::var("SPOOL_SEED").map_or(u64::from(std::process::id()), |seed| seed.parse().expect("a number"));
    println!("SPOOL_SEED={seed}");
    let mut random = Random(seed);
    let broker = Broker::embedded(BrokerOptions::default()).await.embedded.expect("an embedded broker");
    let broker = Arc::new(broker);
    let (ordered, shared) = (topic("spool_ordered"), topic("spool_shared"));
    for topic in [&ordered, &shared] {
        broker.create_topic(topic, Partitions::Unpartitioned, true).expect("a topic");
    }
    let data_dir = folder("spool-killed");
    let appender = Appender::new(&broker.url(), &data_dir, &[(&ordered, Exclusive), (&shared, Shared)]);
    let mut process = appender.start(None);
    let attached = |topic: &str| broker.subscription(topic, "test").is_some_and(|status| status.consumers == 1);
    until("the connector attached", || async { attached(&ordered) && attached(&shared) }).await;
    broker.faults().set_ack_delay(Duration::from_millis(5));
    let numbers = Numbers::start(&broker, vec![ordered.clone(), shared.clone()]);
    for _ in 0..kills {
        sleep(Duration::from_millis(random.below(1_200))).await;
        let mut limit = None;
        match random.below(4) {
            0 => limit = Some(random.below(200)),
            1 => {
                let mut other = appender.start(None);
                sleep(Duration::from_millis(random.below(1_200))).await;
                if random.below(2) == 0 {
                    std::mem::swap(&mut process, &mut other);
                }
                other.kill().await.expect("SIGKILL");
                continue;
            }
            2 => {
                process.kill().await.expect("SIGKILL");
                tear(&data_dir, &mut random);
            }
            _ => {}
        }
        process.kill().await.expect("SIGKILL");
        process = appender.start(limit);
        if limit.is_some() {
            sleep(Duration::from_millis(random.below(600))).await;
            process.kill().await.expect("SIGKILL");
            process = appender.start(None);
        }
    }
    let published = numbers.stop().await;
    let total = published.len();
    let complete = || async {
        let written: HashSet<_> = appender.numbers().into_iter().collect();
        written.len() >= total
    };
    let deadline = Instant::now() + Duration::from_secs(120);
    while !complete().await && Instant::now() < deadline {
        sleep(Duration::from_millis(100)).await;
    }
    let id = process.id().expect("the process runs").to_string();
    assert!(std::process::Command::new("kill").args(["-s", "TERM", &id]).status().expect("kill runs").success());
    let status = within("the end of the process", process.wait()).await.expect("an exit code");
    let log = appender.log();
    assert!(status.success(), "{status}: {}", &log[log.floor_char_boundary(log.len().saturating_sub(3_000))..]);

    let written = appender.numbers();
    let ledger = Ledger::compare(&format!("spool, killed {kills} times"), &published, &written);
    let disorder = reordered(written.iter().copied().filter(|number| number % 2 == 0));
    println!("{disorder} reordered");
    assert_eq!((ledger.lost, ledger.unexpected, disorder), (0, 0, 0));
    // Batches in hand, and windows that were being received when another process took over.
    assert!(ledger.duplicated <= kills * 2 * 2 * (2 * BATCH + WINDOW), "{ledger:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_takeover_loses_nothing_and_repeats_at_most_what_is_in_hand() {
    tokio::join!(takeovers(Exclusive), takeovers(Shared));
}

async fn takeovers(subscription_type: SubscriptionType) {
    let broker = Broker::embedded(BrokerOptions::default()).await.embedded.expect("an embedded broker");
    let (broker, topic, target) = (Arc::new(broker), topic("spool_takeover"), Target::default());
    broker.create_topic(&topic, Partitions::Unpartitioned, true).expect("a topic");
    let data_dir = folder(&format!("spool-takeover-{subscription_type}"));
    let start = async || {
        let sink = TestSink::new(&target, &[&topic], subscription_type);
        Running::start(&broker.url(), sink, |config: &mut ConnectorConfig| {
            config.flush_interval = Duration::from_millis(20);
            config.data_dir = Some(data_dir.clone());
        })
        .await
        .ready()
        .await
    };
    let mut current = start().await;
    let numbers = Numbers::start(&broker, vec![topic.clone()]);
    let mut slowest = Duration::ZERO;
    for takeover in 0..TAKEOVERS {
        let written = target.len();
        target.holds(written + 100).await;
        let later = start().await;
        let started = Instant::now();
        let probe = current.handle.metrics_address();
        until("the standby in /status", || async { get(probe, "/status").await.1.contains("standby") }).await;
        slowest = slowest.max(started.elapsed());
        assert_eq!(get(probe, "/ready").await.0, 503);
        if takeover % 5 == 4 {
            later.stop().await.expect("a clean end");
            current = current.ready().await;
        } else {
            current.stop().await.expect("a clean end");
            current = later;
        }
    }
    let published = numbers.stop().await;
    target.holds(published.len()).await;
    let complete = || async { target.numbers().into_iter().collect::<HashSet<_>>().len() == published.len() };
    until("all written", complete).await;
    current.stop().await.expect("a clean end");

    let what = format!("{TAKEOVERS} takeovers with a spool, {subscription_type}");
    let ledger = Ledger::compare(&what, &published, &target.numbers());
    let disorder = reordered(target.numbers().into_iter());
    println!("{what}: {disorder} reordered, the slowest stood down after {slowest:?}");
    assert_eq!((ledger.lost, ledger.unexpected), (0, 0));
    assert!(subscription_type == Shared || disorder == 0, "{disorder}");
    assert!(ledger.duplicated <= TAKEOVERS * WINDOW, "{ledger:?}");
    assert!(slowest < Duration::from_secs(20), "{slowest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_spooled_is_refused_with_what_to_do() {
    let broker = Broker::embedded(BrokerOptions::default()).await;
    let topic = topic("spool_refused");
    drop(broker.producer(&topic, "creator", None).await);
    let data_dir = folder("spool-refused");
    let refused = async |data_dir: &Path, subscription_type| {
        let sink = TestSink::new(&Target::default(), &[&topic], subscription_type);
        let running = Running::start(broker.url(), sink, |config: &mut ConnectorConfig| {
            config.data_dir = Some(data_dir.to_owned());
        });
        let error = running.await.end().await.expect_err("it is refused");
        assert!(matches!(error, ConnectorError::Configuration { .. }), "{error}");
        let loaded = Appender::new(broker.url(), data_dir, &[(&topic, subscription_type)]);
        let status = within("the end of the process", loaded.start(None).wait()).await.expect("an exit code");
        assert!(!status.success());
        (error.to_string(), loaded.log())
    };
    for subscription_type in [Failover, KeyShared] {
        let (handwritten, loaded) = refused(&data_dir, subscription_type).await;
        assert!(handwritten.contains(&topic), "{handwritten}");
        assert!(loaded.contains("config.toml:"), "{loaded}");
        for text in [handwritten, loaded] {
            let name = subscription_type.to_string();
            assert!(text.contains("use ") && text.contains("Shared") && text.contains(&name), "{text}");
        }
    }
    let file = data_dir.join("file");
    fs::write(&file, "").expect("a file");
    for path in [&file, Path::new("/proc/spool")] {
        for text in <[String; 2]>::from(refused(path, Exclusive).await) {
            assert!(text.contains(&path.display().to_string()) && text.contains("may write"), "{text}");
        }
    }
    for name in ["test", "appender"] {
        let log = data_dir.join(name).join("00000001/log");
        fs::create_dir_all(&log).expect("a folder");
        fs::write(log.join("00000000000000000000.segment"), b"DNBSPOL\x09").expect("a segment");
    }
    for text in <[String; 2]>::from(refused(&data_dir, Exclusive).await) {
        assert!(text.contains("version 9") && text.contains("spool drain"), "{text}");
    }
}
