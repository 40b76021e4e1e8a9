//! The generated parts of the README match the code, and its examples load.

use super::HttpSink;

danube_sink_tests::readme_tests!(HttpSink, danube_sink_http::verdicts(), &[("HTTP_SINK_SECRET", "s3cret")]);
