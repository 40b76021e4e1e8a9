//! From the tables of a file to settings, with every mistake on the way.

pub(super) mod check;
pub(super) mod connection;
pub(super) mod keys;
pub(super) mod mapping_keys;
pub(super) mod mapping_list;
pub(super) mod root;
pub(super) mod secret_source;
pub(super) mod section;
pub(super) mod table;
pub(super) mod values;
