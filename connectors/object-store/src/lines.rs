//! Files of a folder to which lines are appended in place: each takes one flush of the disk, and neither a new name nor a new size.
//!
//! ```text
//!  {"version":2,…}      the content, which replaced another file
//!  # 913570-17          what distinguishes the file from others of its name
//!  5c1d09ab {…}         lines, each after its checksum
//!                       room: empty lines
//! ```
//!
//! A line of which only a part is on the disk, since the process was killed or the power failed, does not have its checksum. Its
//! writer never learned that it is there, and appended none after it.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
};

use super::local;

/// The least room for lines. It is also as large as the content, which is then written again after as many bytes of lines at least.
const ROOM: usize = 64 * 1024;
/// What begins the line that distinguishes a file.
const MARK: &str = "\n# ";

/// A file of this process, and where its next line goes.
#[derive(Debug, Clone)]
pub(crate) struct Lines {
    /// The line that distinguishes it, and where that begins.
    mark: (Vec<u8>, u64),
    next: u64,
    size: u64,
}

/// What became of a line.
#[derive(Debug)]
pub(crate) enum Appended {
    /// It is on the disk; the file after it.
    Written(Lines),
    /// The file has no room for it.
    NoRoom,
    /// Another process has replaced the file.
    Replaced,
}

impl Lines {
    /// A file with this content and room for lines.
    pub(crate) fn after(content: &[u8]) -> (Self, Vec<u8>) {
        let mark = format!("{MARK}{}\n", local::unique()).into_bytes();
        let mut file = [content, &mark].concat();
        let next = file.len();
        file.resize(next + content.len().max(ROOM), b'\n');
        let lines = Self { mark: (mark, content.len() as u64), next: next as u64, size: file.len() as u64 };
        (lines, file)
    }

    /// Appends a line, synchronized to the disk. After an error, a part of it may be there: the file is then to be replaced.
    pub(crate) fn append(mut self, path: &Path, line: &[u8]) -> io::Result<Appended> {
        let mut file = File::options().read(true).write(true).open(path)?;
        if !self.are_of(&mut file)? {
            return Ok(Appended::Replaced);
        }
        let line = [checksum(line).as_bytes(), line, b"\n"].concat();
        if self.next + line.len() as u64 > self.size {
            return Ok(Appended::NoRoom);
        }
        file.seek(SeekFrom::Start(self.next))?;
        file.write_all(&line)?;
        file.sync_data()?;
        self.next += line.len() as u64;
        Ok(Appended::Written(self))
    }

