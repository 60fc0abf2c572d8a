//! What is known of records that are sent.

mod curve;
mod highs;
mod model;
mod rows;
mod types;

pub use curve::{Cell, Curve};
pub use highs::{Highs, Since};
pub use model::{Peak, RecordModel, Usage};
pub use rows::{Activated, RecordRow, RowId, TextId};
pub use types::{HISTORY as TYPE_HISTORY, KnownTypes, TypePlaceRow, TypeRow};
