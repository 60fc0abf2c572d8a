//! The one door to the operating system: no other crate asks which system it runs on.

pub mod signals;
