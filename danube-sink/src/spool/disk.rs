//! The disk: how files of a spool are made, written and synced.

use std::{
    fmt,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    path::Path,
};

/// Writes and syncs. Tests replace it by a disk that fails.
pub(crate) trait Disk: Send + Sync + fmt::Debug {
    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()>;
    fn sync(&self, file: &File) -> io::Result<()>;
}

/// The disk of this machine.
#[derive(Debug)]
pub(crate) struct LocalDisk;

impl Disk for LocalDisk {
    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
}

/// Makes a file that only its owner can read: it holds payloads. It must not exist.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    private(OpenOptions::new().append(true).create_new(true)).open(path)
}

/// Makes a file that is written at chosen places. It must not exist.
pub(super) fn create_slots(path: &Path) -> io::Result<File> {
    private(OpenOptions::new().write(true).create_new(true)).open(path)
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600)
}

#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// Makes a folder that only its owner can open, with its parents.
pub(super) fn create_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path)
}

/// Whether an open file is still at its path. If it or its folder was removed, what is written to it is lost.
pub(super) fn is_in_place(file: &File, path: &Path) -> bool {
    #[cfg(unix)]
    let is_linked = file.metadata().is_ok_and(|file| std::os::unix::fs::MetadataExt::nlink(&file) > 0);
    #[cfg(not(unix))]
    let is_linked = true;
    is_linked && path.exists()
}

/// What to do about a file or folder of the spool that was removed.
pub(super) fn removed(path: &Path) -> io::Error {
    let text = format!(
        "{} was removed while the connector runs. Bring it back; or restart the connector, which begins a new spool without \
         the records that were only in this one",
        path.display()
    );
    io::Error::new(io::ErrorKind::NotFound, text)
}

/// Syncs a folder, so that a new file in it survives a power loss.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

/// Adds what was attempted, and where, to an error.
pub(super) fn at(path: &Path, what: &str) -> impl Fn(io::Error) -> io::Error {
    let text = format!("{what} {}", path.display());
    move |error| io::Error::new(error.kind(), format!("{text}: {error}"))
}

/// The names in a folder, sorted; empty if there is no such folder.
pub(super) fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(at(folder, "reading the folder"))?,
    };
    let name = |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
    let mut names = entries.map(name).collect::<io::Result<Vec<_>>>().map_err(at(folder, "reading the folder"))?;
    names.sort_unstable();
    Ok(names)
}
