//! The types of settings, and how a value becomes one of them.

mod byte_size;
mod enums;
mod key;
mod options;
mod parsed;
mod secret;
#[allow(clippy::module_inception, reason = "the trait that the module is named after")]
mod setting;

pub(crate) use self::enums::string_enums;
pub use self::{
    byte_size::ByteSize,
    enums::word,
    key::{Check, DefaultValue, Key, key, or_default},
    options::Options,
    parsed::{Parsed, short_name},
    secret::Secret,
    setting::Setting,
};
