//! The fixed cost of a write: it decides whether a small batch is worth a write.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// The weight of earlier measurements, at each write.
const MEMORY: f64 = 0.9;

/// The fixed cost of a mapping's writes: the intercept of their time over their size, exponentially weighted.
#[derive(Debug, Default)]
pub(crate) struct WriteCost(Mutex<Sums>);

#[derive(Debug, Default, Clone, Copy)]
struct Sums {
    weight: f64,
    records: f64,
    seconds: f64,
    records_squared: f64,
    records_by_seconds: f64,
}

impl WriteCost {
    /// Adds a measurement: a write of so many records took so long.
    pub(crate) fn add(&self, records: usize, took: Duration) {
        let (records, seconds) = (records as f64, took.as_secs_f64());
        let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let next = |sum: f64, value: f64| sum * MEMORY + value;
        *sums = Sums {
            weight: next(sums.weight, 1.0),
            records: next(sums.records, records),
            seconds: next(sums.seconds, seconds),
            records_squared: next(sums.records_squared, records * records),
            records_by_seconds: next(sums.records_by_seconds, records * seconds),
        };
    }

    /// The fixed time of a write, without that of its records; `None` before the first write.
    pub(crate) fn fixed(&self) -> Option<Duration> {
        let sums = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sums.weight == 0.0 {
            return None;
        }
        let (records, seconds) = (sums.records / sums.weight, sums.seconds / sums.weight);
        let variance = sums.records_squared / sums.weight - records * records;
        let covariance = sums.records_by_seconds / sums.weight - records * seconds;
        // Writes of one size do not show which part of their time is fixed: all of it, to be careful.
        let slope = if variance > 0.25 { (covariance / variance).max(0.0) } else { 0.0 };
        Some(Duration::from_secs_f64((seconds - slope * records).max(0.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn fixed(writes: impl IntoIterator<Item = (usize, Duration)>) -> Option<Duration> {
        let cost = WriteCost::default();
        writes.into_iter().for_each(|(records, took)| cost.add(records, took));
        cost.fixed().map(|fixed| Duration::from_micros(u64::try_from((fixed.as_nanos() + 500) / 1_000).unwrap()))
    }

    #[test]
    fn the_fixed_cost_is_what_no_record_adds_to() {
        assert_eq!(fixed([]), None);
        assert_eq!(fixed([(10, 5 * MS); 3]), Some(5 * MS), "one size shows no slope");
        let writes = [1, 10, 4, 7, 10].map(|records: u32| (records as usize, 3 * MS + records * MS));
        assert_eq!(fixed(writes), Some(3 * MS));
        let writes = [1, 10, 4, 7, 10].map(|records: u32| (records as usize, records * MS));
        assert_eq!(fixed(writes), Some(Duration::ZERO));
    }
}
