//! The impl, unchecked and checked, and the methods of the trait.

use syn::{Ident, ImplItemFn, ItemImpl};

/// The impl as it is written.
pub(crate) struct RawImpl {
    pub(crate) item: ItemImpl,
    pub(crate) methods: Vec<RawMethod>,
    /// Whether the author applied `async_trait` too.
    pub(crate) has_async_trait: bool,
}

pub(crate) struct RawMethod {
    pub(crate) name: Ident,
    pub(crate) whole: ImplItemFn,
}

/// The methods that a valid impl lacks.
pub(crate) struct CheckedImpl {
    pub(crate) needs_consumer_configs: bool,
    pub(crate) needs_process: bool,
}

impl RawImpl {
    pub(crate) fn has(&self, method: &str) -> bool {
        self.methods.iter().any(|own| own.name == method)
    }
}

/// A method of `SinkConnector`.
pub(crate) struct Method {
    pub(crate) name: &'static str,
    /// `&mut self`, or `&self`.
    pub(crate) mutable: bool,
    /// The last word of the type of its argument, if it has one.
    pub(crate) argument: Option<&'static str>,
    /// As an author writes it.
    pub(crate) signature: &'static str,
}

impl Method {
    pub(crate) fn of(name: &Ident) -> Option<&'static Self> {
        METHODS.iter().find(|method| name == method.name)
    }
}

pub(crate) const METHODS: [Method; 6] = [
    Method {
        name: "initialize",
        mutable: true,
        argument: Some("ConnectorConfig"),
        signature: "async fn initialize(&mut self, config: ConnectorConfig) -> ConnectorResult<()>",
    },
    Method {
        name: "consumer_configs",
        mutable: false,
        argument: None,
        signature: "async fn consumer_configs(&self) -> ConnectorResult<Vec<ConsumerConfig>>",
    },
    Method {
        name: "process",
        mutable: true,
        argument: Some("SinkRecord"),
        signature: "async fn process(&mut self, record: SinkRecord) -> ConnectorResult<()>",
    },
    Method {
        name: "process_batch",
        mutable: true,
        argument: Some("Vec"),
        signature: "async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()>",
    },
    Method {
        name: "shutdown",
        mutable: true,
        argument: None,
        signature: "async fn shutdown(&mut self) -> ConnectorResult<()>",
    },
    Method {
        name: "health_check",
        mutable: false,
        argument: None,
        signature: "async fn health_check(&self) -> ConnectorResult<()>",
    },
];

pub(crate) const NAMES: [&str; 6] = {
    let mut names = [""; 6];
    let mut index = 0;
    while index < names.len() {
        names[index] = METHODS[index].name;
        index += 1;
    }
    names
};
