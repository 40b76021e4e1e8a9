//! The content of an object while it is made: in memory, or in a file of a folder, which is written at the same time and synchronized
//! when it is complete, before it has its name.

use std::{io, iter, mem, sync::Arc};

use bytes::Bytes;
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, mpsc},
    task::{JoinHandle, spawn_blocking},
};

use super::local::{Folder, Partial};

/// Bytes that are handed over at once.
pub(crate) const BLOCK: usize = 256 * 1024;
/// Blocks that wait for a disk.
const WAITING: usize = 16;

/// The content of an object, of which no reader sees anything yet.
#[derive(Debug)]
pub(crate) struct Content {
    staged: Option<Staged>,
    file: Option<(mpsc::Sender<Bytes>, JoinHandle<io::Result<Partial>>)>,
    /// All blocks without a file.
    blocks: Vec<Bytes>,
    /// What is too little for a block.
    rest: Vec<u8>,
}

/// Where a file is staged.
#[derive(Debug)]
struct Staged {
    folder: Arc<Folder>,
    /// What the file is staged for.
    name: String,
    /// The one of the thread that makes the content, and of the one that writes the file.
    permit: Arc<OwnedSemaphorePermit>,
}

/// The whole content of an object.
#[derive(Debug)]
pub(crate) enum Complete {
    Memory(Vec<Bytes>),
    File(Arc<Folder>, Partial),
}

impl Content {
    pub(crate) fn in_memory() -> Self {
        Self { staged: None, file: None, blocks: Vec::new(), rest: Vec::new() }
    }

    /// Waits until a thread may wait for the disk of the folder, where the file is staged for `name`.
    pub(crate) async fn in_file(folder: &Arc<Folder>, name: &str) -> io::Result<Self> {
        let permit = Arc::new(folder.permit().await?);
        let staged = Staged { folder: Arc::clone(folder), name: name.to_owned(), permit };
        Ok(Self { staged: Some(staged), ..Self::in_memory() })
    }

    /// Hands over a block. It waits while the disk is slow, so it needs a thread that may wait.
    pub(crate) fn push(&mut self, block: Vec<u8>) {
        let Some(Staged { folder, name, permit }) = &self.staged else { return self.blocks.push(block.into()) };
        let (file, _) = self.file.get_or_insert_with(|| {
            let (folder, name, permit) = (Arc::clone(folder), name.clone(), Arc::clone(permit));
            let (file, mut blocks) = mpsc::channel::<Bytes>(WAITING);
            let write = move || {
                let _permit = permit;
                folder.stage(&name, iter::from_fn(|| blocks.blocking_recv()))
            };
            (file, spawn_blocking(write))
        });
        // It is refused only by a file that has failed, which says so in the end.
        drop(file.blocking_send(block.into()));
    }

    /// The whole content. It waits for the disk of a folder, so it needs a thread that may wait.
    pub(crate) fn complete(mut self) -> io::Result<Complete> {
        let rest = mem::take(&mut self.rest);
        let Some(Staged { folder, name, permit: _permit }) = self.staged else {
            self.blocks.push(rest.into());
            return Ok(Complete::Memory(self.blocks));
        };
        let file = match self.file {
            None => folder.stage(&name, [rest])?,
            Some((blocks, written)) => {
                drop(blocks.blocking_send(rest.into()));
                drop(blocks);
                Handle::current().block_on(written)??
            }
        };
        Ok(Complete::File(folder, file))
    }
}

impl io::Write for Content {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.rest.extend_from_slice(bytes);
        if self.rest.len() >= BLOCK {
            let block = mem::take(&mut self.rest);
            self.push(block);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
