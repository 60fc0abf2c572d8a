//! What a profiled process can be told, over a channel that only its user reaches. Each request has one
//! reply; nothing in either can run code.

use serde::{Deserialize, Serialize};

use crate::message::{VERSION, WireError, check_version};
use crate::text::WireText;

/// The greatest request, in bytes.
pub const MAX_REQUEST: usize = 64 << 10;

/// No more of an error is told, in bytes: it may have a path of the request in it.
const MOST_ERROR: usize = 8 << 10;

/// A command, in a MessagePack map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// [`VERSION`].
    pub v: u32,
    /// What to do: `{"do": "interval", "seconds": 0.1}`.
    #[serde(flatten)]
    pub command: Command,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub enum Command {
    /// Collect no more, until told to.
    Pause,
    /// Collect again.
    Resume,
    /// Forget all numbers.
    Clear,
    /// Say how things are; every reply does.
    Status,
    /// End the profile; the program goes on.
    Stop,
    /// Send this often from now on.
    Interval {
        /// From one message to the next.
        seconds: f64,
    },
    /// Of a profile of samples: look this often from now on.
    Rate {
        /// Looks in a second.
        hz: f64,
    },
    /// Write the profile so far, in the format that the file's name says.
    Dump {
        /// An absolute path.
        path: WireText,
    },
}

/// The answer to a command.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// [`VERSION`].
    pub v: u32,
    /// What went wrong; nothing was done then.
    #[serde(default)]
    pub error: Option<String>,
    /// Accepted, and done as soon as the program's main thread runs Python code again.
    #[serde(default)]
    pub pending: bool,
    /// How things are.
    #[serde(default)]
    pub status: Option<Status>,
}

/// How things are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The process.
    pub pid: u32,
    /// Its stream's id.
    pub id: String,
    /// Whether collection is paused.
    pub paused: bool,
    /// Seconds from one message to the next.
    pub interval: f64,
    /// Seconds since the stream began.
    pub age: f64,
    /// Messages made so far.
    pub seq: u64,
    /// Finished calls so far, or samples.
    pub ncalls: u64,
    /// What these are: `samples`, or calls where nothing is said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub counts: String,
    /// How many subscribers there are.
    pub subscribers: u32,
}

impl Request {
    /// A request in this version.
    pub fn new(command: Command) -> Self {
        Self { v: VERSION, command }
    }

    /// The bytes of one frame.
    pub fn encode(&self) -> Vec<u8> {
        rmp_serde::to_vec_named(self).unwrap_or_default()
    }

    /// Reads a frame.
    pub fn decode(frame: &[u8]) -> Result<Self, WireError> {
        if frame.len() > MAX_REQUEST {
            return Err(WireError::TooLarge(frame.len()));
        }
        check_version(frame)?;
        let Named { _do } = rmp_serde::from_slice(frame)?;
        Ok(rmp_serde::from_slice(frame)?)
    }
}

/// serde takes a command's place among the others for its name as well; the wire knows names only.
#[derive(Deserialize)]
struct Named {
    #[serde(rename = "do")]
    _do: String,
}

impl Reply {
    /// That it was done, or will be (`pending`).
    pub fn done(status: Status, pending: bool) -> Self {
        Self { v: VERSION, error: None, pending, status: Some(status) }
    }

    /// That it can't be done, and why. The text is cut to what fits a reply.
    pub fn refused(error: impl Into<String>) -> Self {
        let mut error = error.into();
        let end = (0..=MOST_ERROR.min(error.len())).rev().find(|end| error.is_char_boundary(*end));
        error.truncate(end.unwrap_or(0));
        Self { v: VERSION, error: Some(error), ..Self::default() }
    }

    /// The bytes of one frame.
    pub fn encode(&self) -> Vec<u8> {
        rmp_serde::to_vec_named(self).unwrap_or_default()
    }

    /// Reads a frame.
    pub fn decode(frame: &[u8]) -> Result<Self, WireError> {
        if frame.len() > MAX_REQUEST {
            return Err(WireError::TooLarge(frame.len()));
        }
        check_version(frame)?;
        Ok(rmp_serde::from_slice(frame)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_a_request_are_pinned() {
        let bytes = Request::new(Command::Interval { seconds: 0.5 }).encode();
        let expected = b"\x83\xa1v\x01\xa2do\xa8interval\xa7seconds\xcb\x3f\xe0\0\0\0\0\0\0";
        assert_eq!(bytes, expected);
    }

    #[test]
    fn every_command_comes_back() {
        let commands = [
            Command::Pause,
            Command::Resume,
            Command::Clear,
            Command::Status,
            Command::Stop,
            Command::Interval { seconds: 0.25 },
            Command::Rate { hz: 250.0 },
            Command::Dump { path: "/tmp/a.pstats".into() },
        ];
        for command in commands {
            let request = Request::new(command);
            assert_eq!(Request::decode(&request.encode()).unwrap(), request);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(matches!(Request::decode(b"\x82\xa1v\x01\xa2do\xa5crash"), Err(WireError::Malformed(_))));
        assert!(matches!(Request::decode(b"\x82\xa1v\x02\xa2do\xa5pause"), Err(WireError::Version(2))));
        assert!(matches!(Request::decode(&vec![0xc0; 1 << 20]), Err(WireError::TooLarge(_))));
        assert!(Request::decode(b"").is_err());
        // A number is no name, nor is anything else.
        for kind in [&b"\0"[..], b"\x04", b"\xcc\x01", b"\xc0", b"\xc3", b"\x91\xa5pause"] {
            let frame = [b"\x82\xa1v\x01\xa2do", kind].concat();
            assert!(matches!(Request::decode(&frame), Err(WireError::Malformed(_))), "{kind:?}");
        }
    }

    #[test]
    fn a_reply_comes_back() {
        let status = Status { pid: 7, id: "a".into(), interval: 0.5, ..Status::default() };
        let long = "\u{e9}".repeat(MAX_REQUEST);
        for reply in [Reply::done(status, true), Reply::refused("no such command"), Reply::refused(long)] {
            assert_eq!(Reply::decode(&reply.encode()).unwrap(), reply);
        }
    }
}
