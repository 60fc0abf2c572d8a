//! Where pictures come from: processes at work, or files.

mod fold;
mod lately;
mod live;
mod moment;
mod profiles;
mod source;
mod track;

pub use live::{Hides, Live};
pub use profiles::{Input, Profiles, Reader};
pub use source::{Query, Source};
