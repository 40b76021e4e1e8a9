//! The pipeline between a broker in memory and a scripted sink, on a clock that is paused: it jumps to the next timer
//! when nothing else is left to do, so that hours pass at once.
//!
//! `schedules` checks the laws under random schedules; the other files test single cases.

mod batches;
mod behaviour;
mod bench;
#[cfg(feature = "avro")]
mod compressed;
mod decided;
mod detaching;
mod drain;
mod faults;
#[cfg(feature = "cel")]
mod filtered;
mod first_contact;
mod isolation;
mod ledger;
mod log;
mod losses;
mod mass_refusals;
mod memory;
mod memory_budget;
mod metrics;
mod parts;
mod pending;
mod redelivery;
mod refusals;
mod schedules;
mod spool_faults;
mod spooled;
mod takeover;
mod target;
mod tasks;
