//! Which functions wait instead of working: what is in them costs the program time, and the processor nothing.

use crate::model::{Function, Profile};

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// A lock, or another thread's end.
    Lock,
    /// Nothing but time.
    Sleep,
    /// Whoever is at the other end: of a socket, a pipe, a process.
    Others,
}

/// Built-ins that wait, as cProfile names them: a method and the module of its type, or a function and its module.
const WAITERS: [(Wait, &str, &str); 26] = [
    (Wait::Lock, "acquire", "_thread."),
    (Wait::Lock, "__enter__", "_thread."),
    (Wait::Lock, "join", "_thread."),
    (Wait::Lock, "acquire_lock", "_thread."),
    (Wait::Lock, "_acquire_restore", "_thread."),
    (Wait::Lock, "acquire", "_multiprocessing."),
    (Wait::Lock, "__enter__", "_multiprocessing."),
    (Wait::Lock, "get", "_queue."),
    (Wait::Sleep, "sleep", "time"),
    (Wait::Others, "poll", "select."),
    (Wait::Others, "control", "select."),
    (Wait::Others, "select", "select"),
    (Wait::Others, "accept", "_socket."),
    (Wait::Others, "_accept", "_socket."),
    (Wait::Others, "connect", "_socket."),
    (Wait::Others, "recv", "_socket."),
    (Wait::Others, "recv_into", "_socket."),
    (Wait::Others, "recvfrom", "_socket."),
    (Wait::Others, "send", "_socket."),
    (Wait::Others, "sendall", "_socket."),
    (Wait::Others, "getaddrinfo", "_socket"),
    (Wait::Others, "read", "_ssl."),
    (Wait::Others, "do_handshake", "_ssl."),
    (Wait::Others, "waitpid", "posix"),
    (Wait::Others, "WaitForSingleObject", "_winapi"),
    (Wait::Others, "WaitForMultipleObjects", "_winapi"),
];

/// What this function waits for; None for one that works, as far as its name tells.
pub fn wait(function: &Function) -> Option<Wait> {
    if !function.is_builtin() {
        return None;
    }
    let name = function.name.to_str_lossy();
    let name = name.trim_start_matches(['<', '{']).trim_end_matches(['>', '}']);
    let (method, module) = match name.strip_prefix("method '").and_then(|rest| rest.split_once("' of '")) {
        Some((method, rest)) => (method, rest),
        None => {
            let (module, function) = name.strip_prefix("built-in method ")?.rsplit_once('.')?;
            (function, module)
        }
    };
    let is_meant = |&&(_, known, of): &&(Wait, &str, &str)| {
        method == known && if of.ends_with('.') { module.starts_with(of) } else { module == of }
    };
    WAITERS.iter().find(is_meant).map(|&(wait, _, _)| wait)
}

/// How long that was waited for in a profile, in all functions together.
pub fn time_of(profile: &Profile, kind: Wait) -> f64 {
    let waiting = profile.rows().filter(|(_, function)| wait(function) == Some(kind));
    waiting.map(|(_, function)| function.calls.tottime).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Calls;

    #[test]
    fn built_ins_that_wait_are_known_by_their_names() {
        for (name, expected) in [
            ("<method 'acquire' of '_thread.lock' objects>", Some(Wait::Lock)),
            ("<method 'join' of '_thread._ThreadHandle' objects>", Some(Wait::Lock)),
            ("<method 'get' of '_queue.SimpleQueue' objects>", Some(Wait::Lock)),
            ("<built-in method time.sleep>", Some(Wait::Sleep)),
            ("<method 'poll' of 'select.epoll' objects>", Some(Wait::Others)),
            ("<built-in method select.select>", Some(Wait::Others)),
            ("<method 'recv' of '_socket.socket' objects>", Some(Wait::Others)),
            ("<method 'get' of 'dict' objects>", None),
            ("<built-in method time.perf_counter>", None),
            ("<built-in method builtins.len>", None),
        ] {
            let function = Function::new("~".into(), 0, name.into(), Calls::default());
            assert_eq!(wait(&function), expected, "{name}");
        }
        let own = Function::new("a.py".into(), 1, "sleep".into(), Calls::default());
        assert_eq!(wait(&own), None);
    }
}
