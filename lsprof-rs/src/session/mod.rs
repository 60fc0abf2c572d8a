//! The life of one profile.

pub mod live;
