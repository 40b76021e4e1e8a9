//! Record and sink for measurements of the pipeline without a network.

use std::hint::black_box;

use async_trait::async_trait;
use danube_sink::{
    ConnectorConfig, ConnectorResult, ConsumerConfig, SchemaInfo, SchemaType, SinkConnector, SinkRecord,
};
use serde::Deserialize;

/// An order of some 200 bytes of JSON.
pub const ORDER: &str = r#"{"id":123456,"name":"a customer of some length","price":12.5,"tags":["red","green"],"address":{"street":"Main Street 1","city":"Springfield","zip":"12345"},"paid":true,"note":"nothing to add"}"#;

/// Type of [`ORDER`].
#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "the measurement only deserializes it")]
pub struct Order {
    id: u64,
    name: String,
    price: f64,
    tags: Vec<String>,
    address: Address,
    paid: bool,
    note: String,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "the measurement only deserializes it")]
struct Address {
    street: String,
    city: String,
    zip: String,
}

/// How an [`OrderSink`] reads each record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderFormat {
    /// As bytes, without a schema.
    Bytes,
    /// As an [`Order`], without a schema.
    Typed,
    /// As an [`Order`], with a JSON Schema, so that the runtime validates it before the batch.
    TypedWithSchema,
}

impl OrderFormat {
    /// Name in baselines and figures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bytes => "raw_bytes",
            Self::Typed => "json_struct",
            Self::TypedWithSchema => "json_struct_with_schema",
        }
    }

    /// Schema of the messages.
    pub fn schema(self) -> Option<SchemaInfo> {
        (self == Self::TypedWithSchema).then(|| SchemaInfo {
            subject: "orders".into(),
            version: 1,
            schema_type: SchemaType::JsonSchema,
            definition: r#"{"type":"object"}"#.into(),
            fingerprint: String::new(),
        })
    }

    /// All formats.
    pub const ALL: [Self; 3] = [Self::Bytes, Self::Typed, Self::TypedWithSchema];
}

/// Sink that reads every record in a format, and discards it.
#[derive(Debug)]
pub struct OrderSink(pub OrderFormat);

#[async_trait]
impl SinkConnector for OrderSink {
    async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
        Ok(())
    }

    async fn consumer_configs(&self) -> ConnectorResult<Vec<ConsumerConfig>> {
        Ok(Vec::new())
    }

    async fn process(&mut self, record: SinkRecord) -> ConnectorResult<()> {
        self.process_batch(vec![record]).await
    }

    async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        for record in &records {
            match self.0 {
                OrderFormat::Bytes => {
                    black_box(record.bytes().len());
                }
                OrderFormat::Typed | OrderFormat::TypedWithSchema => drop(black_box(record.as_type::<Order>()?)),
            }
        }
        Ok(())
    }
}
