//! Harness of one scenario: a broker, a topic, and the connector that consumes it.

use std::{collections::HashMap, net::Ipv4Addr, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, timeout};

use super::{
    fault::Fault,
    log::{Log, Sent, State},
    numbers::Numbers,
    probe::Probe,
    publish::publish,
    running::Running,
    subject::Subject,
};
use crate::{
    config::{ConnectorConfig, ConsumerConfig, MappingSettings, OnInvalidRecord, OnRetriesExhausted, SubscriptionType},
    dev::{BrokerOptions, EmbeddedBroker, Keep, Partitions, StoredMessage, SubscriptionStatus},
    runtime::SinkRuntime,
};

const TOPIC: &str = "/default/conformance";
const DEAD_LETTERS: &str = "/default/conformance-dead-letters";
const SUBSCRIPTION: &str = "conformance";
/// Default batch size of a scenario.
pub(super) const BATCH: usize = 10;
/// Interval of polling for conditions without a notification.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Setup of a scenario: its topic, subscription and tasks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setup {
    /// Maximum number of unacknowledged messages.
    pub(super) window: usize,
    pub(super) partitions: Partitions,
    /// Replaces the subscription type of the connector.
    pub(super) subscription_type: Option<SubscriptionType>,
    /// Connector instances in the process.
    pub(super) tasks: usize,
}

/// Harness of one scenario. The error of a method is a finding of the report.
pub(super) struct Harness<S: Subject> {
    subject: Arc<S>,
    log: Arc<Log>,
    broker: EmbeddedBroker,
    setup: Setup,
    /// First payload number of this scenario.
    first: u64,
    producers: u32,
    pub(super) starts: u32,
    pub(super) batch_size: usize,
    pub(super) on_invalid: OnInvalidRecord,
    /// Whether the target must have each record exactly once.
    pub(super) once: bool,
    /// Whether the scenario made the broker redeliver records, so that it counts some twice.
    pub(super) disturbed: bool,
    /// Attempts may time out beside those that the scenario makes hang, on a machine that is busy.
    pub(super) may_time_out: bool,
}

impl<S: Subject> Harness<S> {
    pub(super) async fn new(subject: &Arc<S>, first: u64, setup: Setup) -> Result<Self, String> {
        let mut options = BrokerOptions { max_unacked_messages: setup.window, ..BrokerOptions::default() };
        options.failure_policy.ack_timeout = ack_timeout(subject.as_ref());
        let broker = EmbeddedBroker::start(options).await.map_err(|error| error.to_string())?;
        for (topic, partitions) in [(TOPIC, setup.partitions), (DEAD_LETTERS, Partitions::Unpartitioned)] {
            broker.create_topic(topic, partitions, true).map_err(|error| error.to_string())?;
        }
        Ok(Self {
            subject: Arc::clone(subject),
            log: Arc::default(),
            broker,
            setup,
            first,
            producers: 0,
            starts: 0,
            batch_size: BATCH,
            on_invalid: OnInvalidRecord::DeadLetter,
            once: true,
            disturbed: false,
            may_time_out: false,
        })
    }

    pub(super) fn subject(&self) -> &S {
        &self.subject
    }

    pub(super) fn log(&self) -> &Log {
        &self.log
    }

    /// First payload number of the next scenario.
    pub(super) fn next_number(&self) -> u64 {
        self.first + self.numbers().len() as u64
    }

    pub(super) fn findings(&self) -> Vec<String> {
        self.log.read(|state| state.findings.clone())
    }

    pub(super) fn notes(&self) -> Vec<String> {
        self.log.read(|state| state.notes.clone())
    }

    /// Allows duplicates of a subject that is not idempotent, since the scenario causes redeliveries.
    pub(super) fn allow_redelivery(&mut self) {
        self.once = self.subject.idempotent();
    }

    /// Allows further attempts that time out, since the scenario's timeout is short. The target may have the records of such an
    /// attempt when they are redelivered.
    pub(super) fn allow_timeouts(&mut self) {
        self.may_time_out = true;
        self.allow_redelivery();
    }

    pub(super) fn batches_of(&mut self, batch_size: usize) {
        self.batch_size = batch_size;
    }

    pub(super) fn on_invalid(&mut self, policy: OnInvalidRecord) {
        self.on_invalid = policy;
    }

    /// Sets the faults of the next attempts.
    pub(super) fn script(&self, faults: impl IntoIterator<Item = Fault>) {
        self.log.change(|state| state.script = faults.into_iter().collect());
    }

