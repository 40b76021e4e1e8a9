//! What the README says of the code is so.

use danube_sink::config::template;

use super::{
    super::answer::{FATAL, REFUSED},
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
fn the_readme_has_every_code_in_its_row() {
    for (codes, row) in [(&REFUSED[..], "| refused |"), (&FATAL[..], "| fatal |")] {
        let row = README.lines().find(|line| line.starts_with(row)).expect("a row");
        let listed = codes.iter().map(|(code, name)| format!("{code} {name}")).collect::<Vec<_>>().join(", ");
        assert!(row.contains(&listed), "put this into the row `{row}`:\n{listed}");
    }
}
