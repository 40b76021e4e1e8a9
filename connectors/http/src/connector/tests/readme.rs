//! The generated parts of the README match the code, and its examples load.

use super::HttpSink;

danube_sink_tests::readme_tests!(HttpSink, crate::verdicts(), &[("HTTP_SINK_SECRET", "s3cret")]);
