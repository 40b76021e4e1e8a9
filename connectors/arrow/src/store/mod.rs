//! Objects of a store, for connectors that write files: names from templates, and what a failure means.

mod failure;
mod name;

pub use self::{
    failure::{StoreFailure, chain, without_paths},
    name::{fill_path, fill_url, path_value, validate_path},
};
