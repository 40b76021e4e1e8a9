//! A folder of this machine as a store: each file is complete, or does not exist.

use std::{
    collections::HashSet,
    fs::{self, DirEntry, File},
    io::{self, ErrorKind, Write},
    mem,
    path::{Path, PathBuf},
    sync::{
        Arc, LazyLock, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
};

use super::lines::{Appended, Lines};

/// The most folders that are remembered.
const REMEMBERED: usize = 10_000;
/// Bytes after which a file is synchronized, so that the disk works while the rest is made.
const SYNC: usize = 4 * 1024 * 1024;

/// The most permits of a folder. A disk that hangs, such as one in the network, keeps the threads of all attempts: it must leave the
/// process threads for others.
const AT_ONCE: usize = 16;
/// The permits of all folders of the process, unless they are more than that: each has one. A permit is for at most two threads, and
/// the runtime has 512 that may wait.
const OF_ALL: usize = 128;

/// A folder of this machine.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) root: PathBuf,
    /// Folders below it whose names are durable.
    durable: Mutex<HashSet<PathBuf>>,
    permits: Arc<Semaphore>,
}

/// A file that no reader sees, until it is published. It is removed if it is dropped before, once the disk answers.
#[derive(Debug)]
pub(crate) struct Partial {
    path: PathBuf,
    is_published: bool,
    permits: Arc<Semaphore>,
}

impl Drop for Partial {
    fn drop(&mut self) {
        if self.is_published {
            return;
        }
        let (path, permits) = (mem::take(&mut self.path), Arc::clone(&self.permits));
        // This may be a thread that must not wait for the disk. What stays when the process ends is swept by a later one.
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(in_thread(permits, move || fs::remove_file(path)))),
            Err(_) => drop(fs::remove_file(path)),
        }
    }
}

impl Folder {
    /// One of so many folders of the process.
    pub(crate) fn new(root: impl Into<PathBuf>, folders: usize) -> Self {
        let permits = (OF_ALL / folders.max(1)).clamp(1, AT_ONCE);
        Self { root: root.into(), durable: Mutex::default(), permits: Arc::new(Semaphore::new(permits)) }
    }

    /// The permit to wait for the disk in another thread, which has it until it ends. Who has one never waits for a second.
    pub(crate) async fn permit(&self) -> io::Result<OwnedSemaphorePermit> {
        permit_of(&self.permits).await
    }

