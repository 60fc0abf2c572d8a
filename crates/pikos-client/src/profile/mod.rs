//! What is known of a profile that is sent.

mod details;
mod known;
mod model;
mod names;
mod neighbours;
mod run;
mod table;
mod tree;

pub use known::Known;
pub use model::{Model, labelled};
pub use run::run_facts;
pub use tree::KnownNode;
