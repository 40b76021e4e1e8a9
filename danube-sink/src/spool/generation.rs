//! Generations: the folder of each process below `data_dir`, locked while the process lives.
//!
//! A process appends to its own generation only. It adopts an older one whose process has ended: it delivers what is left
//! there, and removes the folder.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use super::disk::{at, create, create_folder, names};

/// The file whose lock shows that the process lives.
const LOCK: &str = "lock";

/// A generation that this process has locked.
#[derive(Debug)]
pub(super) struct Generation {
    pub(super) number: u64,
    pub(super) folder: PathBuf,
    _lock: File,
}

impl Generation {
    /// Begins a generation. Blocks.
    pub(super) fn begin(root: &Path) -> io::Result<Self> {
        create_folder(root).map_err(at(root, "creating the folder"))?;
        // It gets its number once it is locked, so that no other process adopts it before.
        let folder = root.join(format!("new-{}-{:x}", std::process::id(), rand::random::<u32>()));
        create_folder(&folder).map_err(at(&folder, "creating the folder"))?;
        let lock = create(&folder.join(LOCK)).map_err(at(&folder, "creating a file in"))?;
        lock.lock().map_err(at(&folder, "locking"))?;
        loop {
            let number = numbers(root)?.last().map_or(1, |last| last + 1);
            let numbered = folder_of(root, number);
            match fs::rename(&folder, &numbered) {
                Ok(()) => return Ok(Self { number, folder: numbered, _lock: lock }),
                // Another process has taken the number.
                Err(_) if numbered.exists() => {}
                Err(error) => return Err(at(&numbered, "creating the folder")(error)),
            }
        }
    }

    /// Adopts the generation of a process that has ended; `None` while it lives, or if the generation was removed. Blocks.
    pub(super) fn adopt(root: &Path, number: u64) -> io::Result<Option<Self>> {
        let folder = folder_of(root, number);
        let path = folder.join(LOCK);
        let lock = match File::options().write(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !folder.exists() => return Ok(None),
            // A removal was interrupted.
            Err(error) if error.kind() == io::ErrorKind::NotFound => create(&path),
            lock => lock,
        };
        let lock = lock.map_err(at(&path, "opening"))?;
        match try_lock(&lock) {
            Ok(()) if path.exists() => Ok(Some(Self { number, folder, _lock: lock })),
            // Another process removed it meanwhile, or holds it.
            Ok(()) | Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(at(&path, "locking")(error)),
        }
    }

    /// Removes the generation, whose records are all settled. Blocks.
    pub(super) fn remove(&self) -> io::Result<()> {
        fs::remove_dir_all(&self.folder).map_err(at(&self.folder, "removing"))
    }

    /// The folders of its logs.
    pub(super) fn logs(&self) -> io::Result<Vec<PathBuf>> {
        logs(&self.folder)
    }
}

/// The folders of a generation's logs. Blocks.
pub(super) fn logs(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let names = names(folder)?.into_iter().filter(|name| name != LOCK);
    Ok(names.map(|name| folder.join(name)).collect())
}

/// Whether a process lives that has the generation. Blocks.
pub(super) fn is_locked(folder: &Path) -> io::Result<bool> {
    let path = folder.join(LOCK);
    let lock = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        lock => lock.map_err(at(&path, "opening"))?,
    };
    match lock.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(at(&path, "locking")(error)),
    }
}

/// Locks the file of a generation, unless a process lives that has it.
fn try_lock(lock: &File) -> Result<(), TryLockError> {
    loop {
        match lock.try_lock() {
            // Another process asks whether it is locked: it has a shared lock for that moment.
            Err(TryLockError::WouldBlock) if lock.try_lock_shared().is_ok() => {
                lock.unlock().map_err(TryLockError::Error)?;
                std::thread::yield_now();
            }
            locked => return locked,
        }
    }
}

/// The numbers of all generations, oldest first. Blocks.
pub(super) fn numbers(root: &Path) -> io::Result<Vec<u64>> {
    Ok(names(root)?.iter().filter_map(|name| name.parse().ok()).collect())
}

pub(super) fn folder_of(root: &Path, number: u64) -> PathBuf {
    root.join(format!("{number:08}"))
}
