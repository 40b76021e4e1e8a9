//! Cost of the pipeline without a network: nanoseconds and allocations a record, and concurrent writes.

use std::{
    hint::black_box,
    process::Command,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use danube_sink::{
    __measure::MemoryRun, ConnectorConfig, ConnectorResult, ConsumerConfig, SinkConnector, SinkRecord, SubscriptionType,
};
use danube_sink_tests_pipeline::{ORDER, Order, OrderFormat, OrderSink};
use tokio::runtime::{Builder, Runtime};

use crate::{
    child::cpu_seconds,
    figures::{Goal, Report, median},
};

const RAW: &str = "pipeline_raw_bytes_ns_per_record";
const FLAT: &str = "pipeline_1000_mappings_ratio";
const ALLOCATIONS: &str = "pipeline_allocations_per_record";
const TYPED: &str = "pipeline_json_struct_ratio";
const TYPED_WITH_SCHEMA: &str = "pipeline_json_struct_with_schema_ratio";
const WHERE: &str = "where_nanoseconds";
const TASKS: &str = "tasks_8_ratio";
const WRITE: Duration = Duration::from_millis(5);

pub(crate) fn all(report: &Report) {
    // One thread, so that the time is the cost.
    let tokio = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    if report.wants(&[RAW, FLAT]) {
        raw_bytes(report, &tokio);
    }
    if report.wants(&[ALLOCATIONS]) {
        allocations(report);
    }
    if report.wants(&[TYPED, TYPED_WITH_SCHEMA]) {
        typed(report, &tokio);
    }
    if report.wants(&[WHERE]) {
        filtered(report, &tokio);
    }
    if report.wants(&[TASKS]) {
        tasks(report, &tokio);
    }
}

fn records(report: &Report) -> usize {
    report.rounds(500_000, 1_000_000)
}

/// CPU nanoseconds a record, or elapsed ones where the system does not count CPU time: the pipeline never waits here, so both
/// are the same on an otherwise idle machine.
fn nanoseconds(records: usize, work: impl FnOnce() -> Duration) -> f64 {
    let before = cpu_seconds();
    let took = work().as_secs_f64();
    let took = cpu_seconds().zip(before).map_or(took, |(now, before)| now - before);
    took * 1e9 / records as f64
}

fn pipeline(tokio: &Runtime, format: OrderFormat, run: &MemoryRun) -> f64 {
    let run = MemoryRun { schema: format.schema(), ..run.clone() };
    nanoseconds(run.records, || tokio.block_on(run.time(vec![OrderSink(format)])).expect("a clean end"))
}

/// CPU nanoseconds that each further record costs: without the start and the stop of each mapping.
fn further(tokio: &Runtime, run: &MemoryRun) -> f64 {
    let longer = MemoryRun { records: 2 * run.records, ..run.clone() };
    2.0 * pipeline(tokio, OrderFormat::Bytes, &longer) - pipeline(tokio, OrderFormat::Bytes, run)
}

fn raw_bytes(report: &Report, tokio: &Runtime) {
    let run = MemoryRun::new(records(report), ORDER);
    // All windows together fit into the default memory budget, and a batch into a window.
    let one = MemoryRun { window: 100, ..run.clone() };
    let many = MemoryRun { mappings: 1_000, ..one.clone() };
    let round = |_| {
        let times = [pipeline(tokio, OrderFormat::Bytes, &run), further(tokio, &one), further(tokio, &many)];
        report.progress(format!(
            "raw bytes: {:.0} ns a record; each further one with a window of 100: {:.0}, and over 1 000 mappings {:.0}",
            times[0], times[1], times[2]
        ));
        times
    };
    let rounds: Vec<_> = (0..=report.rounds(5, 15)).map(round).skip(1).collect();
    report.figure(RAW, median(rounds.iter().map(|[run, ..]| *run)), Goal::AtMost(150.0));
    report.figure(FLAT, median(rounds.iter().map(|[_, one, many]| many / one)), Goal::AtMost(1.2));
}

fn allocations(report: &Report) {
    let [few, many] = [100_000, 200_000].map(|records: usize| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pipeline"));
        let output = command.args([OrderFormat::Bytes.name(), &records.to_string()]).output().expect("it runs");
        String::from_utf8_lossy(&output.stdout).trim().parse::<f64>().expect("a number")
    });
    report.figure(ALLOCATIONS, (many - few) / 100_000.0, Goal::AtMost(0.1));
}

