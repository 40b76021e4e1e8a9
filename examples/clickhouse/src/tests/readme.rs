//! What the README says of the code is so.

use danube_sink::{
    TargetFailure,
    config::template,
    testing::{assert_examples_load, assert_generated, own_settings, verdict_table},
};

use super::{
    super::answer::{EXCEPTIONS, STATUSES},
    Clickhouse,
};

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");

#[test]
fn the_readme_has_every_setting_of_the_connector() {
    assert_generated(README, "settings", &own_settings(&template::<Clickhouse>()));
}

#[test]
fn the_examples_of_the_readme_load() {
    assert_examples_load::<Clickhouse>(README, &[]);
}

#[test]
fn the_readme_has_every_verdict() {
    const OTHERS: [(&str, TargetFailure); 5] = [
        ("every other exception and status, and answers of something else than ClickHouse", TargetFailure::NotReady),
        ("no connection, or no answer within `timeout`", TargetFailure::Busy),
        ("252 for too many partitions in one insert", TargetFailure::TooLarge),
        ("36 and 49 while a value is read (words of an enum, on older servers)", TargetFailure::Refused),
        ("a field without a column in every record of a batch", TargetFailure::NotReady),
    ];
    let exceptions = EXCEPTIONS.iter().map(|(code, name, class)| (format!("{code} {name}"), *class));
    let statuses = STATUSES.iter().map(|(first, last, class)| match first == last {
        true => (format!("HTTP {first}"), *class),
        false => (format!("HTTP {first} to {last}"), *class),
    });
    let others = OTHERS.iter().map(|(answer, class)| ((*answer).to_owned(), *class));
    assert_generated(README, "verdicts", &verdict_table(exceptions.chain(statuses).chain(others)));
}
