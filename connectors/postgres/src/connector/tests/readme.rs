//! The generated parts of the README match the code, and its examples load.

use super::Postgres;

danube_sink_tests::readme_tests!(Postgres, crate::verdicts(), &[]);
