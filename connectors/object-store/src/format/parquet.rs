//! Parquet files.

use danube_sink::{Failure, PartialFailure, SinkRecord};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression as Codec, GzipLevel, ZstdLevel},
    file::properties::WriterProperties,
};

use super::{
    super::{content::Content, failure, mapping::Compression},
    table::{Table, reject_all},
};

pub(super) fn encode(
    table: &Table,
    records: &[SinkRecord],
    compression: Compression,
    content: &mut Content,
) -> Result<PartialFailure, Failure> {
    let failed = || failure::data("write a Parquet file");
    let (schema, columns) = match table.columns(records) {
        Ok(columns) => columns,
        Err(reason) => return Ok(reject_all(records, &reason)),
    };
    let codec = match compression {
        Compression::None => Codec::UNCOMPRESSED,
        Compression::Gzip => Codec::GZIP(GzipLevel::default()),
        Compression::Zstd => Codec::ZSTD(ZstdLevel::default()),
        Compression::Snappy => Codec::SNAPPY,
    };
    let properties = WriterProperties::builder().set_compression(codec).build();
    let mut writer = ArrowWriter::try_new(content, schema, Some(properties)).map_err(|_| failed())?;
    let rejected = Table::rows(&columns, records, |rows| writer.write(rows).map_err(|_| failed()))?;
    writer.close().map_err(|_| failed())?;
    Ok(rejected)
}
