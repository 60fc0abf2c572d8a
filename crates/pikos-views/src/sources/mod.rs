//! Where pictures come from: processes at work, or files.

mod live;
mod profiles;
mod source;
mod track;

pub use live::Live;
pub use profiles::{Input, Profiles, Reader};
pub use source::{Query, Source};
