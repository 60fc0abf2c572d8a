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

/// Modules and types whose built-ins call Python and don't touch files, sockets, locks or clocks.
const CALLERS: [&str; 46] = [
    "_abc",
    "_asyncio",
    "_asyncio.Future",
    "_asyncio.Task",
    "_bisect",
    "_collections",
    "_contextvars.Context",
    "_functools",
    "_heapq",
    "_json",
    "_operator",
    "_pickle",
    "_random.Random",
    "_statistics",
    "_warnings",
    "array.array",
    "async_generator",
    "async_generator_asend",
    "async_generator_athrow",
    "builtins",
    "bytearray",
    "bytes",
    "collections.OrderedDict",
    "collections.defaultdict",
    "collections.deque",
    "coroutine",
    "dict",
    "dict_items",
    "dict_keys",
    "frozenset",
    "gc",
    "generator",
    "int",
    "itertools",
    "list",
    "math",
    "numpy",
    "numpy.ndarray",
    "object",
    "pyexpat.xmlparser",
    "re.Pattern",
    "set",
    "str",
    "tuple",
    "type",
    "xml.etree.ElementTree.XMLParser",
];

/// Those among them that open, read or ask first.
const READERS: [(&str, &str); 6] = [
    ("breakpoint", "builtins"),
    ("dump", "_pickle"),
    ("input", "builtins"),
    ("load", "_pickle"),
    ("open", "builtins"),
    ("ParseFile", "pyexpat.xmlparser"),
];

/// What this function waits for; None for one that works, as far as its name tells.
pub fn wait(function: &Function) -> Option<Wait> {
    if !function.is_builtin() {
        return None;
    }
    let name = function.name.to_str_lossy();
    let (method, owner) = builtin_and_owner(&name)?;
    let is_meant = |&&(_, known, of): &&(Wait, &str, &str)| {
        method == known && if of.ends_with('.') { owner.starts_with(of) } else { owner == of }
    };
    WAITERS.iter().find(is_meant).map(|&(wait, _, _)| wait)
}

/// What cProfile's label of a built-in names: the function and its module, or the method and its type; None where one is missing.
pub fn builtin_and_owner(label: &str) -> Option<(&str, &str)> {
    let name = label.trim_start_matches(['<', '{']).trim_end_matches(['>', '}']);
    match name.strip_prefix("method '").and_then(|rest| rest.split_once("' of '")) {
        Some((method, rest)) => Some((method, rest.strip_suffix("' objects").unwrap_or(rest))),
        None => {
            let (module, function) = name.strip_prefix("built-in method ")?.rsplit_once('.')?;
            Some((function, module))
        }
    }
}

/// Whether a built-in, by cProfile's label, does nothing itself but call what it is given: up to each such call it keeps the GIL, and
/// doesn't sleep. Only those are believed to that are listed here: a library's own (the main loop of a window system) may have slept.
pub fn only_calls(label: &str) -> bool {
    builtin_and_owner(label)
        .is_some_and(|(name, owner)| CALLERS.contains(&owner) && !READERS.contains(&(name, owner)))
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

    #[test]
    fn built_ins_that_only_call_are_known_by_their_labels() {
        for label in [
            "<built-in method builtins.sum>",
            "<built-in method _functools.reduce>",
            "<method 'sort' of 'list' objects>",
            "<method 'run' of '_contextvars.Context' objects>",
            "<method 'sub' of 're.Pattern' objects>",
        ] {
            assert!(only_calls(label), "{label}");
        }
        for label in [
            "<built-in method builtins.input>",
            "<built-in method time.sleep>",
            "<built-in method _pickle.load>",
            "<method 'poll' of 'select.epoll' objects>",
            "<method 'exec' of 'QApplication' objects>",
            "<built-in method from_bytes>",
            "sum",
            "",
        ] {
            assert!(!only_calls(label), "{label}");
        }
    }
}
