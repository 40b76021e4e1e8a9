//! Payloads that are compressed.

use std::sync::Arc;

use apache_avro::{Codec, Schema, Writer, types::Value};
use bytes::Bytes;

use super::{
    bench::Bench,
    memory::AVRO_SCHEMA,
    pending::{partition, run_of},
};
use crate::{
    observe::Closed,
    pipeline::{
        batch::Batch,
        budget::Budget,
        decode::Decoding,
        mapping::{Mapping, Role},
    },
};

/// An Avro container of so many bytes, compressed.
fn container(bytes: usize) -> Bytes {
    let schema = Schema::parse_str(r#""bytes""#).unwrap();
    let mut writer = Writer::with_codec(&schema, Vec::new(), Codec::Deflate(Default::default())).unwrap();
    writer.append_value(Value::Bytes(vec![0; bytes])).unwrap();
    writer.into_inner().unwrap().into()
}

#[tokio::test]
async fn what_small_payloads_decompress_to_counts_towards_batch_bytes() {
    let mut bench = Bench::new();
    bench.mapping().batch_bytes = 1024 * 1024;
    bench.mapping().batch_size = 200;
    let settings = bench.mapping().clone();
    let mapping = Arc::new(Mapping::new(settings.clone(), Role::Whole, 1, &bench.observer));
    let budget = Budget::new(1 << 30, bench.observer.buffered_bytes());
    let mut decoding = Decoding::new(Arc::new(bench.broker.clone()), Arc::default(), mapping, &bench.config, budget);
    let (partition, _settlements) = partition();
    let payload = container(50 * 1024);
    assert!(payload.len() < 1_000);
    let (mut run, mut batch) = (Some(run_of(&partition, 200, payload, Some(AVRO_SCHEMA))), Batch::default());
    decoding.fill(&mut batch, || run.take()).await;
    assert_eq!((batch.len(), batch.full(&settings)), (21, Some(Closed::Bytes)));
}
