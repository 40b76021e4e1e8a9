//! The role of the connector, which runs in the full runtime.

use std::{
    env, fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use async_trait::async_trait;
use danube_sink::{
    ConnectorConfig, ConnectorResult, ConsumerConfig, MappingSettings, OnInvalidRecord, OnMassRefusal, PartialFailure,
    RuntimeHandle, SinkConnector, SinkRecord, SinkRuntime, SpoolSync, SubscriptionType::Exclusive,
};

use super::{Arrivals, Clock, Consume, Consumer, age, published};

/// Interval between two reads of the number of settled records.
const POLL_INTERVAL: Duration = Duration::from_micros(200);

pub(crate) async fn run(consume: Consume) {
    let arrivals = Arc::new(Arrivals::new(consume.records));
    let written = consume.latencies.then(|| Arc::new(Written::default()));
    let consumer = ConsumerConfig {
        topic: consume.topic.clone(),
        consumer_name: "runtime".into(),
        subscription: "runtime".into(),
        subscription_type: Exclusive,
        expected_schema_subject: None,
    };
    let mut config = ConnectorConfig::new(&consume.url, "runtime");
    config.metrics_port = 0;
    config.max_buffered_bytes = consume.max_buffered_bytes.unwrap_or(config.max_buffered_bytes);
    if let Consumer::Spooled { syncs } = consume.by {
        config.data_dir = Some(env::temp_dir().join(format!("danube-sink-report-{}", std::process::id())));
        config.sync = if syncs { SpoolSync::Always } else { SpoolSync::Os };
    }
    let spool = config.data_dir.clone();
    let mut mapping = MappingSettings::new(consumer.clone(), &config);
    mapping.on_invalid_record = OnInvalidRecord::DeadLetter;
    mapping.on_mass_refusal = OnMassRefusal::GoOn;
    mapping.dead_letter_topic = Some(format!("{}_dead", consume.topic));
    config.mappings = vec![mapping];
    let sink =
        Sink { consumer, by: consume.by, arrivals: Arc::clone(&arrivals), written: written.as_ref().map(Arc::clone) };
    let runtime = SinkRuntime::new(sink, config).await.expect("a free port");
    let handle = runtime.handle();
    let running = tokio::spawn(runtime.run());
    assert!(handle.ready().await, "the connector runs");
    let watch = written.map(|written| Watch::start(handle.clone(), written));
    let clock = Clock::start().await;
    arrivals.end().await;
    // The shutdown waits for dead letters and acknowledgements.
    handle.shutdown();
    running.await.expect("no panic").expect("a clean end");
    clock.stop(&arrivals, watch.map(Watch::stop).unwrap_or_default());
    if let Some(spool) = spool {
        fs::remove_dir_all(spool).expect("the spool is removed");
    }
}

/// Times of publishing of the written records, in order.
#[derive(Default)]
struct Written(Mutex<Vec<u64>>);

/// Thread that polls the number of settled records, for their latencies.
struct Watch {
    thread: JoinHandle<Vec<f64>>,
    done: Arc<AtomicBool>,
}

impl Watch {
    fn start(handle: RuntimeHandle, written: Arc<Written>) -> Self {
        let done = Arc::<AtomicBool>::default();
        let is_done = Arc::clone(&done);
        let thread = thread::spawn(move || {
            let mut latencies = Vec::new();
            loop {
                let is_last = is_done.load(Ordering::Acquire);
                let settled = usize::try_from(handle.settled()).expect("not so many");
                let published = written.0.lock().expect("no panic");
                let new = published.iter().take(settled).skip(latencies.len());
                latencies.extend(new.map(|published| age(*published)));
                drop(published);
                if is_last {
                    return latencies;
                }
                thread::park_timeout(POLL_INTERVAL);
            }
        });
        Self { thread, done }
    }

    fn stop(self) -> Vec<f64> {
        self.done.store(true, Ordering::Release);
        self.thread.join().expect("no panic")
    }
}

struct Sink {
    consumer: ConsumerConfig,
    by: Consumer,
    arrivals: Arc<Arrivals>,
    written: Option<Arc<Written>>,
}

#[async_trait]
impl SinkConnector for Sink {
    async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
        Ok(())
    }

    async fn consumer_configs(&self) -> ConnectorResult<Vec<ConsumerConfig>> {
        Ok(vec![self.consumer.clone()])
    }

    async fn process(&mut self, record: SinkRecord) -> ConnectorResult<()> {
        self.process_batch(vec![record]).await
    }

    async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        if let Consumer::Slow(milliseconds) = self.by {
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        }
        if let Some(written) = &self.written {
            let mut written = written.0.lock().expect("no panic");
            written.extend(records.iter().map(|record| published(record.bytes())));
        }
        let named = records.iter().map(|record| (record.partition().unwrap_or_default(), record.offset()));
        self.arrivals.arrive(named);
        if self.by == Consumer::Rejecting {
            let mut failure = PartialFailure::default();
            for record in &records {
                failure.reject(record, "the target rejects every record");
            }
            return failure.into_result();
        }
        Ok(())
    }
}
