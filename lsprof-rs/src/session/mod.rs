//! The life of one profile: enabled and disabled, live or not, through forks, until the interpreter ends.
//!
//! ```text
//!  Profiler ─> life: Session ─> live: Live ─> publisher
//!                 ↑               ↑    ↑
//!                 └─ controlled ──┘  forks <─ CPython: fork, exec, exit
//! ```
//! A session owns its live side. Forks and subscribers, who come in from there, reach it through [`controlled::Controlled`].

pub mod controlled;
pub mod forks;
mod labels;
pub mod life;
pub mod live;
pub mod options;
pub mod save;
