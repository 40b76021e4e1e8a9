//! A broker inside the process, for development and tests.

mod broker;

pub use self::broker::{
    Access, Acks, BrokerError, BrokerOptions, BrokerTls, DispatchStatus, EmbeddedBroker, FailurePolicy, Faults, Keep,
    Partitions, Permission, PoisonPolicy, Realism, Scope, StoredMessage, SubscriptionStatus,
};
