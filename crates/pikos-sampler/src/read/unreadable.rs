//! Why a process can't be looked at.

use std::io;

use pikos_os::{Unsupported, foreign_memory};

/// Why a process can't be looked at: a sentence for its user, with what to do.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// No such process, or it has ended meanwhile.
    #[error("process {pid} has ended, or was never there")]
    Ended {
        /// Which.
        pid: u32,
    },
    /// No Python in it.
    #[error("process {pid} ({program}) has no CPython in it; `pgrep -a python` lists programs that have")]
    NotPython {
        /// Which.
        pid: u32,
        /// What it runs.
        program: String,
    },
    /// CPython, of a release whose memory we don't know.
    #[error(
        "process {pid} runs CPython {python}; stacks can be read of CPython 3.11 to 3.15, builds with the GIL"
    )]
    Release {
        /// Which.
        pid: u32,
        /// What it says of itself.
        python: String,
    },
    /// CPython without the GIL.
    #[error(
        "process {pid} runs a free-threaded build of CPython {python}; stacks can be read of builds with the GIL only: \
         count calls with `python -m pikos.cprofile` instead"
    )]
    FreeThreaded {
        /// Which.
        pid: u32,
        /// What it says of itself.
        python: String,
    },
    /// We may not read its memory.
    #[error(
        "no right to read the memory of process {pid}: {how}; or start the program with `python -m pikos.sampling`, which \
         needs no rights"
    )]
    NoRights {
        /// Which.
        pid: u32,
        /// How to get them.
        how: String,
    },
    /// CPython whose data can't be found.
    #[error(
        "process {pid} runs CPython, but {file} was stripped of what tells where its threads are (the symbol _PyRuntime): \
         start the program with `python -m pikos.sampling` instead"
    )]
    Stripped {
        /// Which.
        pid: u32,
        /// The interpreter, or its library.
        file: String,
    },
    /// Not even our own memory may be copied.
    #[error(
        "this system forbids process_vm_readv (in a container: its seccomp profile), so that stacks can't be read from memory"
    )]
    Forbidden,
    /// Memory doesn't hold what CPython would have put there.
    #[error(
        "what the memory of process {pid} holds is not what CPython {python} would write: {what}; it may be a patched build, \
         or one that just starts or ends: try again"
    )]
    Nonsense {
        /// Which.
        pid: u32,
        /// The release that it says it is.
        python: String,
        /// What was found.
        what: String,
    },
    /// Another system.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// The system refuses something else.
    #[error("process {pid} can't be read: {error}")]
    System {
        /// Which.
        pid: u32,
        /// What the system says.
        error: io::Error,
    },
}

impl Unreadable {
    /// What an error of the system says of a process.
    pub(super) fn of(pid: u32, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Ended { pid },
            io::ErrorKind::PermissionDenied => Self::NoRights { pid, how: how_to_get_rights() },
            io::ErrorKind::Unsupported if error.get_ref().is_some() => Unsupported::ForeignMemory.into(),
            io::ErrorKind::Unsupported => Self::Forbidden,
            _ if foreign_memory::is_ended(&error) => Self::Ended { pid },
            _ => Self::System { pid, error },
        }
    }
}

fn how_to_get_rights() -> String {
    let scope = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    match scope.trim() {
        "1" => {
            "kernel.yama.ptrace_scope is 1: run pikos by sudo, or `sudo sysctl kernel.yama.ptrace_scope=0`"
                .to_owned()
        }
        "2" => "kernel.yama.ptrace_scope is 2: run pikos by sudo".to_owned(),
        "3" => "kernel.yama.ptrace_scope is 3, which forbids it to everybody".to_owned(),
        _ => "run pikos as the process' user or by sudo; in a container, with `--cap-add SYS_PTRACE`"
            .to_owned(),
    }
}
