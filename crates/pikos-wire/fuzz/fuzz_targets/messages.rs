//! Any bytes as the frames of one stream, cut at each [`CUT`]: what a listener does with them, and all that a
//! viewer asks after each.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pikos_client::{Applied, Model};
use pikos_wire::Message;
use pstats_compat::formats::pstats;

/// MessagePack never begins a value with it, so that few messages hold it.
const CUT: [u8; 2] = [0xC1, 0xC1];

fuzz_target!(|bytes: &[u8]| {
    let mut model = Model::default();
    let mut rest = bytes;
    while !rest.is_empty() {
        let end = rest.windows(CUT.len()).position(|window| window == CUT);
        let (frame, after) = end.map_or((rest, &[][..]), |end| (&rest[..end], &rest[end + CUT.len()..]));
        rest = after;
        let Ok(message) = Message::decode(frame) else { continue };
        let encoded = message.encode();
        assert_eq!(Message::decode(&encoded).expect("our own message").encode(), encoded);
        let seq = model.seq();
        match model.apply(message) {
            Ok(Applied::Taken) => assert!(model.seq() > seq),
            Ok(Applied::Old) | Err(_) => assert_eq!(model.seq(), seq),
        }
        look(&model);
        assert!(model.names().len() <= bytes.len(), "memory beyond what was sent");
        assert!(model.edges(None, None).len() <= bytes.len(), "memory beyond what was sent");
        let stacks = model.stacks(None).unwrap_or_default();
        assert!(stacks.len() <= bytes.len() + 1, "memory beyond what was sent");
    }
    let mut file = Vec::new();
    // A count may be too large for the format, and then it says so.
    if pstats::write(&model.profile(None), &mut file).is_ok() {
        pstats::read(&file).expect("our own file");
    }
});

/// Asks for whatever a viewer asks for.
fn look(model: &Model) {
    let threads = model.threads().iter().map(|row| Some(row.thread));
    for thread in threads.take(4).chain([None]) {
        let (_, ticks) = model.sum(thread);
        model.seconds(ticks);
        for name in model.names() {
            if let Some(figures) = model.function(thread, name.function) {
                model.as_ended(&figures);
            }
            for (pair, figures) in model.edges(Some(name.function), thread) {
                assert!(pair.0 == name.function || pair.1 == name.function);
                model.as_ended(&figures);
            }
        }
        let profile = model.profile(thread);
        pstats_compat::check::check(&profile);
        assert!(profile.tree.as_ref().is_none_or(|tree| tree.is_sound(profile.functions.len())));
        assert_eq!(profile.tree.is_some(), model.stacks(thread).is_some());
    }
}
