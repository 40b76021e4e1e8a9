//! Uploads of large objects in parts.

use std::mem;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::{Attributes, Error, MultipartUpload, ObjectStore, PutMultipartOptions, PutPayload, path::Path};
use tokio::runtime::Handle;

/// Objects beyond this size are written in parts of this size, so many at once.
pub(crate) const PART: usize = 16 * 1024 * 1024;
const PARTS_AT_ONCE: usize = 4;

/// An upload, which is aborted if it is dropped before its end: a store keeps the parts of others, and bills them.
#[derive(Debug)]
struct Upload(Option<Box<dyn MultipartUpload>>);

impl Drop for Upload {
    fn drop(&mut self) {
        // The time of the attempt may have ended, so it goes on without it. A lifecycle rule of the store removes what stays.
        if let (Some(mut upload), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(async move { upload.abort().await });
        }
    }
}

/// Writes a large object in parts. The store has nothing of it until the last request.
pub(crate) async fn in_parts(
    store: &dyn ObjectStore,
    path: &Path,
    blocks: Vec<Bytes>,
    attributes: Attributes,
) -> Result<(), Error> {
    let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
    let mut begun = Upload(Some(store.put_multipart_opts(path, options).await?));
    if let Some(upload) = &mut begun.0 {
        let parts = stream::iter(parts(blocks)).map(|part| upload.put_part(part));
        parts.buffer_unordered(PARTS_AT_ONCE).try_collect::<()>().await?;
        upload.complete().await?;
    }
    begun.0 = None;
    Ok(())
}

/// The blocks as parts of one size, but the last: some stores take no others.
fn parts(blocks: Vec<Bytes>) -> Vec<PutPayload> {
    let (mut parts, mut part, mut missing) = (Vec::new(), Vec::new(), PART);
    for mut block in blocks {
        while !block.is_empty() {
            let piece = block.split_to(block.len().min(missing));
            missing -= piece.len();
            part.push(piece);
            if missing == 0 {
                parts.push(PutPayload::from_iter(mem::take(&mut part)));
                missing = PART;
            }
        }
    }
    if !part.is_empty() {
        parts.push(PutPayload::from_iter(part));
    }
    parts
}
