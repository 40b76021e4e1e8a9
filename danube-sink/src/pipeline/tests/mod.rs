//! The pipeline between a broker in memory and a scripted sink, on a clock that is paused: it jumps to the next timer
//! when nothing else is left to do, so that hours pass in no time.
//!
//! `schedules` checks the promises under random schedules; the other files tell single stories.

mod batches;
mod bench;
mod drain;
mod faults;
mod ledger;
mod log;
mod memory;
mod memory_budget;
mod redelivery;
mod refusals;
mod schedules;
mod takeover;
mod target;
mod tasks;
