//! Conversion of the records of a batch; those that fail are rejected by themselves.

use std::mem;

use serde::de::DeserializeOwned;

use super::{Batch, Joined, in_parts};
use crate::{
    error::{ConnectorError::InvalidRecord, ConnectorResult, unknown_record},
    record::SinkRecord,
};

/// A converted part of a batch.
struct Converted<C> {
    value: C,
    /// Number of records, with the invalid ones.
    count: usize,
    /// Index in the part and reason of each invalid record.
    invalid: Vec<(usize, String)>,
}

impl<T: Sync> Batch<'_, T> {
    /// Converts each record, and returns the values in order. A record for which `convert` returns
    /// [`InvalidRecord`] is rejected by itself and has no value; the others continue, so the values belong to
    /// [`records`](Self::records) one to one, until another conversion rejects further records: to have several values of a
    /// record, return a tuple.
    ///
    /// From 2 000 records on, the batch is converted on all cores; for fewer, starting threads does not pay.
    ///
    /// # Errors
    /// [`Partial`](crate::ConnectorError::Partial) if no record is left, so that nothing is written; the first error of another
    /// variant.
    pub fn each<R: Send>(
        &mut self,
        convert: impl Fn(&T, &SinkRecord) -> ConnectorResult<R> + Sync,
    ) -> ConnectorResult<Vec<R>> {
        let own = self.own();
        let parts = in_parts(&self.records, |part| {
            let mut values = Vec::with_capacity(part.len());
            let invalid = invalid_of(part, |record| {
                values.push(convert(own, record)?);
                Ok(())
            })?;
            Ok(Converted { value: values, count: part.len(), invalid })
        });
        let mut parts = self.accept(parts)?.into_iter();
        let mut values = parts.next().unwrap_or_default();
        parts.for_each(|part| values.extend(part));
        Ok(values)
    }

    /// Deserializes each record into a type of your own, as [`SinkRecord::as_type`] does.
    ///
    /// # Errors
    /// Those of [`each`](Self::each).
    pub fn typed<D: DeserializeOwned + Send>(&mut self) -> ConnectorResult<Vec<D>> {
        self.each(|_, record| record.as_type())
    }

    /// Serializes the records to one body, with these delimiters; `write` appends one record. A record for which it returns
    /// [`InvalidRecord`] is rejected by itself, and what it has appended is removed.
    ///
    /// # Errors
    /// Those of [`each`](Self::each).
    pub fn joined(
        &mut self,
        delimiters: Joined<'_>,
        write: impl Fn(&T, &SinkRecord, &mut Vec<u8>) -> ConnectorResult<()> + Sync,
    ) -> ConnectorResult<Vec<u8>> {
        self.joined_each(delimiters, write).map(|(body, _)| body)
    }

    /// Serializes the records to one body, as [`joined`](Self::joined) does, and converts them, as [`each`](Self::each) does.
    ///
    /// # Errors
    /// Those of [`each`](Self::each).
    pub fn joined_each<R: Send>(
        &mut self,
        delimiters: Joined<'_>,
        write: impl Fn(&T, &SinkRecord, &mut Vec<u8>) -> ConnectorResult<R> + Sync,
    ) -> ConnectorResult<(Vec<u8>, Vec<R>)> {
        let (own, Joined { open, between, close }) = (self.own(), delimiters);
        let parts = in_parts(&self.records, |part| {
            let length: usize = part.iter().map(|record| record.bytes().len() + between.len()).sum();
            let mut bytes = Vec::with_capacity(open.len() + length + close.len());
            let mut values = Vec::with_capacity(part.len());
            // Most batches are one part, whose bytes are returned without a copy.
            if part.as_ptr() == self.records.as_ptr() {
                bytes.extend_from_slice(open.as_bytes());
            }
            let invalid = invalid_of(part, |record| {
                let begin = bytes.len();
                let written = write(own, record, &mut bytes);
                match &written {
                    Ok(_) => bytes.extend_from_slice(between.as_bytes()),
                    Err(_) => bytes.truncate(begin),
                }
                values.push(written?);
                Ok(())
            })?;
            Ok(Converted { value: (bytes, values), count: part.len(), invalid })
        });
        let mut parts = self.accept(parts)?.into_iter();
        let (mut body, mut values) = parts.next().unwrap_or_default();
        for (bytes, of_part) in parts {
            body.extend_from_slice(&bytes);
            values.extend(of_part);
        }
        if !self.records.is_empty() {
            body.truncate(body.len() - between.len());
        }
        body.extend_from_slice(close.as_bytes());
        Ok((body, values))
    }

    /// The values of the parts, after the rejection of their invalid records.
    fn accept<C>(&mut self, parts: Vec<ConnectorResult<Converted<C>>>) -> ConnectorResult<Vec<C>> {
        let (mut values, mut invalid, mut before) = (Vec::with_capacity(parts.len()), Vec::new(), 0);
        for part in parts {
            let part = part?;
            values.push(part.value);
            invalid.extend(part.invalid.into_iter().map(|(index, reason)| (before + index, reason)));
            before += part.count;
        }
        if invalid.is_empty() {
            return Ok(values);
        }
        let (mut invalid, mut number) = (invalid.into_iter().peekable(), 0..);
        self.records.retain(|record| {
            let number = number.next();
            match invalid.next_if(|(index, _)| Some(*index) == number) {
                Some((_, reason)) => {
                    self.failure.invalid(record, reason);
                    false
                }
                None => true,
            }
        });
        if self.records.is_empty() {
            self.open.close();
            return Err(mem::take(&mut self.failure).into());
        }
        Ok(values)
    }
}

/// Index and reason of each record that `write` finds invalid.
fn invalid_of(
    part: &[SinkRecord],
    mut write: impl FnMut(&SinkRecord) -> ConnectorResult<()>,
) -> ConnectorResult<Vec<(usize, String)>> {
    let mut invalid = Vec::new();
    for (index, record) in part.iter().enumerate() {
        match write(record) {
            Ok(()) => {}
            Err(InvalidRecord { id, reason }) if record.has_id(&id) => invalid.push((index, reason)),
            Err(InvalidRecord { id, .. }) => return Err(unknown_record(&id)),
            Err(error) => return Err(error),
        }
    }
    Ok(invalid)
}
