//! What is known, as bytes on disk.
//!
//! ```text
//!  PIKOSCOLLECTED 1\n     when the slice began: a double
//!  part, part, …          kind: a letter; id, host, program, thread: a length (u32) and UTF-8 each; a length (u64) and a .pikos file
//!  Z                      the end: without it something is missing
//! ```
//! Kinds: `E` of processes that have ended, `S` of one that hasn't, `B` of all when the slice began. Numbers are little-endian.

use pstats_compat::Profile;
use pstats_compat::formats::{Format, Output, ReadOptions, read_from};

use crate::collection::{Memory, Sums};
use crate::key::Key;

const HEAD: &[u8] = b"PIKOSCOLLECTED 1\n";
/// No text in it is longer, in bytes.
const MOST_TEXT: usize = 4096;

/// What is written and read.
#[derive(Debug, Default, PartialEq)]
pub struct State {
    /// What is known of all processes.
    pub memory: Memory,
    /// When the slice began that goes on: seconds since 1970.
    pub began: f64,
    /// What was known then.
    pub then: Sums,
}

/// As bytes.
pub fn encode(state: &State) -> pstats_compat::Result<Vec<u8>> {
    let mut bytes = HEAD.to_vec();
    bytes.extend(state.began.to_le_bytes());
    for (key, profile) in &state.memory.ended {
        write(&mut bytes, b'E', "", key, profile)?;
    }
    for (id, parts) in &state.memory.streams {
        for (key, profile) in parts {
            write(&mut bytes, b'S', id, key, profile)?;
        }
    }
    for (key, profile) in &state.then {
        write(&mut bytes, b'B', "", key, profile)?;
    }
    bytes.push(b'Z');
    Ok(bytes)
}

fn write(bytes: &mut Vec<u8>, kind: u8, id: &str, key: &Key, profile: &Profile) -> pstats_compat::Result<()> {
    bytes.push(kind);
    for text in [id, &key.host, &key.program, &key.thread] {
        bytes.extend((text.len() as u32).to_le_bytes());
        bytes.extend(text.as_bytes());
    }
    let mut content = Vec::new();
    Output::new(profile, Format::Pikos).write(&mut content)?;
    bytes.extend((content.len() as u64).to_le_bytes());
    bytes.extend(content);
    Ok(())
}

/// From bytes; nothing if they are not whole.
pub fn decode(mut bytes: &[u8]) -> Option<State> {
    let bytes = &mut bytes;
    if take(bytes, HEAD.len())? != HEAD {
        return None;
    }
    let mut state = State { began: f64::from_le_bytes(take(bytes, 8)?.try_into().ok()?), ..State::default() };
    if !(state.began.is_finite() && state.began >= 0.0) {
        return None;
    }
    loop {
        let kind = take(bytes, 1)?[0];
        if kind == b'Z' {
            return Some(state);
        }
        let [id, host, program, thread] = [text(bytes)?, text(bytes)?, text(bytes)?, text(bytes)?];
        let length = u64::from_le_bytes(take(bytes, 8)?.try_into().ok()?);
        let content = take(bytes, usize::try_from(length).ok()?)?;
        let options = ReadOptions { format: Some(Format::Pikos), ..ReadOptions::default() };
        let profile = read_from(content, None, &options).ok()?;
        let key = Key { host, program, thread };
        match kind {
            b'E' => drop(state.memory.ended.insert(key, profile)),
            b'B' => drop(state.then.insert(key, profile)),
            b'S' => match state.memory.streams.last_mut() {
                Some((last, parts)) if *last == id => parts.push((key, profile)),
                _ => state.memory.streams.push((id, vec![(key, profile)])),
            },
            _ => return None,
        }
    }
}

fn take<'b>(bytes: &mut &'b [u8], length: usize) -> Option<&'b [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

fn text(bytes: &mut &[u8]) -> Option<String> {
    let length = u32::from_le_bytes(take(bytes, 4)?.try_into().ok()?) as usize;
    let text = take(bytes, Some(length).filter(|length| *length <= MOST_TEXT)?)?;
    String::from_utf8(text.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use pstats_compat::{Calls, Function, LabelSet};

    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_that_is_cut_short() {
        let calls = Calls { ncalls: 3, primitive_calls: 2, tottime: 0.5, cumtime: 1.5, ..Calls::default() };
        let profile = Profile::new(vec![Function::new("a.py".into(), 1, "f".into(), calls)], Vec::new());
        let key = |thread: &str| Key { host: "h".into(), program: "p".into(), thread: thread.into() };
        let streams = vec![
            ("one".to_owned(), vec![(key("a"), profile.clone()), (key("b"), profile.clone())]),
            ("two".to_owned(), vec![(key("a"), profile.clone())]),
        ];
        let labels = vec![("route".into(), "/pay".into()), ("tenant".into(), "ü".into())];
        let label_sets = [Vec::new(), labels].map(|labels| LabelSet { labels, profile: profile.clone() });
        let labelled = Profile { label_sets: label_sets.into(), ..profile.clone() };
        let ended = Sums::from([(key("a"), labelled)]);
        let then = Sums::from([(key("ü"), profile)]);
        let state = State { memory: Memory { ended, streams }, began: 12.5, then };
        let bytes = encode(&state).expect("in memory");
        assert_eq!(decode(&bytes), Some(state));
        for length in 0..bytes.len() {
            assert_eq!(decode(&bytes[..length]), None, "{length}");
        }
        let mut lies = bytes.clone();
        let place = HEAD.len() + 8 + 1;
        lies[place..place + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(decode(&lies), None);
    }
}