    /// Starts a new connector, and waits until it is attached.
    pub(super) async fn start(&mut self) -> Result<Running, String> {
        self.start_with(|_| ()).await
    }

    /// Starts a new connector with settings of the scenario.
    pub(super) async fn start_with(&mut self, tune: impl FnOnce(&mut ConnectorConfig)) -> Result<Running, String> {
        let (probe, config) = self.probe()?;
        let mut probes = vec![probe];
        for _ in 1..self.setup.tasks {
            probes.push(self.probe()?.0);
        }
        let config = self.settings(config, tune);
        let runtime = SinkRuntime::with_tasks(probes, config).await.map_err(|error| error.report())?;
        self.starts += 1;
        let mut running = Running::new(runtime, self.log.read(|state| state.tally(self.status().acked)));
        running.ready(self.subject.patience()).await?;
        if self.broker.subscription(TOPIC, SUBSCRIPTION).is_none() {
            let text = format!("consumer_configs does not contain {TOPIC} with subscription {SUBSCRIPTION}");
            running.stop(self.subject.patience()).await?;
            return Err(text);
        }
        Ok(running)
    }

    fn probe(&self) -> Result<(Probe<S>, ConnectorConfig), String> {
        let made = self.subject.connector(TOPIC, SUBSCRIPTION);
        let (connector, config) = made.map_err(|error| format!("cannot create the connector: {error}"))?;
        Ok((Probe::new(connector, &self.subject, &self.log, self.setup.subscription_type), config))
    }

    /// Number of connector instances started so far, for each of which `initialize` and `shutdown` are called once.
    pub(super) fn instances_started(&self) -> u32 {
        self.starts * u32::try_from(self.setup.tasks).unwrap_or(u32::MAX)
    }

    fn settings(&self, mut config: ConnectorConfig, tune: impl FnOnce(&mut ConnectorConfig)) -> ConnectorConfig {
        config.danube_service_url = self.broker.url();
        (config.metrics_address, config.metrics_port) = (Ipv4Addr::LOCALHOST.into(), 0);
        // With a spool, an acknowledgement says nothing about the target, and a scenario has the records of those before it.
        config.data_dir = None;
        config.tasks = self.setup.tasks;
        config.batch_size = self.batch_size;
        config.flush_interval = Duration::from_millis(50);
        config.write_timeout = self.subject.patience();
        config.ack_timeout = ack_timeout(self.subject());
        config.max_retries = 2;
        config.retry_backoff = Duration::from_millis(10);
        config.max_backoff = Duration::from_millis(100);
        config.on_retries_exhausted = OnRetriesExhausted::Wait;
        config.shutdown_timeout = self.subject.patience();
        tune(&mut config);
        // A hand-written configuration may have no mapping; the runtime would then derive one from the core settings.
        if config.mappings.is_empty() {
            let consumer = ConsumerConfig {
                topic: TOPIC.to_owned(),
                consumer_name: SUBSCRIPTION.to_owned(),
                subscription: SUBSCRIPTION.to_owned(),
                subscription_type: SubscriptionType::Exclusive,
                expected_schema_subject: None,
            };
            config.mappings = vec![MappingSettings::new(consumer, &config)];
        }
        for mapping in &mut config.mappings {
            mapping.batch_size = config.batch_size;
            mapping.batch_bytes = config.batch_bytes;
            mapping.flush_interval = config.flush_interval;
            mapping.ack_timeout = config.ack_timeout;
            mapping.on_invalid_record = self.on_invalid;
            mapping.dead_letter_topic = Some(DEAD_LETTERS.to_owned());
            if let Some(subscription_type) = self.setup.subscription_type {
                mapping.consumer.subscription_type = subscription_type;
            }
        }
        config
    }

    /// Publishes valid records.
    pub(super) async fn publish(&mut self, count: u64) -> Result<(), String> {
        self.send(self.own(self.next_number(), count)).await
    }

    /// Publishes other payloads, with `own` valid records before each and after the last.
    pub(super) async fn publish_between(&mut self, own: u64, payloads: &[Vec<u8>]) -> Result<(), String> {
        let mut next = self.next_number();
        let mut messages = Vec::new();
        for payload in payloads {
            messages.extend(self.own(next, own));
            messages.push(Sent::foreign(payload.clone(), "foreign"));
            next += own;
        }
        messages.extend(self.own(next, own));
        self.send(messages).await
    }

