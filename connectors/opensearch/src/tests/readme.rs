//! The generated parts of the README match the code, and its examples load.

use super::{super::answer::verdicts, Opensearch};

danube_sink_tests::readme_tests!(Opensearch, verdicts(), &[]);
