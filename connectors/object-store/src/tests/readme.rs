//! The generated parts of the README match the code, and its examples load.

use super::super::{ObjectStore, failure::ANSWERS};

danube_sink_tests::readme_tests!(ObjectStore, ANSWERS, &[]);
