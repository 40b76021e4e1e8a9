//! How often the pipeline allocates for a record, beside the numbers of `baselines.toml`.

#![allow(clippy::unwrap_used, reason = "it serves tests alone")]

use std::{collections::BTreeMap, process::Command};

use danube_sink_tests_pipeline::OrderFormat;
use serde::Deserialize;

/// Multiples of a batch, so that no batch waits for its flush interval.
const RECORDS: [usize; 2] = [20_000, 120_000];
/// Timers and growing buffers fall differently in each run, and more often where records wait longer: an allocation in every
/// twentieth record is a change of the code.
const TOLERANCE: f64 = 0.05;

#[derive(Deserialize)]
struct Baselines {
    allocations_per_record: BTreeMap<String, f64>,
}

#[test]
fn the_pipeline_allocates_no_more_often_than_the_baseline_says() {
    let baselines: Baselines = toml::from_str(include_str!("../baselines.toml")).unwrap();
    for format in OrderFormat::ALL {
        let name = format.name();
        let [few, many] = RECORDS.map(|records| allocations(name, records));
        let measured = (many - few) / (RECORDS[1] - RECORDS[0]) as f64;
        let baseline = baselines.allocations_per_record[name];
        println!("{name}: {measured:.4} allocations per record, {baseline} in the baseline");
        assert!(measured <= baseline + TOLERANCE, "{name} allocates {measured:.4} times per record, not {baseline}");
    }
}

fn allocations(format: &str, records: usize) -> f64 {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pipeline"));
    let output = command.args([format, &records.to_string()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}
