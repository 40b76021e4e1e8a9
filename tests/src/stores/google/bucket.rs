//! A bucket in a folder: objects with generations, and uploads in parts.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// The most entries of a page: few, so that clients ask for the next one.
const PAGE: usize = 20;
/// The least size of a part that is not the last.
const PART: usize = 5 << 20;
/// The least time between two replacements of an object.
const INTERVAL: Duration = Duration::from_secs(1);

/// A status, and the code of the error.
pub(super) type Refusal = (u16, &'static str);
/// What the bucket refuses, or what the disk does.
type Done<T> = io::Result<Result<T, Refusal>>;

/// Objects are files, whose time is their generation: microseconds since 1970.
#[derive(Debug)]
pub(super) struct Bucket {
    pub(super) objects: PathBuf,
    pub(super) uploads: PathBuf,
}

/// An object, or what the names of several begin with.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) is_prefix: bool,
}

impl Bucket {
    /// The generation of an object; 0 if there is none.
    pub(super) fn generation(&self, name: &str) -> u64 {
        let file = fs::metadata(self.objects.join(name)).ok().filter(fs::Metadata::is_file);
        file.and_then(|file| file.modified().ok()).map_or(0, micros)
    }

    pub(super) fn read(&self, name: &str) -> Done<(Vec<u8>, u64)> {
        match self.generation(name) {
            0 => Ok(Err((404, "NoSuchKey"))),
            generation => Ok(Ok((fs::read(self.objects.join(name))?, generation))),
        }
    }

    /// Writes an object, all of it, if it has the expected generation. Returns the new one.
    pub(super) fn write(&self, name: &str, content: &[u8], expected: Option<&str>) -> Done<u64> {
        let (before, now) = (self.generation(name), micros(SystemTime::now()));
        if expected.is_some_and(|expected| expected != before.to_string()) {
            return Ok(Err((412, "PreconditionFailed")));
        }
        if u128::from(now.abs_diff(before)) < INTERVAL.as_micros() {
            return Ok(Err((429, "SlowDown")));
        }
        let (object, staged) = (self.objects.join(name), self.uploads.join("staged"));
        fs::write(&staged, content)?;
        fs::File::options().write(true).open(&staged)?.set_modified(UNIX_EPOCH + Duration::from_micros(now))?;
        fs::create_dir_all(object.parent().unwrap_or(&object))?;
        fs::rename(staged, object)?;
        Ok(Ok(now))
    }

    pub(super) fn remove(&self, name: &str) -> Done<()> {
        match self.generation(name) {
            0 => Ok(Err((404, "NoSuchKey"))),
            _ => fs::remove_file(self.objects.join(name)).map(Ok),
        }
    }

    /// The entries with this prefix after the given one, by name, and whether there are more.
    pub(super) fn page(
        &self,
        prefix: &str,
        delimiter: &str,
        start: &str,
        token: &str,
    ) -> io::Result<(Vec<Entry>, bool)> {
        let mut names = BTreeSet::new();
        collect(&self.objects, "", &mut names)?;
        let names = names.into_iter().filter(|name| name.starts_with(prefix) && name.as_str() > start);
        let entry = |mut name: String| {
            let of_rest = name[prefix.len()..].find(delimiter).filter(|_| !delimiter.is_empty());
            name.truncate(of_rest.map_or(name.len(), |at| prefix.len() + at + delimiter.len()));
            Entry { name, is_prefix: of_rest.is_some() }
        };
        let entries: BTreeSet<_> = names.map(entry).filter(|entry| entry.name.as_str() > token).collect();
        let has_more = entries.len() > PAGE;
        Ok((entries.into_iter().take(PAGE).collect(), has_more))
    }

    /// Begins an upload, and returns its name.
    pub(super) fn begin(&self) -> io::Result<String> {
        let id = micros(SystemTime::now()).to_string();
        fs::create_dir_all(self.uploads.join(&id)).map(|()| id)
    }

    pub(super) fn part(&self, id: &str, number: &str, content: &[u8]) -> Done<()> {
        match self.upload(id) {
            Ok(upload) => fs::write(upload.join(number), content).map(Ok),
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    /// Writes an object with these parts of an upload.
    pub(super) fn complete(&self, id: &str, numbers: &[u32], name: &str) -> Done<u64> {
        let upload = match self.upload(id) {
            Ok(upload) if numbers.is_sorted_by(|one, next| one < next) => upload,
            Ok(_) => return Ok(Err((400, "InvalidPartOrder"))),
            Err(refusal) => return Ok(Err(refusal)),
        };
        let mut content = Vec::new();
        for number in numbers {
            match fs::read(upload.join(number.to_string())) {
                Err(_) => return Ok(Err((400, "InvalidPart"))),
                Ok(part) if part.len() < PART && numbers.last() != Some(number) => {
                    return Ok(Err((400, "EntityTooSmall")));
                }
                Ok(part) => content.extend(part),
            }
        }
        let written = self.write(name, &content, None)?;
        if written.is_ok() {
            fs::remove_dir_all(upload)?;
        }
        Ok(written)
    }

    pub(super) fn abort(&self, id: &str) -> Done<()> {
        match self.upload(id) {
            Ok(upload) => fs::remove_dir_all(upload).map(Ok),
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    fn upload(&self, id: &str) -> Result<PathBuf, Refusal> {
        let upload = self.uploads.join(id);
        if upload.is_dir() { Ok(upload) } else { Err((404, "NoSuchUpload")) }
    }
}

fn micros(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(0))
}

fn collect(folder: &Path, prefix: &str, names: &mut BTreeSet<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().display());
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{name}/"), names)?;
        } else {
            names.insert(name);
        }
    }
    Ok(())
}
