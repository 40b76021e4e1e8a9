//! The probe of the spool's folder.

use serde::Serialize;

use super::Report;
use crate::{
    config::ConnectorConfig,
    runtime::mappings::smallest_window,
    spool::{Capacity, Survey, size_text},
};

/// The spool in `check --format json`.
#[derive(Debug, Serialize)]
pub(super) struct SpoolFigures {
    /// None where the system does not say.
    free_bytes: Option<u64>,
    sync_micros: u128,
    records: u64,
    bytes: u64,
}

/// Probes the folder of `data_dir`, if there is one, and shows what it can hold, costs and has.
pub(super) fn probe(core: &ConnectorConfig, report: &mut Report) {
    let Some(data_dir) = &core.data_dir else { return };
    let shown = data_dir.display();
    let survey = || Survey::read(data_dir, &core.connector_name);
    let probed = Capacity::probe(data_dir, &core.connector_name).and_then(|capacity| Ok((capacity, survey()?)));
    let name = match &probed {
        Ok((capacity, _)) if data_dir.exists() => format!("data_dir {shown}, {}", capacity.free_text()),
        Ok((capacity, _)) => format!("data_dir {shown}, created at the first start, {}", capacity.free_text()),
        Err(_) => format!("data_dir {shown}"),
    };
    let Some((capacity, survey)) = report.result(&name, probed.map_err(|error| error.to_string())) else { return };
    report.note(capacity.cost(core.sync, smallest_window(&core.mappings)));
    let (records, bytes) = (survey.records(), survey.bytes());
    if let Some(shortage) = capacity.shortage(core.spool_max_bytes, bytes) {
        report.warning(shortage);
    }
    for error in survey.unreadable() {
        report.warning(format!("the spool has files that cannot be read: {error}"));
    }
    report.note(format!(
        "{records} records wait in the spool, {} of {}; `spool status` shows them",
        size_text(bytes),
        size_text(core.spool_max_bytes)
    ));
    let Capacity { free, sync } = capacity;
    report.spool(SpoolFigures { free_bytes: free, sync_micros: sync.as_micros(), records, bytes });
}
