//! `spool drain`: delivers what is in the spool, and reads nothing from the broker.

use std::time::Duration;

use tokio::time::sleep;

use super::{LoadedConnector, line, lines_of_unreadable, survey};
use crate::{
    cli::{failure::Failure, logged, output::print_progress},
    config::ConnectorConfig,
    error::{ConnectorError, ConnectorResult},
    runtime::SinkRuntime,
    spool::{Survey, SurveyedGeneration},
};

/// Delivers the records until the spool is empty, a signal arrives, or the time is over.
///
/// # Errors
/// [`ConnectorError::Fatal`] while another process uses the spool, and if records are left; what the runtime returns.
pub(super) async fn run(
    LoadedConnector { connectors, core, .. }: LoadedConnector,
    before: &Survey,
    timeout: Option<Duration>,
) -> Result<(), Failure> {
    check_unused(before)?;
    if before.records() > 0 {
        let runtime = SinkRuntime::boxed(connectors, core.clone()).await.map_err(logged)?.draining_spool();
        let (handle, running) = (runtime.handle(), runtime.run());
        tokio::pin!(running);
        let ended = tokio::select! {
            ended = &mut running => ended,
            () = over(timeout) => {
                handle.shutdown();
                running.await
            }
        };
        ended.map_err(Failure::Logged)?;
    }
    Ok(check_empty(&core, &survey(&core)?)?)
}

async fn over(timeout: Option<Duration>) {
    match timeout {
        Some(timeout) => sleep(timeout).await,
        None => std::future::pending().await,
    }
}

/// # Errors
/// [`ConnectorError::Fatal`] if another process uses the spool, or if that is unknown.
fn check_unused(survey: &Survey) -> ConnectorResult<()> {
    let used = survey.generations.iter().find(|generation| generation.is_locked != Ok(false));
    let Some(SurveyedGeneration { number, is_locked, .. }) = used else { return Ok(()) };
    let generation = format!("generation {number} of the spool {}", survey.folder.display());
    Err(ConnectorError::fatal(match is_locked {
        Err(error) => format!(
            "{generation} may be in use by a running process, so that no other one may deliver its records:{}",
            lines_of_unreadable([error.as_str()].into_iter())
        ),
        Ok(_) => format!(
            "{generation} is in use by a running process, which delivers the spool itself: only that process knows which of \
             its records it is writing, so that no other one may deliver them. Stop it first"
        ),
    }))
}

/// # Errors
/// [`ConnectorError::Fatal`] if records are left.
fn check_empty(core: &ConnectorConfig, survey: &Survey) -> ConnectorResult<()> {
    let folder = survey.folder.display();
    let logs = survey.logs().filter(|log| log.size.records > 0).map(|log| format!("\n  {}", line(core, log)));
    let left = logs.collect::<String>() + &lines_of_unreadable(survey.unreadable());
    if left.is_empty() {
        print_progress(&format!("the spool {folder} is empty\n"));
        return Ok(());
    }
    Err(ConnectorError::fatal(format!("{} records are left in the spool {folder}:{left}", survey.records())))
}