    /// Runs what waits for the disk in another thread.
    pub(crate) async fn run<R: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> R + Send + 'static,
    ) -> io::Result<R> {
        let folder = Arc::clone(self);
        in_thread(Arc::clone(&self.permits), move || work(&folder)).await
    }

    /// Creates the folder with its parents, so that their names survive a power loss.
    pub(crate) fn create(&self) -> io::Result<()> {
        let missing: Vec<_> = self.root.ancestors().take_while(|folder| !folder.exists()).collect();
        fs::create_dir_all(&self.root)?;
        for parent in missing.into_iter().filter_map(Path::parent) {
            // A relative path begins with an empty one.
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            match File::open(parent).and_then(|folder| folder.sync_all()) {
                // It may be of another user, who lets this one pass only.
                Err(error) if error.kind() != ErrorKind::PermissionDenied => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Writes a file for `name`, synchronized to the disk, under another name. The root must exist, so that nothing is written beside
    /// a disk that is not mounted.
    pub(crate) fn stage(&self, name: &str, blocks: impl IntoIterator<Item: AsRef<[u8]>>) -> io::Result<Partial> {
        let path = self.root.join(name);
        create_below(&self.root, path.parent().unwrap_or(&self.root))?;
        let path = partial(&path);
        let mut file = File::create_new(&path)?;
        let partial = Partial { path, is_published: false, permits: Arc::clone(&self.permits) };
        let mut unsynchronized = 0;
        for block in blocks {
            let block = block.as_ref();
            file.write_all(block)?;
            unsynchronized += block.len();
            if unsynchronized >= SYNC {
                file.sync_data()?;
                unsynchronized = 0;
            }
        }
        file.sync_all()?;
        Ok(partial)
    }

    /// Gives a file its name, under which it replaces another.
    pub(crate) fn publish(&self, mut file: Partial, name: &str) -> io::Result<()> {
        let path = self.root.join(name);
        let folder = path.parent().unwrap_or(&self.root);
        let is_new = create_below(&self.root, folder)?;
        match fs::rename(&file.path, &path) {
            // The folder is a link, for example.
            Err(error) if error.kind() == ErrorKind::CrossesDevices => {
                let beside = self.stage(name, [fs::read(&file.path)?])?;
                return self.publish(beside, name);
            }
            renamed => renamed?,
        }
        file.is_published = true;
        self.synchronize(folder, is_new)
    }

    /// Makes the names in a folder durable, and those of its parents.
    fn synchronize(&self, folder: &Path, is_new: bool) -> io::Result<()> {
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

    /// Replaces a file by one with room for lines; `None` if another process has replaced the earlier one of this process.
    pub(crate) fn replace(&self, name: &str, content: &[u8], earlier: Option<&Lines>) -> io::Result<Option<Lines>> {
        if let Some(earlier) = earlier
            && earlier.are_replaced(&self.root.join(name))?
        {
            return Ok(None);
        }
        let (lines, content) = Lines::after(content);
        self.publish(self.stage(name, [content])?, name)?;
        Ok(Some(lines))
    }

    /// Appends a line to a file that [`replace`](Self::replace) has written; see [`Lines::append`].
    pub(crate) fn append(&self, name: &str, line: &[u8], lines: Lines) -> io::Result<Appended> {
        lines.append(&self.root.join(name), line)
    }

    /// Whether a file exists. If so, it still does after a loss of power, although the process that published it was killed.
    pub(crate) fn exists(&self, name: &str) -> io::Result<bool> {
        let path = self.root.join(name);
        if !path.try_exists()? {
            return fs::metadata(&self.root).map(|_| false);
        }
        self.synchronize(path.parent().unwrap_or(&self.root), false)?;
        Ok(true)
    }

    /// Removes the files that killed processes have created for `name` and not published.
    pub(crate) fn sweep(&self, name: &str) -> io::Result<()> {
        let path = self.root.join(name);
        let own = file_name(&path);
        for (_, entry) in partials(path.parent().unwrap_or(&self.root)).filter(|(name, _)| *name == own) {
            match fs::remove_file(entry.path()) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Removes the files in `folder` that were not published, and that no process has written to for so long.
    pub(crate) fn sweep_abandoned(&self, folder: &str, age: Duration) {
        for (_, entry) in partials(&self.root.join(folder)) {
            let written = entry.metadata().and_then(|file| file.modified());
            if written.is_ok_and(|written| written.elapsed().is_ok_and(|elapsed| elapsed > age)) {
                // One of another user may stay.
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

async fn permit_of(permits: &Arc<Semaphore>) -> io::Result<OwnedSemaphorePermit> {
    Arc::clone(permits).acquire_owned().await.map_err(io::Error::other)
}

/// Runs what waits for the disk in another thread, which has a permit until it ends.
async fn in_thread<R: Send + 'static>(
    permits: Arc<Semaphore>,
    work: impl FnOnce() -> R + Send + 'static,
) -> io::Result<R> {
    let permit = permit_of(&permits).await?;
    let work = move || {
        let _permit = permit;
        work()
    };
    Ok(spawn_blocking(work).await?)
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

/// Distinguishes this process. Its id does not: in containers that share a folder, both may be 1.
static PROCESS: LazyLock<u32> = LazyLock::new(rand::random);
static WRITES: AtomicU64 = AtomicU64::new(0);

/// What no other write has.
pub(crate) fn unique() -> String {
    format!("{}-{}", *PROCESS, WRITES.fetch_add(1, Ordering::Relaxed))
}

/// The name of a file that is being written. Readers skip it for its dot.
fn partial(path: &Path) -> PathBuf {
    path.with_file_name(format!(".{}.{}{PARTIAL}", file_name(path), unique()))
}

/// The files in a folder that were not published, with the names that they are staged for.
fn partials(folder: &Path) -> impl Iterator<Item = (String, DirEntry)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| Some((staged_for(&entry.file_name().to_string_lossy())?.to_owned(), entry)))
}

fn staged_for(partial: &str) -> Option<&str> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (name, numbers) = partial.strip_prefix('.')?.strip_suffix(PARTIAL)?.rsplit_once('.')?;
    let (process, number) = numbers.split_once('-')?;
    (is_number(process) && is_number(number)).then_some(name)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use danube_sink_tests::until;
    use tokio::task::yield_now;

    use super::*;
    use crate::tests::temporary;

    #[test]
    fn a_file_that_another_process_stages_is_neither_written_nor_removed() {
        let folder = Folder::new(temporary("staged"), 1);
        let staged_as = |number: u64| folder.root.join(format!(".a.{}-{number}{PARTIAL}", *PROCESS));
        let (staged, error) = loop {
            let next = WRITES.load(Ordering::Relaxed);
            let staged: Vec<_> = (next..next + 1_000).map(staged_as).collect();
            staged.iter().for_each(|path| fs::write(path, "of another").unwrap());
            // Other tests may have taken all these numbers meanwhile.
            if let Err(error) = folder.stage("a", [b"own"]) {
                break (staged, error);
            }
        };
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert!(staged.iter().all(|path| fs::read_to_string(path).unwrap() == "of another"));
    }

    #[tokio::test]
    async fn files_that_are_given_up_are_removed_when_the_disk_answers() {
        let folder = Folder::new(temporary("given-up"), 1);
        let staged: Vec<_> = (0..3 * AT_ONCE).map(|_| folder.stage("a", [b"own"]).unwrap()).collect();
        let paths: Vec<_> = staged.iter().map(|file| file.path.clone()).collect();
        let permits = folder.permits.clone().try_acquire_many_owned(AT_ONCE.try_into().unwrap()).unwrap();
        drop(staged);
        yield_now().await;
        assert!(paths.iter().all(|path| path.exists()), "the disk hangs");
        drop(permits);
        until("all files are removed", async || !paths.iter().any(|path| path.exists())).await;
    }
}
