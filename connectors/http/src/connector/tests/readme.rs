//! The generated parts of the README match the code, and its examples load.

use super::Http;

danube_sink_tests::readme_tests!(Http, crate::verdicts(), &[("HTTP_SECRET", "s3cret")]);
