//! What is known of a profile that is sent.

mod figures;
mod model;
mod names;
mod neighbours;
mod table;
mod tree;

pub use figures::Figures;
pub use model::{Model, labelled};
pub use tree::{NodeFigures, Stack, Stacks};
