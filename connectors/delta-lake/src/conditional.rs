//! Whether a store has conditional writes, without which two writers could commit one version.

use danube_sink::prelude::*;
use deltalake::{
    DeltaTable,
    logstore::{
        LogStore,
        object_store::{PutMode, PutOptions, PutPayload, path::Path},
    },
};

use super::failure;

/// An object that nothing reads. It stays, so that later starts ask once.
const PROBE: &str = "_danube/probe";

/// Checks at start that an S3 store refuses to create an object twice. All others have conditional writes.
///
/// # Errors
/// The store has created it twice. Other errors say nothing of it: the table reports them.
pub(crate) async fn check(location: &DeltaTable, shown: &str) -> Result<(), Failure> {
    let log = location.log_store();
    // With `aws_s3_allow_unsafe_rename`, which has another log, the user knows.
    if !location.table_url().scheme().starts_with("s3") || log.name() != "DefaultLogStore" {
        return Ok(());
    }
    let (store, path) = (log.object_store(None), Path::from(PROBE));
    let create = async || {
        let content = PutPayload::from_static(b"written by danube-sink-delta-lake\n");
        store.put_opts(&path, content, PutOptions::from(PutMode::Create)).await
    };
    if create().await.is_err() || create().await.is_err() {
        return Ok(());
    }
    Err(failure::options(format!(
        "the store of {shown} has no conditional writes (`If-None-Match`): it created {PROBE} twice, and would let two commits \
         replace each other"
    )))
}