    /// Whether another process has put its file in the place of this one.
    pub(crate) fn are_replaced(&self, path: &Path) -> io::Result<bool> {
        match File::open(path) {
            Ok(mut file) => self.are_of(&mut file).map(|are| !are),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn are_of(&self, file: &mut File) -> io::Result<bool> {
        let (mark, begin) = &self.mark;
        let mut found = Vec::new();
        file.seek(SeekFrom::Start(*begin))?;
        file.take(mark.len() as u64).read_to_end(&mut found)?;
        Ok(found == *mark)
    }

    /// The lines in what follows the content of a file; `None` if it is damaged.
    pub(crate) fn read(after_content: &[u8]) -> Option<Vec<&[u8]>> {
        if !after_content.starts_with(MARK.as_bytes()) {
            return after_content.trim_ascii().is_empty().then(Vec::new);
        }
        let lines = after_content.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let mut lines = lines.skip(1).map(checked);
        let whole = lines.by_ref().map_while(|line| line).collect();
        // What follows are parts of one line.
        lines.all(|line| line.is_none()).then_some(whole)
    }
}

/// A line without its checksum, if that is right.
fn checked(line: &[u8]) -> Option<&[u8]> {
    let (begin, line) = line.split_at_checked(9)?;
    (begin == checksum(line).as_bytes()).then_some(line)
}

/// What a line begins with.
fn checksum(line: &[u8]) -> String {
    format!("{:08x} ", crc32fast::hash(line))
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use super::*;
    use crate::tests::temporary;

    const CONTENT: &[u8] = b"{}";

    fn created(name: &str) -> (Lines, PathBuf) {
        let (lines, content) = Lines::after(CONTENT);
        let path = temporary(name).join("a");
        fs::write(&path, content).unwrap();
        (lines, path)
    }

    fn written(appended: io::Result<Appended>) -> Option<Lines> {
        match appended.unwrap() {
            Appended::Written(lines) => Some(lines),
            Appended::NoRoom => None,
            Appended::Replaced => panic!("it is the same file"),
        }
    }

    fn read(path: &Path) -> Option<Vec<String>> {
        let file = fs::read(path).unwrap();
        let lines = Lines::read(file.strip_prefix(CONTENT).unwrap())?;
        Some(lines.into_iter().map(|line| String::from_utf8(line.to_vec()).unwrap()).collect())
    }

    #[test]
    fn lines_are_appended_in_place_until_there_is_no_room() {
        let (mut lines, path) = created("lines");
        let size = fs::metadata(&path).unwrap().len();
        let mut count = 0;
        while let Some(appended) = written(lines.clone().append(&path, format!("line {count}").as_bytes())) {
            lines = appended;
            count += 1;
        }
        let found = read(&path).unwrap();
        assert!(found.iter().enumerate().all(|(number, line)| *line == format!("line {number}")));
        assert_eq!((found.len(), fs::metadata(&path).unwrap().len()), (count, size));
        assert!(count > 3_000, "{count}");
    }

    #[test]
    fn a_line_that_is_on_the_disk_in_part_is_not_there_and_one_after_it_is_damage() {
        let (lines, path) = created("torn");
        let first = written(lines.append(&path, b"first")).unwrap();
        let before = fs::read(&path).unwrap();
        let second = written(first.append(&path, &[b'x'; 2_000])).unwrap();
        let after = fs::read(&path).unwrap();
        // Any of its sectors may be missing.
        let sectors = before.chunks(512).zip(after.chunks(512)).enumerate();
        let sectors: Vec<_> =
            sectors.filter(|(_, (before, after))| before != after).map(|(number, _)| number).collect();
        assert!(sectors.len() >= 4);
        let with = |which: u32| {
            let mut file = before.clone();
            for (_, sector) in sectors.iter().enumerate().filter(|(number, _)| which & 1 << number != 0) {
                let bytes = sector * 512..(sector + 1) * 512;
                file[bytes.clone()].copy_from_slice(&after[bytes]);
            }
            file
        };
        let all = (1 << sectors.len()) - 1;
        for which in 0..=all {
            fs::write(&path, with(which)).unwrap();
            let expected = if which == all { 2 } else { 1 };
            assert_eq!(read(&path).unwrap().len(), expected, "{which:b}");
        }
        fs::write(&path, with(1)).unwrap();
        assert!(written(second.append(&path, b"third")).is_some());
        assert_eq!(read(&path), None);
    }

    #[test]
    fn nothing_is_appended_to_the_file_of_another_process() {
        let (lines, path) = created("replaced");
        let (_, other) = Lines::after(b"{\"other\":1}");
        assert!(!lines.are_replaced(&path).unwrap());
        for content in [&other[..], b"{}", b""] {
            fs::write(&path, content).unwrap();
            assert!(lines.are_replaced(&path).unwrap());
            assert!(matches!(lines.clone().append(&path, b"late").unwrap(), Appended::Replaced));
            assert_eq!(fs::read(&path).unwrap(), content);
        }
    }

    #[test]
    fn what_follows_a_content_is_lines_or_nothing() {
        for (after, expected) in
            [("", Some(0)), ("\n \n", Some(0)), ("x", None), ("\n{}", None), ("\n# 1-2\n\n", Some(0))]
        {
            assert_eq!(Lines::read(after.as_bytes()).map(|lines| lines.len()), expected, "{after:?}");
        }
    }
}
