//! The program, with servers of its own.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout, dead_code, reason = "it serves tests alone")]

mod dev;
mod hostile;
#[path = "../../src/tests/process.rs"]
mod process;
mod spool;
