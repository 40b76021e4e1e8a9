//! Parquet files.

use bytes::Bytes;
use danube_sink::{Failure, SinkRecord};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression as Codec, GzipLevel, ZstdLevel},
    file::properties::WriterProperties,
};

use super::{
    super::{failure, mapping::Compression},
    Encoded,
    table::{Table, reject_all},
};

pub(super) fn encode(table: &Table, records: &[SinkRecord], compression: Compression) -> Result<Encoded, Failure> {
    let failed = || failure::data("write a Parquet file");
    let (schema, columns) = match table.columns(records) {
        Ok(columns) => columns,
        Err(reason) => {
            return Ok(Encoded { content: Bytes::new(), rejected: reject_all(records, &reason) });
        }
    };
    let codec = match compression {
        Compression::None => Codec::UNCOMPRESSED,
        Compression::Gzip => Codec::GZIP(GzipLevel::default()),
        Compression::Zstd => Codec::ZSTD(ZstdLevel::default()),
        Compression::Snappy => Codec::SNAPPY,
    };
    let properties = WriterProperties::builder().set_compression(codec).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties)).map_err(|_| failed())?;
    let rejected = Table::rows(&columns, records, |rows| writer.write(rows).map_err(|_| failed()))?;
    let content = writer.into_inner().map_err(|_| failed())?.into();
    Ok(Encoded { content, rejected })
}
