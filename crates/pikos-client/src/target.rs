//! Whom to listen to, and why that may fail.

use pikos_endpoint::{BindError, EndpointError};
use pikos_wire::WireError;
use pikos_wire::discovery::DiscoveryError;

/// What stands in the way of listening.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No process of that number is live.
    #[error(
        "process {0} is not profiled live: sample it as it runs (`pikos top --sample {0}`), or start it with `pikos run \
         --live`; `pikos ps` lists the processes that are live"
    )]
    NotLive(u32),
    /// A process of that number only sends records.
    #[error(
        "process {0} sends toolkit records, not a profile: `pikos top {0}` shows them, `pikos record {0} -o records.parquet` keeps them"
    )]
    RecordsOnly(u32),
    /// No process of that number sends records.
    #[error("process {0} sends no toolkit records: start it with `pikos-run … --recording zmq`")]
    NoRecords(u32),
    /// Neither a number nor an endpoint.
    #[error("{0:?} is neither a process ID nor an endpoint (ipc://PATH, tcp://HOST:PORT)")]
    NotATarget(String),
    /// The folder can't be used.
    #[error("{0}")]
    Folder(#[from] DiscoveryError),
    /// It does not answer.
    #[error("{endpoint} has not answered in {seconds} s: its process is stopped, or very busy")]
    Silent {
        /// Of what.
        endpoint: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// It answers in a way that makes no sense.
    #[error("{endpoint}: {problem}")]
    Answer {
        /// Of what.
        endpoint: String,
        /// What is wrong.
        problem: WireError,
    },
    /// It is nothing that can be bound.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// It can't be bound.
    #[error("{endpoint}: {problem}")]
    Bind {
        /// What.
        endpoint: String,
        /// Why not.
        problem: BindError,
    },
    /// ZeroMQ says no.
    #[error("{endpoint}: {problem}")]
    Socket {
        /// Of what.
        endpoint: String,
        /// What it says.
        problem: zmq::Error,
    },
}

/// Whom to listen to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The streams of a process of this host.
    Process(u32),
    /// Whoever sends there.
    Endpoint(String),
}

impl std::str::FromStr for Target {
    type Err = ClientError;

    fn from_str(text: &str) -> Result<Self, ClientError> {
        match text.parse() {
            Ok(pid) => Ok(Self::Process(pid)),
            Err(_) if text.starts_with("ipc://") || text.starts_with("tcp://") => {
                Ok(Self::Endpoint(text.to_owned()))
            }
            Err(_) => Err(ClientError::NotATarget(text.to_owned())),
        }
    }
}
