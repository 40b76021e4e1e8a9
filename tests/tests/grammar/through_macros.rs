//! Connectors that a macro of the author's writes: types, literals and documentation are in invisible groups.

use danube_sink::prelude::*;

use crate::{file, load, report};

macro_rules! connector {
    (
        $name:ident, $mapping:ty, $section:literal, $secret:ty, $optional:ty = $range:expr, $check:path,
        $default:expr, $doc:literal
    ) => {
        #[doc = $doc]
        #[sink_connector(section = $section, main = false)]
        #[derive(Debug)]
        pub struct $name {
            #[doc = $doc]
            #[setting(secret)]
            pub token: $secret,
            #[doc = $doc]
            #[setting(range = $range, validate = $check)]
            pub number: $optional,
            #[doc = $doc]
            #[setting(default = $default)]
            pub word: String,
            /// The mappings.
            #[topic_mappings]
            pub topics: $mapping,
        }

        writes_nothing!($name);
    };
}

/// Where a topic goes.
#[derive(Debug, TopicMapping)]
pub struct Target {
    /// The table.
    pub table: String,
}

/// An `Option` under another name.
pub type Perhaps<T> = Option<T>;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "a check gets a reference")]
fn even(number: &u8) -> Result<(), &'static str> {
    if number.is_multiple_of(2) { Ok(()) } else { Err("an odd number") }
}

connector!(Grouped, TopicMappings<Target>, "grouped", Option<Secret>, Option<u8> = 1..=9, even, "a", "Of a macro.");
connector!(Aliased, TopicMappings, "aliased", Perhaps<Secret>, Perhaps<u8> = 1..=9, even, "a", "Of a macro.");

#[test]
fn a_type_may_come_through_a_macro() {
    let grouped = load::<Grouped>(&file("grouped", "", "table = \"t\""), &[]).expect("a connector").connector;
    assert_eq!((grouped.number, grouped.word.as_str(), grouped.token.is_none()), (None, "a", true));
    assert_eq!(grouped.topics.get("/default/a").map(|target| target.table.as_str()), Some("t"));
    let aliased = load::<Aliased>(&file("aliased", "number = 4", ""), &[("ALIASED_TOKEN", "t")]);
    let aliased = aliased.expect("a connector").connector;
    assert_eq!((aliased.number, aliased.token.as_ref().map(Secret::expose)), (Some(4), Some("t")));
    for report in [
        report::<Grouped>(&file("grouped", "number = 3", "table = \"t\""), &[]),
        report::<Aliased>(&file("aliased", "number = 3", ""), &[]),
    ] {
        assert!(report.contains("`number`: an odd number"), "{report}");
    }
    let template = danube_sink::config::template::<Grouped>();
    assert!(template.contains("# Of a macro."), "{template}");
}
