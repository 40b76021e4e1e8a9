//! Partitions, tasks, and subscription types.

use super::{End, Play, order::Versions};
use crate::testing::{stage::Stage, subject::Subject};

/// Every record is delivered, and the last version of a key stays where the subject has versions.
pub(super) async fn every_record<S: Subject>(stage: &mut Stage<S>) -> Play {
    let running = stage.start().await?;
    stage.publish(200).await?;
    let versions = match Versions::publish(stage, 3).await {
        Ok(versions) => Some(versions),
        Err(End::LeftOut(_)) => None,
        Err(failed) => return Err(failed),
    };
    stage.finish(running).await?;
    if let Some(versions) = versions {
        versions.look(stage).await;
    }
    Ok(())
}
