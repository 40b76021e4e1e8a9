//! The guide: how to write, configure, test and run a sink connector.
//!
//! | Page | What it is for |
//! |---|---|
//! | [First connector](first_connector) | write a connector, and run it without a broker installed |
//! | [Configuration](configuration) | the file, the environment, every common setting, settings of your own |
//! | [Delivery](delivery) | guarantees, acknowledgements, order, idempotent writes |
//! | [Batching](batching) | when a batch closes, and the broker's window |
//! | [Spool](spool) | keep messages on a disk of one's own, for outages, restarts and large batches |
//! | [Schemas](schemas) | from the bytes of a payload to values and types |
//! | [Filtering](filtering) | keep the records for which an expression is true |
//! | [Tables](tables) | names for metadata, numbers as times, tables made from registered schemas, new fields |
//! | [Errors and dead letters](errors) | what the runtime does with each error |
//! | [Testing a connector](testing) | unit tests, runs against the embedded broker, the conformance kit |
//! | [Operating](operating) | commands, health, metrics, logs, Kubernetes, and what the broker may lose |
//! | [Moving from danube-connect-core](moving) | traits, configuration and behaviour side by side |
//!
//! If you know Kafka Connect, Vector or Redpanda Connect:
//!
//! | There | Here |
//! |---|---|
//! | a plugin in a worker; a component in a pipeline file | a program of its own: `#[sink_connector]` writes its `main` |
//! | `SinkTask.put`, `preCommit` | [`process_batch`](crate::SinkConnector::process_batch); its answer decides what is acknowledged |
//! | offsets of a consumer group | acknowledgements of single messages of a durable subscription |
//! | `auto.offset.reset` | none: a new subscription begins at the latest message, so start the connector before the producers |
//! | the transform `Filter`; Vector's `filter` | `where`: see [Filtering](filtering) |
//! | `auto.create`, `auto.evolve` of JDBC sinks | tables from registered schemas, `on_new_field`: see [Tables](tables) |
//! | `errors.tolerance`, `errors.deadletterqueue.topic.name` | `on_invalid_record`, `dead_letter_topic` |
//! | `tasks.max` | `tasks`, and more processes on one Shared subscription |
//! | `batch.count`, `batch.period`; `batch.max_events`, `batch.timeout_secs` | `batch_size`, `flush_interval_ms` |
//! | Vector's disk buffer | `data_dir`: see [Spool](spool) |
//! | REST API, Connect's status | `/status`, `/ready`, `/metrics` |

pub mod first_connector {
    #![doc = include_str!("first_connector.md")]
}

pub mod configuration {
    #![doc = include_str!("configuration.md")]
}

pub mod delivery {
    #![doc = include_str!("delivery.md")]
}

pub mod batching {
    #![doc = include_str!("batching.md")]
}

pub mod spool {
    #![doc = include_str!("spool.md")]
}

pub mod schemas {
    #![doc = include_str!("schemas.md")]
}

pub mod filtering {
    #![doc = include_str!("filtering.md")]
}

pub mod tables {
    #![doc = include_str!("tables.md")]
}

pub mod errors {
    #![doc = include_str!("errors.md")]
}

pub mod testing {
    #![doc = include_str!("testing.md")]
}

pub mod operating {
    #![doc = include_str!("operating.md")]
}

pub mod moving {
    #![doc = include_str!("moving.md")]
}

#[cfg(all(test, feature = "dev"))]
mod tests;
