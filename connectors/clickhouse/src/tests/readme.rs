//! The generated parts of the README match the code, and its examples load.

use danube_sink::TargetFailure;

use super::{
    super::answer::{EXCEPTIONS, STATUSES},
    Clickhouse,
};

danube_sink_tests::readme_tests!(Clickhouse, verdicts(), &[]);

fn verdicts() -> impl Iterator<Item = (String, TargetFailure)> {
    const OTHERS: [(&str, TargetFailure); 7] = [
        ("every other exception and status, and answers that are not from ClickHouse", TargetFailure::NotReady),
        ("no connection, or no answer within `timeout`", TargetFailure::Busy),
        ("252 for too many partitions in one insert", TargetFailure::TooLarge),
        ("36 and 49 while a value is read (an unknown enum value, on older servers)", TargetFailure::Refused),
        ("48 of a table that the record has chosen, such as a view", TargetFailure::Refused),
        ("any other while a function of a view or a column is executed on rows", TargetFailure::Refused),
        ("the same field without a column in every record of a batch", TargetFailure::NotReady),
    ];
    let exceptions = EXCEPTIONS.iter().map(|(code, name, class)| (format!("{code} {name}"), *class));
    let statuses = STATUSES.iter().map(|(first, last, class)| match first == last {
        true => (format!("HTTP {first}"), *class),
        false => (format!("HTTP {first} to {last}"), *class),
    });
    exceptions.chain(statuses).chain(OTHERS.map(|(answer, class)| (answer.to_owned(), class)))
}
