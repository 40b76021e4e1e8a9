//! Cursor over the bytes of an Avro datum, with the limits of a payload.

use crate::schema::{Problem, limits::Limits};

/// Cursor over the remaining bytes. Its results borrow from the payload.
pub(super) struct Cursor<'de> {
    pub(super) left: &'de [u8],
    pub(super) limits: Limits,
}

impl<'de> Cursor<'de> {
    pub(super) fn new(left: &'de [u8]) -> Self {
        Self { left, limits: Limits::PAYLOAD }
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'de [u8], Problem> {
        let (taken, left) = self
            .left
            .split_at_checked(length)
            .ok_or_else(|| Problem::new(format!("a length of {length} bytes, and {} are left", self.left.len())))?;
        self.left = left;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Problem> {
        let (taken, left) = self.left.split_first_chunk::<N>().ok_or_else(ends)?;
        self.left = left;
        Ok(*taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Problem> {
        let (byte, left) = self.left.split_first().ok_or_else(ends)?;
        self.left = left;
        Ok(*byte)
    }

    /// Reads a zigzag number of up to ten bytes.
    pub(super) fn long(&mut self) -> Result<i64, Problem> {
        let mut bits = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let more = u64::from(byte & 0x7f);
            if shift == 63 && more > 1 {
                break;
            }
            bits |= more << shift;
            if byte & 0x80 == 0 {
                return Ok((bits >> 1) as i64 ^ -((bits & 1) as i64));
            }
        }
        Err(Problem::new("a number of more than 64 bits"))
    }

    pub(super) fn int(&mut self) -> Result<i32, Problem> {
        i32::try_from(self.long()?).map_err(|_| Problem::new("an int of more than 32 bits"))
    }

    pub(super) fn boolean(&mut self) -> Result<bool, Problem> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Problem::new("a boolean that is neither 0 nor 1")),
        }
    }

    /// Reads length-prefixed bytes.
    pub(super) fn bytes(&mut self) -> Result<&'de [u8], Problem> {
        let length = self.long()?;
        let length = usize::try_from(length).map_err(|_| Problem::new("a negative length"))?;
        self.take(length)
    }

    pub(super) fn string(&mut self) -> Result<&'de str, Problem> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Problem::new("a string that is not UTF-8"))
    }

    /// Reads an index below `of`.
    pub(super) fn choice(&mut self, of: usize, what: &str) -> Result<usize, Problem> {
        let chosen = usize::try_from(self.long()?).ok().filter(|chosen| *chosen < of);
        chosen.ok_or_else(|| Problem::new(format!("{what} beyond the {of} of the schema")))
    }

    /// Reads the number of elements in the next block of an array or map; 0 is the end.
    pub(super) fn block(&mut self) -> Result<u64, Problem> {
        let count = self.long()?;
        if count < 0 {
            // The block's size in bytes, for readers that skip it.
            self.long()?;
        }
        Ok(count.unsigned_abs())
    }
}

fn ends() -> Problem {
    Problem::new("unexpected end")
}
