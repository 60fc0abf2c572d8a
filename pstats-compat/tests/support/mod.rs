//! What the format tests share: one profile with every difficulty in it, and golden files.

#![allow(dead_code, reason = "each test file uses its part")]

use pstats_compat::{CallTree, Calls, Cut, Edge, Function, FunctionId, Node, NodeId, Profile, Text};

/// A profile with recursion, a built-in, two methods of one name, a name in other letters, markup
/// in a name, a file name that is not UTF-8, and a caller without a row.
pub fn sample() -> Profile {
    let calls = |ncalls, primitive_calls, tottime, cumtime| Calls {
        ncalls,
        primitive_calls,
        tottime,
        cumtime,
        ..Calls::default()
    };
    let function = |file: &str, line, name: &str, calls| Function::new(file.into(), line, name.into(), calls);
    let method = |line, name: &str, qualname: &str, calls| Function {
        qualname: Some(qualname.into()),
        ..function("app/shapes.py", line, name, calls)
    };
    let functions = vec![
        function("app/main.py", 1, "<module>", calls(1, 1, 0.001, 1.9385)),
        function("app/main.py", 10, "main", calls(1, 1, 0.125, 1.9375)),
        method(5, "area", "Square.area", calls(10, 10, 0.5, 0.75)),
        method(25, "area", "Round.area", calls(4, 4, 0.25, 0.25)),
        function("app/main.py", 30, "fib", calls(177, 2, 0.75, 0.75)),
        function("~", 0, "<built-in method builtins.len>", calls(10, 10, 0.25, 0.25)),
        function("app/über.py", 3, "grüße <&\"'>", calls(2, 2, 0.124, 0.124)),
        Function {
            caller_only: true,
            ..Function::new(Text::from_os_bytes(b"app/caf\xe9.py"), 8, "outer".into(), Calls::default())
        },
    ];
    let edge = |caller, callee, calls| Edge { caller: FunctionId(caller), callee: FunctionId(callee), calls };
    let edges = vec![
        edge(0, 1, calls(1, 1, 0.125, 1.9375)),
        edge(1, 2, calls(10, 10, 0.5, 0.75)),
        edge(1, 3, calls(4, 4, 0.25, 0.25)),
        edge(2, 5, calls(10, 10, 0.25, 0.25)),
        edge(1, 4, calls(2, 2, 0.03125, 0.75)),
        edge(4, 4, calls(175, 4, 0.71875, 0.625)),
        edge(1, 6, calls(1, 1, 0.0625, 0.0625)),
        edge(7, 6, calls(1, 1, 0.0615, 0.0615)),
    ];
    Profile::new(functions, edges)
}

/// The same with exact stacks.
pub fn sample_with_tree() -> Profile {
    let node = |parent: Option<u32>, function, ncalls, tottime| Node {
        parent: parent.map(NodeId),
        function: FunctionId(function),
        ncalls,
        tottime,
    };
    let tree = CallTree {
        nodes: vec![
            node(None, 0, 1, 0.001),
            node(Some(0), 1, 1, 0.125),
            node(Some(1), 2, 10, 0.5),
            node(Some(2), 5, 10, 0.25),
            node(Some(1), 3, 4, 0.25),
            node(Some(1), 4, 2, 0.03125),
            node(Some(5), 4, 4, 0.25),
            node(Some(6), 4, 171, 0.46875),
            node(Some(1), 6, 1, 0.0625),
            node(None, 6, 1, 0.0615),
        ],
        cut: Cut { calls: 3, seconds: 0.25 },
        threads: Vec::new(),
    };
    Profile { tree: Some(tree), ..sample() }
}

/// Compares with `tests/golden/{name}`. `PIKOS_BLESS=1` writes the file instead; then look at the
/// difference before it is committed.
pub fn assert_golden(name: &str, bytes: &[u8]) {
    let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("PIKOS_BLESS").is_some() {
        std::fs::write(&path, bytes).unwrap_or_else(|error| panic!("{path}: {error}"));
        return;
    }
    let golden = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    if golden != bytes {
        panic!(
            "{name} differs from its golden file:\n--- golden\n{}\n--- now\n{}",
            String::from_utf8_lossy(&golden),
            String::from_utf8_lossy(bytes)
        );
    }
}
