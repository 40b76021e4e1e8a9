//! Objects of a store, for connectors that write files: names from templates, the time of a request, what a failure means, and records
//! that no file has.

mod failure;
mod location;
mod name;
mod timeout;
mod tombstone;

pub use self::{
    failure::{StoreFailure, chain, explained, without_paths},
    location::{validate_endpoints, validate_location},
    name::{fill_path, fill_url, path_value, validate_path},
    timeout::request_timeout,
    tombstone::reject_tombstone,
};
