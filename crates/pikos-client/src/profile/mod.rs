//! What is known of a profile that is sent.

mod known;
mod model;
mod names;
mod neighbours;
mod table;
mod tree;

pub use known::Known;
pub use model::{Model, labelled};
pub use tree::KnownNode;
