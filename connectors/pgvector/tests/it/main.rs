//! The program, with servers of its own.

#![allow(clippy::expect_used, reason = "it serves tests alone")]

mod dev;
mod hostile;
#[path = "../../../postgres/tests/support/dev.rs"]
mod program;
#[path = "../../../postgres/tests/support/server.rs"]
mod server;
