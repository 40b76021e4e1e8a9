//! What the README says of the code is so.

use danube_sink::{TargetFailure, config::template, testing::verdict_table};

use super::{
    super::answer::{EXCEPTIONS, STATUSES},
    Clickhouse,
};

const README: &str = include_str!("../../README.md");

#[test]
fn the_readme_has_every_setting() {
    let template = template::<Clickhouse>();
    let shown = format!("```toml\n{}\n```\n", template.trim_end());
    assert!(README.contains(&shown), "put what `cargo run -p clickhouse -- template` prints into README.md:\n{shown}");
}

#[test]
fn the_readme_says_what_each_answer_means() {
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
    let table = verdict_table(exceptions.chain(statuses).chain(others));
    assert!(README.contains(&table), "put this table into README.md:\n{table}");
}
