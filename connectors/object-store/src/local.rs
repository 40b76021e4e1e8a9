//! A folder of this machine as a store: each file is complete, or does not exist.

use std::{
    collections::HashSet,
    fs::{self, File},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
    process,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// The most folders that are remembered.
const REMEMBERED: usize = 10_000;

/// A folder of this machine.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) root: PathBuf,
    /// Folders below it whose names are durable.
    durable: Mutex<HashSet<PathBuf>>,
}

impl Folder {
    pub(crate) fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), durable: Mutex::default() }
    }

    /// Writes a file: under another name first, synchronized to the disk, and renamed. The root must exist, so that nothing is
    /// written beside a disk that is not mounted.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let path = self.root.join(name);
        let folder = path.parent().unwrap_or(&self.root);
        let is_new = create_below(&self.root, folder)?;
        let partial = partial(&path);
        let written = File::create(&partial).and_then(|mut file| {
            file.write_all(content)?;
            file.sync_all()?;
            fs::rename(&partial, &path)
        });
        if let Err(error) = written {
            let _ = fs::remove_file(&partial);
            return Err(error);
        }
        File::open(folder)?.sync_all()?;
        let durable = || self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        // An earlier process may have been killed before it synchronized them.
        if is_new || !durable().contains(folder) {
            for folder in folder.ancestors().skip(1).take_while(|folder| folder.starts_with(&self.root)) {
                File::open(folder)?.sync_all()?;
            }
            let mut durable = durable();
            if durable.len() >= REMEMBERED {
                durable.clear();
            }
            durable.insert(folder.to_owned());
        }
        Ok(())
    }

    /// The content of a file; `None` if it does not exist.
    pub(crate) fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.root.join(name)) {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                fs::metadata(&self.root)?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether a file exists. What a killed process has written of one that does not is removed.
    pub(crate) fn exists(&self, name: &str) -> io::Result<bool> {
        let path = self.root.join(name);
        if path.try_exists()? {
            return Ok(true);
        }
        fs::metadata(&self.root)?;
        let begin = format!(".{}.", file_name(&path));
        let entries = path.parent().and_then(|folder| fs::read_dir(folder).ok());
        for entry in entries.into_iter().flatten().flatten() {
            let found = entry.file_name();
            if found.to_string_lossy().starts_with(&begin) && found.to_string_lossy().ends_with(PARTIAL) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(false)
    }
}

/// Creates a folder below the root, but never the root. Returns whether it was missing.
fn create_below(root: &Path, folder: &Path) -> io::Result<bool> {
    let mut missing: Vec<_> = folder.ancestors().take_while(|folder| *folder != root && !folder.exists()).collect();
    let is_new = !missing.is_empty();
    while let Some(folder) = missing.pop() {
        match fs::create_dir(folder) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    Ok(is_new)
}

const PARTIAL: &str = ".partial";

/// The name of a file that is being written, which no other write has. Readers skip it for its dot.
fn partial(path: &Path) -> PathBuf {
    static WRITES: AtomicU64 = AtomicU64::new(0);
    let number = WRITES.fetch_add(1, Ordering::Relaxed);
    path.with_file_name(format!(".{}.{}-{number}{PARTIAL}", file_name(path), process::id()))
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
