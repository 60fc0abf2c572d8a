//! Any text as what a request says: a query, a cookie, a scope, an id of an event. Nothing, or what was written.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pikos_serve::fuzz::{EventId, Scoped, cookie, query};

fuzz_target!(|text: &str| {
    for name in ["scope", "token", "from", ""] {
        if let Some(value) = query(text, name) {
            assert!(value.len() <= text.len(), "nothing grows");
        }
        assert!(cookie(text, name).all(|value| text.contains(value)));
    }
    if let Some(id) = EventId::parse(text) {
        assert_eq!(EventId::parse(&id.to_string()), Some(id));
    }
    if let Some(scoped) = Scoped::parse(text) {
        let written = match scoped {
            Scoped::All => "all".to_owned(),
            Scoped::Files => "files".to_owned(),
            Scoped::Process(process) => format!("p{}", process.0),
            Scoped::Thread(process, thread) => format!("p{}:{thread}", process.0),
            Scoped::File(file) => format!("f{}", file.0),
        };
        assert_eq!(written, text, "a scope is written in one way");
    }
});
