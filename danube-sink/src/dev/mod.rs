//! A broker inside the process, for development and tests.

mod broker;

pub use self::broker::{
    Acks, BrokerError, BrokerOptions, EmbeddedBroker, FailurePolicy, Faults, Keep, Partitions, PoisonPolicy,
    StoredMessage, SubscriptionStatus,
};
