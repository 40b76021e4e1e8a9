//! `#[cfg(…)]` on fields.

use danube_sink::{config::template, prelude::*};

use crate::{file, load, report};

/// A connector whose fields depend on the build.
#[sink_connector(section = "conditional", config = "conditional.toml", main = false, validate = Self::agrees)]
#[derive(Debug)]
pub struct Conditional {
    /// In this build.
    #[cfg(test)]
    #[setting(default = 5, range = 1..=9, validate = odd)]
    pub inside: u8,
    /// In another build: its type does not even exist.
    #[cfg(not(test))]
    #[setting(default = 5, range = 1..=9)]
    pub outside: Nothing,
    /// One key of two types.
    #[cfg(test)]
    pub path: String,
    /// One key of two types.
    #[cfg(not(test))]
    pub path: Nothing,
    /// A secret of this build.
    #[cfg(test)]
    #[setting(secret)]
    pub token: Option<Secret>,
    /// A secret of another build.
    #[cfg(not(test))]
    #[setting(secret)]
    pub other_token: Secret,
    /// A table.
    pub table: Table,
    #[cfg(test)]
    #[state]
    count: usize,
    #[cfg(not(test))]
    #[state]
    other_count: Nothing,
    /// The mappings.
    #[topic_mappings]
    pub topics: TopicMappings<Target>,
}

/// A table.
#[derive(Debug, Setting)]
pub struct Table {
    /// In this build.
    #[cfg(test)]
    #[setting(default = 1)]
    pub inside: u8,
    /// In another build.
    #[cfg(not(test))]
    pub outside: Nothing,
}

/// A mapping.
#[derive(Debug, TopicMapping)]
pub struct Target {
    /// In this build.
    #[cfg(test)]
    #[setting(secret)]
    pub inside: Option<Secret>,
    /// In another build.
    #[cfg(not(test))]
    pub outside: Nothing,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "a check gets a reference")]
fn odd(number: &u8) -> Result<(), &'static str> {
    if number % 2 == 1 { Ok(()) } else { Err("an even number") }
}

impl Conditional {
    fn agrees(&self) -> Result<(), &'static str> {
        if self.count == 0 { Ok(()) } else { Err("it has begun") }
    }
}

writes_nothing!(Conditional);

#[test]
fn a_field_of_another_build_is_no_key() {
    let connector = load::<Conditional>(&file("conditional", "path = \"/a\"", ""), &[("CONDITIONAL_TOKEN", "t")]);
    let connector = connector.unwrap_or_else(|report| panic!("{report}")).connector;
    assert_eq!((connector.inside, connector.path.as_str(), connector.table.inside), (5, "/a", 1));
    assert_eq!(connector.token.as_ref().map(Secret::expose), Some("t"));
    let lines = "path = \"/a\"\noutside = 1\ninside = 4\ntable.outside = 1";
    let report = report::<Conditional>(&file("conditional", lines, "outside = 1"), &[]);
    for part in [
        "unknown key `outside` in `[conditional]`",
        "`inside`: an even number",
        "`table`: unknown key `outside`",
        "unknown key `outside` in `[[conditional.topic_mappings]]`",
    ] {
        assert!(report.contains(part), "`{part}` is not in\n{report}");
    }
    let template = template::<Conditional>();
    assert!(template.contains("#inside = 5") && !template.contains("outside") && !template.contains("OTHER_TOKEN"));
}
