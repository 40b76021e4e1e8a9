//! Generations: the folder of each process below `data_dir`, locked while the process lives.
//!
//! A process appends to its own generation only. It adopts an older one whose process has ended: it delivers what is left
//! there, and removes the folder.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{task::spawn_blocking, time::sleep};

use super::{
    WATCH_INTERVAL,
    disk::{at, create, create_folder, names, sync_folder},
};

/// The file whose lock shows that the process lives.
const LOCK: &str = "lock";
/// Prefixes of the folders of generations that have no number yet, and of those that are being removed.
const NEW: &str = "new-";
const REMOVED: &str = "removed-";
/// A start takes less than that.
const LONGEST_START: Duration = Duration::from_secs(60);

/// A generation that this process has locked.
#[derive(Debug)]
pub(super) struct Generation {
    pub(super) number: u64,
    pub(super) folder: PathBuf,
    _lock: File,
}

/// The generations that other processes began after this one's.
#[derive(Debug, Clone)]
pub(crate) struct Successors {
    root: PathBuf,
    own: u64,
}

impl Generation {
    /// Begins a generation. Blocks.
    pub(super) fn begin(root: &Path) -> io::Result<Self> {
        create_root(root)?;
        clean(root);
        // It gets its number once it is locked, so that no other process adopts it before.
        let folder = root.join(format!("{NEW}{}-{:x}", std::process::id(), rand::random::<u32>()));
        create_folder(&folder).map_err(at(&folder, "creating the folder"))?;
        let lock = create(&folder.join(LOCK)).map_err(at(&folder, "creating a file in"))?;
        lock.lock().map_err(at(&folder, "locking"))?;
        loop {
            let number = numbers(root)?.last().map_or(1, |last| last + 1);
            let numbered = folder_of(root, number);
            match fs::rename(&folder, &numbered) {
                Ok(()) => {
                    sync_folder(root).map_err(at(root, "syncing"))?;
                    return Ok(Self { number, folder: numbered, _lock: lock });
                }
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
            // Something else removed it.
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
        // At once: without its marks, it would be delivered once more.
        let removed = self.folder.with_file_name(format!("{REMOVED}{}-{:x}", self.number, rand::random::<u32>()));
        fs::rename(&self.folder, &removed).map_err(at(&self.folder, "removing"))?;
        // The next start removes what is left of it.
        let _ = fs::remove_dir_all(&removed);
        Ok(())
    }

    pub(super) fn successors(&self, root: &Path) -> Successors {
        Successors { root: root.to_owned(), own: self.number }
    }

    /// The folders of its logs.
    pub(super) fn logs(&self) -> io::Result<Vec<PathBuf>> {
        logs(&self.folder)
    }
}

impl Successors {
    /// Whether there are any. Blocks.
    pub(super) fn exist(&self) -> io::Result<bool> {
        Ok(numbers(&self.root)?.last().copied() > Some(self.own))
    }

    /// Waits until the processes of all of them have ended. Whether there were any.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub(crate) async fn ended(&self) -> io::Result<bool> {
        loop {
            let successors = self.clone();
            let living = spawn_blocking(move || successors.living()).await.map_err(io::Error::other)?;
            match living? {
                Some(0) => return Ok(true),
                None => return Ok(false),
                Some(_) => sleep(WATCH_INTERVAL).await,
            }
        }
    }

    /// The number of those that live; `None` if there are none at all. Blocks.
    fn living(&self) -> io::Result<Option<usize>> {
        let later = numbers(&self.root)?.into_iter().filter(|number| *number > self.own);
        let are_locked =
            later.map(|number| is_locked(&folder_of(&self.root, number))).collect::<io::Result<Vec<_>>>()?;
        Ok((!are_locked.is_empty()).then(|| are_locked.into_iter().filter(|is_locked| *is_locked).count()))
    }
}

/// Makes the folder of a connector with its parents, so that each survives a power loss. Blocks.
fn create_root(root: &Path) -> io::Result<()> {
    let missing: Vec<_> = root.ancestors().take_while(|folder| !folder.exists()).collect();
    create_folder(root).map_err(at(root, "creating the folder"))?;
    for parent in missing.iter().filter_map(|folder| folder.parent()) {
        // A relative path begins with an empty one.
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        // A parent may be of another user, who lets this one pass only.
        if let Err(error) = sync_folder(parent)
            && error.kind() != io::ErrorKind::PermissionDenied
        {
            return Err(at(parent, "syncing")(error));
        }
    }
    Ok(())
}

/// The folders of a generation's logs. Blocks.
pub(super) fn logs(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let paths = names(folder)?.into_iter().map(|name| folder.join(name));
    Ok(paths.filter(|path| path.is_dir()).collect())
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

/// Removes what processes left that were killed during a start or a removal. Blocks.
fn clean(root: &Path) {
    for name in names(root).unwrap_or_default() {
        let folder = root.join(&name);
        if name.starts_with(REMOVED) || (name.starts_with(NEW) && is_abandoned(&folder)) {
            // It takes room only, and the next start attempts it anew.
            let _ = fs::remove_dir_all(&folder);
        }
    }
}

fn is_abandoned(folder: &Path) -> bool {
    let age = fs::metadata(folder).and_then(|folder| folder.modified()).map(|modified| modified.elapsed());
    let is_old = matches!(age, Ok(Ok(age)) if age > LONGEST_START);
    is_old && File::open(folder.join(LOCK)).map_or(true, |lock| lock.try_lock().is_ok())
}

pub(super) fn folder_of(root: &Path, number: u64) -> PathBuf {
    root.join(format!("{number:08}"))
}
