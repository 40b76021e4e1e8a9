//! Checks at start that a table can be written to.

use danube_sink::prelude::*;
use deltalake::{
    DeltaTable,
    logstore::{
        LogStore,
        object_store::{Error, ObjectStoreExt, PutMode, PutOptions, PutPayload, path::Path},
    },
};

use super::failure;

/// An object that nothing reads. It stays, so that later starts ask once.
const PROBE: &str = "_danube/probe";

/// Checks that the credentials may write to the store of a table, and that the store [refuses](check_conditional) to create an object
/// twice.
///
/// # Errors
/// A right or the bucket is missing, or the store has no conditional writes. Other errors say nothing of it: the table reports them.
pub(crate) async fn check(table: &DeltaTable, shown: &str) -> Result<(), Failure> {
    if table.table_url().scheme() == "file" {
        return Ok(());
    }
    let Err(error) = create(table).await else { return check_conditional(table, shown).await };
    let failure = failure::store(&error, &format!("create {PROBE} below {shown}"));
    if !matches!(failure.class, TargetFailure::NotReady | TargetFailure::Unauthenticated) {
        return Ok(());
    }
    // In Azure and Google, some may create objects and not replace them, and one of an earlier start may be there.
    let is_there = !is_s3(table) && table.log_store().object_store(None).head(&Path::from(PROBE)).await.is_ok();
    if is_there { Ok(()) } else { Err(failure) }
}

/// Checks that an S3 store refuses to create an object twice. All others have conditional writes.
///
/// # Errors
/// The store has created it twice.
pub(crate) async fn check_conditional(location: &DeltaTable, shown: &str) -> Result<(), Failure> {
    if !is_s3(location) || create(location).await.is_err() || create(location).await.is_err() {
        return Ok(());
    }
    Err(failure::options(format!(
        "the store of {shown} has no conditional writes (`If-None-Match`): it created {PROBE} twice, and would let two commits \
         replace each other"
    )))
}

fn is_s3(location: &DeltaTable) -> bool {
    location.table_url().scheme().starts_with("s3")
}

async fn create(location: &DeltaTable) -> Result<(), Error> {
    let content = PutPayload::from_static(b"written by danube-sink-delta-lake\n");
    let store = location.log_store().object_store(None);
    store.put_opts(&Path::from(PROBE), content, PutOptions::from(PutMode::Create)).await.map(drop)
}
