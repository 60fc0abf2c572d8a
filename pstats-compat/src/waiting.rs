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

/// Modules and types whose built-ins compute, with the GIL or without it, and stand still for nothing else.
const WORKERS: [&str; 49] = [
    "_blake2",
    "_blake2.blake2b",
    "_blake2.blake2s",
    "_bz2.BZ2Compressor",
    "_bz2.BZ2Decompressor",
    "_hashlib",
    "_hashlib.HASH",
    "_hashlib.HASHXOF",
    "_hashlib.HMAC",
    "_lzma.LZMACompressor",
    "_lzma.LZMADecompressor",
    "_md5",
    "_md5.md5",
    "_random.Random",
    "_sha1",
    "_sha1.sha1",
    "_sha2",
    "_sha2.SHA224Type",
    "_sha2.SHA256Type",
    "_sha2.SHA384Type",
    "_sha2.SHA512Type",
    "_sha256",
    "_sha3",
    "_sha512",
    "_struct",
    "_struct.Struct",
    "_zstd.ZstdCompressor",
    "_zstd.ZstdDecompressor",
    "audioop",
    "binascii",
    "bytearray",
    "bytes",
    "cmath",
    "complex",
    "compression.zstd.ZstdCompressor",
    "compression.zstd.ZstdDecompressor",
    "float",
    "int",
    "math",
    "re.Match",
    "re.Pattern",
    "str",
    "tuple",
    "unicodedata",
    "zlib",
    "zlib.Compress",
    "zlib.Decompress",
    "zlib.ZlibDecompressor",
    "zlib._ZlibDecompressor",
];

/// Those among them that go through what they are given, which may be a file.
const GO_THROUGH: [&str; 6] = ["dist", "extend", "fsum", "join", "prod", "sumprod"];

/// Others like them, of types and modules that also have some which go through what they are given.
const STEPS: [(&str, &[&str]); 10] = [
    ("_queue.SimpleQueue", &["empty", "put", "put_nowait", "qsize"]),
    ("_thread", &["allocate_lock", "get_ident", "get_native_id"]),
    ("_thread.RLock", &["__exit__", "_is_owned", "_recursion_count", "_release_save", "locked", "release"]),
    ("_thread.lock", &["__exit__", "locked", "locked_lock", "release", "release_lock"]),
    (
        "builtins",
        &[
            "abs",
            "callable",
            "chr",
            "delattr",
            "divmod",
            "getattr",
            "hasattr",
            "hash",
            "id",
            "isinstance",
            "issubclass",
            "len",
            "ord",
            "pow",
            "repr",
            "round",
            "setattr",
        ],
    ),
    ("collections.deque", &["append", "appendleft", "clear", "pop", "popleft", "rotate"]),
    ("dict", &["clear", "copy", "get", "items", "keys", "pop", "popitem", "setdefault", "values"]),
    ("list", &["append", "clear", "copy", "count", "index", "insert", "pop", "remove", "reverse"]),
    ("set", &["add", "clear", "copy", "discard", "pop", "remove"]),
    (
        "time",
        &[
            "clock_gettime",
            "clock_gettime_ns",
            "monotonic",
            "monotonic_ns",
            "perf_counter",
            "perf_counter_ns",
            "process_time",
            "process_time_ns",
            "thread_time",
            "thread_time_ns",
            "time",
            "time_ns",
        ],
    ),
];

/// Those of [`CALLERS`] that open, read or ask first.
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

/// Whether a built-in, by cProfile's label, only computes, with the GIL or without it: where it doesn't run, it waits for the GIL or for a
/// processor. Only those are believed to that are listed here.
pub fn only_works(label: &str) -> bool {
    builtin_and_owner(label).is_some_and(|(name, owner)| {
        (WORKERS.contains(&owner) && !GO_THROUGH.contains(&name))
            || STEPS.iter().any(|(of, names)| *of == owner && names.contains(&name))
    })
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
    fn built_ins_that_only_work_are_known_by_their_labels() {
        for label in [
            "<built-in method _hashlib.openssl_sha256>",
            "<method 'digest' of '_hashlib.HASH' objects>",
            "<built-in method zlib.compress>",
            "<method 'decompress' of '_lzma.LZMADecompressor' objects>",
            "<method 'sub' of 're.Pattern' objects>",
            "<method 'append' of 'list' objects>",
            "<built-in method builtins.len>",
            "<built-in method time.perf_counter>",
            "<method 'release' of '_thread.lock' objects>",
            "<method '__exit__' of '_thread.RLock' objects>",
        ] {
            assert!(only_works(label), "{label}");
        }
        for label in [
            "<built-in method builtins.sum>",
            "<method 'join' of 'str' objects>",
            "<method 'extend' of 'list' objects>",
            "<built-in method time.sleep>",
            "<method 'acquire' of '_thread.lock' objects>",
            "<method '__enter__' of '_thread.RLock' objects>",
            "<method 'read' of '_ssl._SSLSocket' objects>",
            "zlib",
            "",
        ] {
            assert!(!only_works(label), "{label}");
        }
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
