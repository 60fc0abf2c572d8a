//! Any bytes as a request and as a reply: an error, or the same again when written and read.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pikos_wire::{Reply, Request};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(request) = Request::decode(bytes) {
        let encoded = request.encode();
        assert_eq!(Request::decode(&encoded).expect("our own request").encode(), encoded);
    }
    if let Ok(reply) = Reply::decode(bytes) {
        let encoded = reply.encode();
        assert_eq!(Reply::decode(&encoded).expect("our own reply").encode(), encoded);
    }
});
