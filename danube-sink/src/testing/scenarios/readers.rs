//! Partitions, tasks and subscription types.

use super::{Abort, Outcome, order::Versions};
use crate::testing::{harness::Harness, subject::Subject};

/// Every record is delivered, and the last version of a key stays if the subject supports versions.
pub(super) async fn every_record<S: Subject>(harness: &mut Harness<S>) -> Outcome {
    let running = harness.start().await?;
    harness.publish(200).await?;
    let versions = match Versions::publish(harness, 3).await {
        Ok(versions) => Some(versions),
        Err(Abort::Skipped(_)) => None,
        Err(failed) => return Err(failed),
    };
    harness.finish(running).await?;
    if let Some(versions) = versions {
        versions.check(harness).await;
    }
    Ok(())
}
