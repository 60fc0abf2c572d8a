//! What is known of records that are sent.

mod curve;
mod highs;
mod model;
mod objects;
mod past_types;
mod rows;
mod types;

pub use curve::{Cell, Curve};
pub use highs::{Highs, Since};
pub use model::{Peak, RecordModel, Usage};
pub use past_types::{TypeThen, TypesThen};
pub use rows::{Activated, RecordRow, RowId, TextId};
pub use types::{HISTORY as TYPE_HISTORY, KnownTypes, TypePlaceRow, TypeRow};
