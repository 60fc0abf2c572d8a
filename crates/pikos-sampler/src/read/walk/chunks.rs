//! Where a thread's data stack is: chunks, which come and go.

use super::super::memory::word;
use super::copy::{CHUNK_HEAD, CHUNKS, Copy, TOP};
use super::thread::{Region, Thread};

/// Bytes of a data stack that are copied.
const BYTES: usize = 4 << 20;
/// How much is copied beyond what was in use at the last look: calls may have come.
const SLACK: usize = 768;

impl Copy<'_> {
    /// Adapts where the data stack is copied from to where it is now. Whether it was copied whole.
    pub fn follow_chunks(&self, thread: &mut Thread, chunk: usize, top: usize) -> bool {
        let used = top.wrapping_sub(chunk);
        if !(1..TOP).contains(&chunk) || !(CHUNK_HEAD..=BYTES).contains(&used) {
            thread.regions.clear();
            return false;
        }
        match thread.regions.iter().position(|region| region.start == chunk) {
            Some(0) => {}
            Some(popped) => {
                thread.regions.drain(..popped);
                return false;
            }
            None => {
                thread.regions.insert(0, Region { start: chunk, length: used });
                thread.regions.truncate(CHUNKS);
                return false;
            }
        }
        let mut whole = true;
        let mut total = 0;
        let mut index = 0;
        while index < thread.regions.len() {
            let region = thread.regions[index];
            let head = thread.asked.copies[0].get(index).and_then(|piece| self.batch.get(*piece));
            let Some((previous, size, filled)) =
                head.and_then(|head| Some((word(head, 0)?, word(head, 8)?, word(head, 16)?)))
            else {
                thread.regions.truncate(index.max(1));
                if index == 0 {
                    thread.regions[0].length = used;
                }
                return false;
            };
            let (needed, wanted) = if index == 0 {
                (used, (used + SLACK).min(size))
            } else {
                let used = filled.saturating_mul(8).saturating_add(CHUNK_HEAD);
                (used, used)
            };
            total = needed.saturating_add(total);
            if total > BYTES {
                thread.regions.truncate(index);
                break;
            }
            whole &= region.length >= needed;
            thread.regions[index].length = wanted.max(needed);
            if let Some(next) = thread.regions.get(index + 1)
                && next.start != previous
            {
                thread.regions.truncate(index + 1);
            }
            index += 1;
        }
        whole
    }
}
