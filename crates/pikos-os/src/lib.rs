//! The one door to the operating system: no other crate asks which system it runs on, or calls it by way of libc.
//!
//! A module is one concern, with one function for each system where they differ. Where a system hasn't got something, it is
//! refused at run time, with a sentence that says what to do instead ([`Unsupported`]), and the rest works. What isn't Unix
//! has all its refusals in one file, `elsewhere.rs`. PLATFORM.md tells users which system has what.

pub mod browser;
#[cfg(unix)]
mod clocks;
pub mod descriptor;
#[cfg(any(test, not(unix)))]
#[cfg_attr(unix, allow(dead_code, reason = "on Unix nothing but the tests has a use for it"))]
mod elsewhere;
pub mod files;
pub mod foreign_memory;
pub mod host;
pub mod libraries;
pub mod local_socket;
pub mod memory;
pub mod paths;
pub mod process;
pub mod reserve;
pub mod runtime_folder;
pub mod signals;
pub mod stack;
pub mod terminal;
pub mod thread;
mod unsupported;
pub mod wake;

pub use unsupported::Unsupported;
