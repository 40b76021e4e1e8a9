//! The tests of a connector's README.

/// Tests that the generated parts of a connector's README match its code, and that its examples and templates load: the connector, the rows of
/// its table of verdicts, and the secrets of the examples. `BLESS=1` writes the generated parts.
#[macro_export]
macro_rules! readme_tests {
    ($connector:ty, $verdicts:expr, $secrets:expr) => {
        const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");

        #[test]
        fn the_readme_has_every_setting_of_the_connector() {
            let settings = danube_sink::testing::own_settings(&danube_sink::config::template::<$connector>());
            danube_sink::testing::assert_generated(README, "settings", &settings);
        }

        #[test]
        fn the_readme_has_every_verdict() {
            let table = danube_sink::testing::verdict_table($verdicts);
            danube_sink::testing::assert_generated(README, "verdicts", &table);
        }

        #[test]
        fn the_templates_of_the_connector_are_valid() {
            danube_sink::testing::assert_templates_load::<$connector>();
        }

        #[test]
        fn the_examples_of_the_readme_load() {
            danube_sink::testing::assert_examples_load::<$connector>(README, $secrets);
        }
    };
}
