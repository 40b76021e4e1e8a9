//! The program, with tables on disk and in stores of its own.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout, reason = "it serves tests alone")]

#[path = "../common/mod.rs"]
mod common;
mod dev;
mod hostile;
mod ledger;
mod spool;
