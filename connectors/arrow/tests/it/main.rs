//! Payloads as Arrow columns.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "it serves tests alone")]

mod columns;
mod rejected_values;
