//! The capacity of a spool's disk: its free space, and what a sync costs.

use std::{
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::{
    disk::{Disk, LocalDisk, at, create},
    root_of,
};
use crate::config::SpoolSync;

/// So many syncs are measured.
const SYNCS: u32 = 8;
/// So much is written before each.
const WRITE_BYTES: usize = 4096;

/// The capacity of a disk, as measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Capacity {
    /// Bytes that this process may still write, where the system says so.
    pub(crate) free: Option<u64>,
    /// How long a sync takes.
    pub(crate) sync: Duration,
}

impl Capacity {
    /// Measures the disk on which the spool of a connector is, or would be created. Leaves no file. Blocks.
    ///
    /// # Errors
    /// If the folder cannot be written, or cannot be created.
    pub(crate) fn probe(data_dir: &Path, connector: &str) -> io::Result<Self> {
        let root = root_of(data_dir, connector);
        let existing = root.ancestors().find(|folder| folder.exists());
        // A relative path ends with an empty one.
        Self::measure(existing.unwrap_or(Path::new(".")), &LocalDisk)
    }

    /// Measures the disk of a folder. Blocks.
    pub(super) fn measure(folder: &Path, disk: &dyn Disk) -> io::Result<Self> {
        let path = folder.join(format!("probe-{}-{:x}", std::process::id(), rand::random::<u32>()));
        let mut file = create(&path).map_err(at(&path, "creating"))?;
        let _removed = Removed(&path);
        let started = Instant::now();
        for _ in 0..SYNCS {
            disk.write(&mut file, &[0; WRITE_BYTES]).map_err(at(&path, "writing"))?;
            disk.sync(&file).map_err(at(&path, "syncing"))?;
        }
        let sync = started.elapsed() / SYNCS;
        Ok(Self { free: free_space(folder).map_err(at(folder, "reading the free space of"))?, sync })
    }

    /// What `sync` costs on this disk, with a broker that sends so many messages of a partition before one is acknowledged.
    pub(crate) fn cost(&self, sync: SpoolSync, window: usize) -> String {
        match sync {
            SpoolSync::Os => {
                "sync = \"os\": records in the spool survive the end of the process, but not a power loss".to_owned()
            }
            SpoolSync::Always => {
                let rate = window as u128 * 1_000_000 / self.sync.as_micros().max(1);
                format!(
                    "sync = \"always\": a sync of this disk takes {:.1?}, so that with a broker's window of {window}, a \
                     mapping takes at most {rate} records a second, however many partitions it has; a larger window or \
                     sync = \"os\" takes more",
                    self.sync
                )
            }
        }
    }

    /// Why `spool_max_bytes` does not fit, if so many of them are used already; `None` if it does.
    pub(crate) fn shortage(&self, max_bytes: u64, used: u64) -> Option<String> {
        let free = self.free.filter(|free| max_bytes > free.saturating_add(used))?;
        Some(format!(
            "spool_max_bytes = {max_bytes} ({}) does not fit on the disk of data_dir: {} are free, and the spool uses {}. When \
             the disk is full, messages are no longer acknowledged: free space, or set a smaller spool_max_bytes",
            size_text(max_bytes),
            size_text(free),
            size_text(used)
        ))
    }

    /// The free space in words.
    pub(crate) fn free_text(&self) -> String {
        self.free.map_or_else(|| "free space unknown".to_owned(), |free| format!("{} free", size_text(free)))
    }
}

#[cfg(unix)]
fn free_space(folder: &Path) -> io::Result<Option<u64>> {
    let found = rustix::fs::statvfs(folder)?;
    Ok(Some(found.f_bavail.saturating_mul(found.f_frsize)))
}

#[cfg(not(unix))]
fn free_space(_: &Path) -> io::Result<Option<u64>> {
    Ok(None)
}

/// Removes a file when it is dropped.
struct Removed<'a>(&'a PathBuf);

impl Drop for Removed<'_> {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(self.0)
            && error.kind() != ErrorKind::NotFound
        {
            tracing::warn!("removing {}: {error}", self.0.display());
        }
    }
}

/// A number of bytes in a unit that suits it, such as `1.5 GiB`.
pub(crate) fn size_text(bytes: u64) -> String {
    let unit = (bytes | 1).ilog2() / 10;
    match ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"].get(unit.wrapping_sub(1) as usize) {
        Some(name) => format!("{:.1} {name}", bytes as f64 / f64::from(1024).powi(unit.cast_signed())),
        None => format!("{bytes} bytes"),
    }
}
