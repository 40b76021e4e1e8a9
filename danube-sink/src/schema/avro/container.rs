//! Object Container Files: a header with the schema, and blocks of data, perhaps compressed.

use bytes::Bytes;
use miniz_oxide::inflate::decompress_to_vec_with_limit;

use super::cursor::Cursor;
use crate::schema::{Problem, limits::MAX_DECODED_BYTES};

const MAGIC: &[u8] = b"Obj\x01";
const SYNC: usize = 16;

/// What a container says of itself.
pub(super) struct Header<'p> {
    pub(super) schema: &'p str,
    codec: Codec,
    sync: &'p [u8],
    /// Everything behind the header.
    blocks: &'p [u8],
}

/// Data of one block, written one after the other.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub(super) count: u64,
    pub(super) data: Bytes,
}

#[derive(Clone, Copy)]
enum Codec {
    Null,
    Deflate,
    Snappy,
}

/// Whether it may be a container. A datum may begin with the same four bytes.
pub(super) fn is_likely(payload: &[u8]) -> bool {
    payload.starts_with(MAGIC)
}

impl<'p> Header<'p> {
    pub(super) fn read(payload: &'p [u8]) -> Result<Self, Problem> {
        let left = payload.strip_prefix(MAGIC).ok_or_else(|| Problem::new("it does not begin with `Obj` and 1"))?;
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
        let schema = schema.ok_or_else(|| Problem::new("its header has no schema"))?;
        let sync = cursor.take(SYNC)?;
        Ok(Self { schema, codec, sync, blocks: cursor.left })
    }

    /// The blocks, decompressed. `payload` is what the header was read from: uncompressed blocks are parts of it.
    pub(super) fn blocks(&self, payload: &Bytes) -> Result<Vec<Block>, Problem> {
        let mut cursor = Cursor::new(self.blocks);
        let mut room = MAX_DECODED_BYTES;
        let mut blocks = Vec::new();
        while !cursor.left.is_empty() {
            cursor.limits.count()?;
            let count = u64::try_from(cursor.long()?).map_err(|_| Problem::new("a block of a negative count"))?;
            let written = cursor.bytes()?;
            let data = match self.codec {
                Codec::Null => payload.slice_ref(written),
                Codec::Deflate => inflate(written, room)?.into(),
                Codec::Snappy => snappy(written, room)?.into(),
            };
            room = room.checked_sub(data.len()).ok_or_else(too_large)?;
            if cursor.take(SYNC)? != self.sync {
                return Err(Problem::new("a block does not end with the file's marker"));
            }
            blocks.push(Block { count, data });
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
                Err(Problem::new(format!("the codec {name} is not built in: null, deflate and snappy are")))
            }
            _ => Err(Problem::new("a codec that Avro does not know")),
        }
    }
}

fn inflate(written: &[u8], room: usize) -> Result<Vec<u8>, Problem> {
    use miniz_oxide::inflate::TINFLStatus::HasMoreOutput;
    decompress_to_vec_with_limit(written, room).map_err(|error| match error.status {
        HasMoreOutput => too_large(),
        _ => Problem::new("a block that is not compressed as its codec says"),
    })
}

/// Snappy's own format, and four bytes of checksum of what it holds.
fn snappy(written: &[u8], room: usize) -> Result<Vec<u8>, Problem> {
    let broken = || Problem::new("a block that is not compressed as its codec says");
    let (compressed, checksum) = written.split_last_chunk::<4>().ok_or_else(broken)?;
    if snap::raw::decompress_len(compressed).map_err(|_| broken())? > room {
        return Err(too_large());
    }
    let data = snap::raw::Decoder::new().decompress_vec(compressed).map_err(|_| broken())?;
    if crc32fast::hash(&data) != u32::from_be_bytes(*checksum) {
        return Err(Problem::new("a block whose checksum is wrong"));
    }
    Ok(data)
}

fn too_large() -> Problem {
    Problem::new(format!("more than {MAX_DECODED_BYTES} bytes after decompression"))
}