/// Ratio to serde_json alone, for records that are read into a struct.
fn typed(report: &Report, tokio: &Runtime) {
    let run = MemoryRun::new(records(report) / 2, ORDER);
    let records = run.records;
    // On the same thread as the pipeline: each thread has its own part of the heap.
    let read = || {
        let reading = tokio.spawn(async move {
            let started = Instant::now();
            for _ in 0..records {
                drop(black_box(serde_json::from_slice::<Order>(black_box(ORDER.as_bytes())).expect("an order")));
            }
            started.elapsed()
        });
        tokio.block_on(reading).expect("no panic")
    };
    let bare = || nanoseconds(records, read);
    let round = |_| {
        let before = bare();
        let typed = pipeline(tokio, OrderFormat::Typed, &run);
        let with_schema = pipeline(tokio, OrderFormat::TypedWithSchema, &run);
        let times = [before, typed, with_schema, bare()];
        report.progress(format!("serde_json, into a struct, with a schema, serde_json: {times:.0?} ns a record"));
        times
    };
    let rounds: Vec<_> = (0..=report.rounds(5, 15)).map(round).skip(1).collect();
    let ratio = |which: usize| median(rounds.iter().map(|times| times[which] / f64::midpoint(times[0], times[3])));
    report.figure(TYPED, ratio(1), Goal::AtMost(1.25));
    report.figure(TYPED_WITH_SCHEMA, ratio(2), Goal::AtMost(1.7));
    report.control(TYPED, median(rounds.iter().map(|times| times[3] / times[0])));
}

/// What a comparison of a field costs a record of raw JSON that the filter keeps.
fn filtered(report: &Report, tokio: &Runtime) {
    let run = MemoryRun::new(records(report) / 5, ORDER);
    let filter = Some("payload.id >= 0".to_owned());
    let with_filter = MemoryRun { filter, ..run.clone() };
    let round = |_| {
        let times = [&run, &with_filter].map(|run| pipeline(tokio, OrderFormat::Typed, run));
        report.progress(format!("into a struct: {:.0} ns a record; with a filter {:.0}", times[0], times[1]));
        times[1] - times[0]
    };
    let rounds: Vec<_> = (0..=report.rounds(5, 15)).map(round).skip(1).collect();
    report.figure(WHERE, median(rounds), Goal::AtMost(2_000.0));
}

/// Speedup of eight connector instances over one, with a target whose writes take some time.
fn tasks(report: &Report, tokio: &Runtime) {
    let run = MemoryRun {
        subscription_type: SubscriptionType::Shared,
        batch_size: 10,
        ..MemoryRun::new(report.rounds(2_000, 4_000), ORDER)
    };
    let time = |tasks: usize| {
        let sinks = (0..tasks).map(|_| Waiting).collect();
        tokio.block_on(run.time(sinks)).expect("a clean end").as_secs_f64()
    };
    let round = |_| {
        let ratio = time(1) / time(8);
        report.progress(format!("{TASKS}: {ratio:.2}"));
        ratio
    };
    report.figure(TASKS, median((0..report.rounds(3, 5)).map(round)), Goal::AtLeast(6.0));
}

/// A sink each of whose writes takes [`WRITE`].
struct Waiting;

#[async_trait]
impl SinkConnector for Waiting {
    async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
        Ok(())
    }

    async fn consumer_configs(&self) -> ConnectorResult<Vec<ConsumerConfig>> {
        Ok(Vec::new())
    }

    async fn process(&mut self, record: SinkRecord) -> ConnectorResult<()> {
        self.process_batch(vec![record]).await
    }

    async fn process_batch(&mut self, _: Vec<SinkRecord>) -> ConnectorResult<()> {
        tokio::time::sleep(WRITE).await;
        Ok(())
    }
}
