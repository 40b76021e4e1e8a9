//! Options of the object store, by their own names.

use std::collections::HashMap;

use danube_sink::prelude::*;
use deltalake::{
    aws::constants,
    logstore::{
        StorageConfig,
        object_store::{aws::AmazonS3ConfigKey, azure::AzureConfigKey, gcp::GoogleConfigKey},
    },
};

use super::failure::{self, Classify};

/// Checks that the library, or one of its stores, knows each option: it ignores a misspelt one.
///
/// # Errors
/// A failure that names an option: an unknown one, or one whose value cannot be parsed.
pub(crate) fn check(options: &HashMap<String, String>) -> Result<(), Failure> {
    let parsed = StorageConfig::parse_options(options.clone()).classify("read `storage_options`")?;
    match parsed.unknown_properties.keys().filter(|name| !is_of_a_store(name)).min() {
        None => Ok(()),
        Some(name) => Err(failure::options(format!("unknown option `{name}` in `storage_options`"))),
    }
}

fn is_of_a_store(name: &str) -> bool {
    let lower = name.to_lowercase();
    let is_of_s3 = |known: &&str| known.eq_ignore_ascii_case(name);
    lower.parse::<AmazonS3ConfigKey>().is_ok()
        || lower.parse::<AzureConfigKey>().is_ok()
        || lower.parse::<GoogleConfigKey>().is_ok()
        || constants::S3_OPTS.iter().chain(&MORE_OF_S3).any(is_of_s3)
}

/// Options of the library for S3 that its own list lacks.
#[allow(deprecated, reason = "a deprecated option still works")]
const MORE_OF_S3: [&str; 8] = [
    constants::AWS_REGION_DYNAMODB,
    constants::AWS_ACCESS_KEY_ID_DYNAMODB,
    constants::AWS_SECRET_ACCESS_KEY_DYNAMODB,
    constants::AWS_SESSION_TOKEN_DYNAMODB,
    constants::AWS_S3_ALLOW_UNSAFE_RENAME,
    constants::LOCK_TABLE_KEY_NAME,
    constants::BILLING_MODE_KEY_NAME,
    constants::MAX_ELAPSED_REQUEST_TIME_KEY_NAME,
];
