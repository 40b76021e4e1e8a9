//! The records of the benchmarks.

use std::{ops::Range, sync::Arc};

use danube_sink::{RecordBuilder, SinkRecord, schema::Decoder};

/// A payload of some two hundred bytes, with `id`, `name`, `magnitude`, `felt`, `at` and `place`; `zone` ends its time.
pub fn reading(number: u64, zone: &str) -> String {
    format!(
        r#"{{"id":{number},"name":"sensor-{}","magnitude":{}.25,"felt":{},"at":"2018-02-07T01:26:13.{:06}{zone}","place":"{} km west of a town whose name is long enough to make some two hundred bytes of a record"}}"#,
        number % 97,
        number % 9,
        number.is_multiple_of(2),
        number % 1_000_000,
        number % 1_000
    )
}

/// Records with a [`reading`] each, as the runtime passes them: with JSON detected.
pub fn reading_records(numbers: Range<u64>, zone: &str, decoder: &Arc<Decoder>) -> Vec<SinkRecord> {
    let record = |number| {
        let record = SinkRecord::builder("/default/t").subscription("s").offset(number + 1).producer("p", 7, number);
        record.payload(reading(number, zone)).decoder(Arc::clone(decoder))
    };
    RecordBuilder::build_together(numbers.map(record))
}
