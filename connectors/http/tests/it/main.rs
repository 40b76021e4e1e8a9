//! Requests to APIs over real sockets, of the library and of the program.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

mod api;
mod dev;
mod hostile_payloads;
mod tls;
