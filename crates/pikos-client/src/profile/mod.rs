//! What is known of a profile that is sent.

mod details;
mod finished;
mod known;
mod model;
mod names;
mod neighbours;
mod run;
mod table;
mod tree;

pub use finished::{Labels, labelled};
pub use known::Known;
pub use model::Model;
pub use run::run_facts;
pub use tree::KnownNode;
