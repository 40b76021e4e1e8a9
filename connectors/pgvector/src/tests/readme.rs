//! The generated parts of the README match the code, and its examples load.

use super::Pgvector;

danube_sink_tests::readme_tests!(Pgvector, danube_sink_postgres::verdicts(), &[]);
