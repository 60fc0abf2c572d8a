//! Where pictures come from: processes at work, or files.

mod live;
mod profiles;
mod source;

pub use live::{Feed, Live, Target, Told, ToldStack, ToldStacks, ToldThread};
pub use profiles::{Input, Profiles, Reader};
pub use source::{Command, Query, Source};
