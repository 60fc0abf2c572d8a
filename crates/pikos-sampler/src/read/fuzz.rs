//! Looks at any bytes as a process: for the fuzz target, and for tests with random ones.

use std::cell::Cell;

use pikos_os::foreign_memory::Span;

use super::asyncio::{Lists, TaskLayout};
use super::layout::Layout;
use super::look::{Locals, Look};
use super::memory::{Gone, Memory};
use super::objects::optional;
use super::reader::Reader;
use super::running::Told;

/// Bytes that stand at every address which is a multiple of their length, except far up, where nothing is: most words in them are
/// pointers to something. A byte changes with each call, as those of a process do.
struct Image<'a> {
    bytes: &'a [u8],
    calls: Cell<usize>,
}

/// Nothing is from here on.
const END: usize = 1 << 40;

impl Memory for Image<'_> {
    fn copy(&self, spans: &[Span], into: &mut [u8]) -> Result<usize, Gone> {
        let calls = self.calls.replace(self.calls.get() + 1);
        let mut copied = 0;
        for span in spans {
            if span.at >= END {
                break;
            }
            for offset in 0..span.length {
                let at = (span.at + offset) % self.bytes.len();
                into[copied + offset] =
                    self.bytes[at] ^ u8::from(at == calls.wrapping_mul(61) % (8 * self.bytes.len()));
            }
            copied += span.length;
        }
        Ok(copied)
    }
}

/// Few variables, in few words.
fn are_short(all: &[Option<Locals>]) {
    for locals in all.iter().flatten() {
        assert!(locals.values.len() <= 256, "{}", locals.values.len());
        let texts =
            locals.values.iter().map(|(name, value)| name.len() + value.as_ref().map_or(0, String::len));
        assert!(texts.max().unwrap_or(0) < 4096, "names and values are bounded");
    }
}

/// Looks some times at bytes, the first of which says which release they are taken for.
pub fn look_at(bytes: &[u8]) {
    let Some((&choice, image)) = bytes.split_first() else { return };
    if image.len() < 64 {
        return;
    }
    let told = Layout::told(image).and_then(|told| told.layout);
    let known = Layout::known(11 + choice % 2).expect("two are known");
    let layout = told.unwrap_or(known);
    let memory = Image { bytes: image, calls: Cell::new(0) };
    let mut reader = Reader::new(layout, 0);
    let _ = reader.find_code_type(&memory);
    // A type that would have been found in a real process.
    reader.codes.of_type = usize::from_le_bytes(*image.first_chunk().expect("it is longer"));
    let mut look = Look::default();
    let small = Lists {
        node: 48,
        awaited_by: 32,
        awaited_by_is_set: 40,
        of_thread: 16,
        of_interpreter: 24,
        running: 8,
    };
    let tasks = match choice / 2 % 2 {
        0 => TaskLayout::known(reader.minor()),
        _ => TaskLayout { coroutine: 16, name: 24, lists: Some(small) },
    };
    for _ in 0..3 {
        reader.look(&memory, &mut look).expect("an image doesn't end");
        for thread in &look.threads {
            for frame in look.stack(thread) {
                let code = reader.codes.code(frame.code).expect("a frame has a function");
                assert!(code.name.len() <= 4 * 4096, "names are bounded");
                reader.codes.line(frame.code, usize::try_from(frame.instruction).unwrap_or(0));
            }
            let locals = reader.locals_of_thread(&memory, thread.ident, look.stack(thread));
            are_short(&locals.expect("an image doesn't end"));
        }
        let dict = Told::ByDict(usize::from_le_bytes(*image.last_chunk().expect("it is longer")));
        let told = reader.told_of_running(&memory, tasks).expect("an image doesn't end");
        for told in [dict].into_iter().chain(told) {
            reader.name_running(&memory, tasks, told, &mut look).expect("an image doesn't end");
            for thread in &look.threads {
                let frames = thread.task.as_ref().map_or(0, |task| task.frames);
                assert!(frames <= look.stack(thread).len(), "frames of the stack");
            }
        }
        let tasks = reader.tasks(&memory, tasks).expect("an image doesn't end");
        for task in &tasks.list {
            assert!(task.name.len() <= 4 * 61, "names are bounded");
            assert!(task.awaited_by.iter().all(|by| *by < tasks.list.len()), "a task of the list");
            are_short(&reader.locals(&memory, &task.frames, &task.places).expect("an image doesn't end"));
        }
        // What is there is something, or it isn't: any address.
        for word in image.chunks_exact(8).take(64) {
            let at = u64::from_le_bytes(word.try_into().expect("eight bytes")) as usize;
            if let Some(text) = optional(reader.short(&memory, at)).expect("an image doesn't end") {
                assert!(text.len() < 2048, "{text}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_are_a_process() {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut random = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        for round in 0..400 {
            let words = 16 + (random() % 200) as usize;
            let mut image = vec![round as u8];
            for _ in 0..words {
                let word = match random() % 6 {
                    0 => 0,
                    1 => random(),
                    2 => random() % 8,
                    // A string's state, in the middle of which a code object may stand as well.
                    3 => 0x64 | (random() % 4) << 32,
                    _ => 8 * (random() % words as u64),
                };
                image.extend_from_slice(&word.to_le_bytes());
            }
            look_at(&image);
        }
    }
}
