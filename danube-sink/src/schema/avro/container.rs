//! Avro Object Container Files: a header with the schema, and blocks of data, optionally compressed.

use bytes::Bytes;
use miniz_oxide::inflate::decompress_to_vec_with_limit;

use super::cursor::Cursor;
use crate::schema::{Problem, limits::MAX_DECODED_BYTES};

const MAGIC: &[u8] = b"Obj\x01";
const SYNC: usize = 16;

/// Header of a container.
pub(super) struct Header<'p> {
    pub(super) schema: &'p str,
    codec: Codec,
    sync: &'p [u8],
    /// The bytes after the header.
    blocks: &'p [u8],
}

/// A decompressed block of consecutive data.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub(super) count: u64,
    pub(super) data: Bytes,
    /// Whether the data is beside the payload, not a slice of it.
    pub(super) is_decompressed: bool,
}

#[derive(Clone, Copy)]
enum Codec {
    Null,
    Deflate,
    Snappy,
}

/// Whether the payload may be a container. A datum may begin with the same four bytes.
pub(super) fn is_likely(payload: &[u8]) -> bool {
    payload.starts_with(MAGIC)
}

impl<'p> Header<'p> {
    pub(super) fn read(payload: &'p [u8]) -> Result<Self, Problem> {
        let left = payload.strip_prefix(MAGIC).ok_or_else(|| Problem::new("no magic bytes `Obj` and 1"))?;
        let mut cursor = Cursor::new(left);
        let (mut schema, mut codec) = (None, Codec::Null);
        loop {
            let entries = cursor.block()?;
            if entries == 0 {
                break;
            }
            for _ in 0..entries {
                let (name, value) = (cursor.string()?, cursor.bytes()?);
                match name {
                    "avro.schema" => schema = std::str::from_utf8(value).ok(),
                    "avro.codec" => codec = Codec::named(value)?,
                    _ => {}
                }
            }
        }
        let schema = schema.ok_or_else(|| Problem::new("no schema in the header"))?;
        let sync = cursor.take(SYNC)?;
        Ok(Self { schema, codec, sync, blocks: cursor.left })
    }

    /// Decompresses the blocks. `payload` is the whole payload, of which uncompressed blocks are slices.
    pub(super) fn blocks(&self, payload: &Bytes) -> Result<Vec<Block>, Problem> {
        let mut cursor = Cursor::new(self.blocks);
        let mut limit = MAX_DECODED_BYTES;
        let mut blocks = Vec::new();
        while !cursor.left.is_empty() {
            cursor.limits.count()?;
            let count = u64::try_from(cursor.long()?).map_err(|_| Problem::new("a block of a negative count"))?;
            let written = cursor.bytes()?;
            let data = match self.codec {
                Codec::Null => payload.slice_ref(written),
                Codec::Deflate => inflate(written, limit)?.into(),
                Codec::Snappy => snappy(written, limit)?.into(),
            };
            limit = limit.checked_sub(data.len()).ok_or_else(too_large)?;
            if cursor.take(SYNC)? != self.sync {
                return Err(Problem::new("a block without the file's sync marker"));
            }
            blocks.push(Block { count, data, is_decompressed: !matches!(self.codec, Codec::Null) });
        }
        Ok(blocks)
    }
}

impl Codec {
    fn named(name: &[u8]) -> Result<Self, Problem> {
        match name {
            b"null" => Ok(Self::Null),
            b"deflate" => Ok(Self::Deflate),
            b"snappy" => Ok(Self::Snappy),
            b"bzip2" | b"xz" | b"zstandard" => {
                let name = String::from_utf8_lossy(name);
                Err(Problem::new(format!("the codec {name} is not supported: use null, deflate or snappy")))
            }
            _ => Err(Problem::new("an unknown codec")),
        }
    }
}

fn inflate(written: &[u8], limit: usize) -> Result<Vec<u8>, Problem> {
    use miniz_oxide::inflate::TINFLStatus::HasMoreOutput;
    decompress_to_vec_with_limit(written, limit).map_err(|error| match error.status {
        HasMoreOutput => too_large(),
        _ => Problem::new("a block with invalid compression"),
    })
}

/// Decompresses a snappy block, which is followed by a checksum of four bytes.
fn snappy(written: &[u8], limit: usize) -> Result<Vec<u8>, Problem> {
    let broken = || Problem::new("a block with invalid compression");
    let (compressed, checksum) = written.split_last_chunk::<4>().ok_or_else(broken)?;
    if snap::raw::decompress_len(compressed).map_err(|_| broken())? > limit {
        return Err(too_large());
    }
    let data = snap::raw::Decoder::new().decompress_vec(compressed).map_err(|_| broken())?;
    if crc32fast::hash(&data) != u32::from_be_bytes(*checksum) {
        return Err(Problem::new("a block with a wrong checksum"));
    }
    Ok(data)
}

fn too_large() -> Problem {
    Problem::new(format!("more than {MAX_DECODED_BYTES} bytes after decompression"))
}
