//! A broker inside the process, for development and tests.

mod broker;

pub use self::broker::{
    Access, Acks, BrokerError, BrokerOptions, BrokerTls, EmbeddedBroker, FailurePolicy, Faults, Keep, Partitions,
    Permission, PoisonPolicy, Scope, StoredMessage, SubscriptionStatus,
};
