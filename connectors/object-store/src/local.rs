//! A folder of this machine as a store: each file is complete, or does not exist.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
};

/// Writes a file below the root: under another name first, synchronized to the disk, and renamed. The root must exist, so that
/// nothing is written beside a disk that is not mounted.
pub(crate) fn write(root: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let path = root.join(name);
    let folder = path.parent().unwrap_or(root);
    create_below(root, folder)?;
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
    // The names are durable too, also those of new folders.
    for folder in folder.ancestors().take_while(|folder| folder.starts_with(root)) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// The content of a file; `None` if it does not exist.
pub(crate) fn read(root: &Path, name: &str) -> io::Result<Option<Vec<u8>>> {
    match fs::read(root.join(name)) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            fs::metadata(root)?;
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Creates a folder below the root, but never the root.
fn create_below(root: &Path, folder: &Path) -> io::Result<()> {
    let mut missing: Vec<_> = folder.ancestors().take_while(|folder| *folder != root && !folder.exists()).collect();
    while let Some(folder) = missing.pop() {
        match fs::create_dir(folder) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Whether a file exists. What a killed process has written of one that does not is removed.
pub(crate) fn exists(root: &Path, name: &str) -> io::Result<bool> {
    let path = root.join(name);
    if path.try_exists()? {
        return Ok(true);
    }
    fs::metadata(root)?;
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
