//! From looks to figures: when to look, and what a look counts.
//!
//! ```text
//!  schedule: when ─> subject: look ─> ledger: a recorder for each thread ─> source: publisher, files
//! ```
//! [`Sampling`] is the thread that does it, the only writer of all recorders. What it looks at is a [`Subject`]; what it knows it
//! tells a [`pikos_publisher::Source`], as a collector of calls does, so whoever publishes or saves such a profile does it here.

mod ledger;
mod names;
mod options;
mod sampling;
mod schedule;
mod subject;
mod target;
#[cfg(test)]
mod testing;

pub use names::{Names, NamesOfProcess, thread_name};
pub use options::{BUDGETS, Mode, OptionError, Options, RATES, check_budget, check_rate};
pub use sampling::{Ending, Sampling, Status};
pub use subject::{Subject, Trouble};
