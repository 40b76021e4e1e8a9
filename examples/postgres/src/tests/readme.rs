//! The README says what the code does.

use danube_sink::{
    config::template,
    testing::{assert_examples_load, assert_generated, own_settings, verdict_table},
};

use super::Postgres;

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");

#[test]
fn the_readme_has_every_setting_of_the_connector() {
    assert_generated(README, "settings", &own_settings(&template::<Postgres>()));
}

#[test]
fn the_readme_has_every_verdict() {
    assert_generated(README, "verdicts", &verdict_table(danube_sink_postgres::verdicts()));
}

#[test]
fn the_examples_of_the_readme_load() {
    assert_examples_load::<Postgres>(README, &[]);
}