    /// Publishes messages with valid records between them.
    pub(super) async fn publish_mixed(&mut self, foreign: Vec<Sent>) -> Result<(), String> {
        let mut messages = Vec::new();
        for (number, message) in (self.next_number()..).zip(foreign) {
            messages.extend(self.own(number, 1));
            messages.push(message);
        }
        self.send(messages).await
    }

    /// Valid records, each with one of a few routing keys.
    fn own(&self, next: u64, count: u64) -> Vec<Sent> {
        const KEYS: u64 = 7;
        let own = |number| Sent {
            key: Some(format!("key-{}", number % KEYS)),
            attributes: HashMap::new(),
            number: Some(number),
            payload: self.subject.payload(number),
        };
        (next..next + count).map(own).collect()
    }

    pub(super) async fn send(&mut self, messages: Vec<Sent>) -> Result<(), String> {
        self.producers += 1;
        let name = format!("conformance-{}", self.producers);
        let first = self.log.read(|state| state.sent.len());
        // Logged before they are published: the connector may be faster than the confirmation.
        self.log.change(|state| state.sent.extend_from_slice(&messages));
        publish(&self.broker.url(), (TOPIC, self.setup.partitions), &name, &messages, first)
            .await
            .map_err(|error| format!("the kit cannot publish: {error}"))
    }

    /// Waits until every message is acknowledged at the broker.
    pub(super) async fn settled(&self, running: &mut Running) -> Result<(), String> {
        self.wait(running, |status, _| status.backlog + status.in_flight == 0).await.map_err(|error| {
            let left = self.status().backlog + self.status().in_flight;
            let (sent, last) = self.log.read(|state| (state.sent.len(), state.last_failure.clone()));
            let last = last.map(|text| format!("; the last failure: {text}")).unwrap_or_default();
            format!("{left} of {sent} records are not acknowledged: {error}{last}")
        })
    }

    /// Waits until the runtime has received `count` messages.
    pub(super) async fn received(&self, running: &mut Running, count: u64) -> Result<(), String> {
        self.wait(running, |_, numbers| numbers.received >= count).await
    }

    /// Waits until the log satisfies the condition.
    pub(super) async fn until(
        &self,
        running: &mut Running,
        what: &str,
        condition: impl FnMut(&State) -> bool,
    ) -> Result<(), String> {
        let patience = self.subject.patience();
        let happened = timeout(patience, self.log.until(condition));
        tokio::select! {
            happened = happened => happened.map_err(|_| format!("{what} did not happen within {patience:?}")),
            ended = running.ended() => Err(ended),
        }
    }

    pub(super) async fn wait(
        &self,
        running: &mut Running,
        condition: impl Fn(SubscriptionStatus, Numbers) -> bool,
    ) -> Result<(), String> {
        let started = Instant::now();
        loop {
            if running.is_finished() {
                return Err(running.ended().await);
            }
            if condition(self.status(), running.numbers().await?) {
                return Ok(());
            }
            if started.elapsed() > self.subject.patience() {
                return Err(format!("waited for {:?}", self.subject.patience()));
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    pub(super) fn kick(&mut self) {
        self.disturbed = true;
        self.broker.kick();
    }

    pub(super) fn cut_connections(&mut self) {
        self.disturbed = true;
        self.broker.cut_connections();
    }

    pub(super) async fn restart_broker(&mut self) -> Result<(), String> {
        self.disturbed = true;
        self.broker.restart(Keep::Everything).await.map_err(|error| error.to_string())
    }

    pub(super) fn status(&self) -> SubscriptionStatus {
        self.broker.subscription(TOPIC, SUBSCRIPTION).unwrap_or_default()
    }

    /// Messages in the dead-letter topic.
    pub(super) fn dead_letters(&self) -> Vec<StoredMessage> {
        self.broker.messages(DEAD_LETTERS)
    }

    /// Numbers of all published valid records.
    pub(super) fn numbers(&self) -> Vec<u64> {
        self.log.read(|state| state.sent.iter().filter_map(|sent| sent.number).collect())
    }
}

/// The broker's ack timeout. Half of it is twice the subject's patience: if writes took longer than half, the connector would
/// detach, and acknowledgements of messages that were in hand for longer take minutes until they count.
fn ack_timeout<S: Subject>(subject: &S) -> Duration {
    BrokerOptions::default().failure_policy.ack_timeout.max(4 * subject.patience())
}
