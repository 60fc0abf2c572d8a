//! Memory for the moment in which there is none left.
//!
//! Rust ends the process where an allocation fails. A program that lives at its limit, catches its MemoryErrors and goes on must
//! not end because we wanted a few bytes just then. So our allocations go through [`Allocator`]: what the system refuses comes
//! out of a reserve that was asked for when there was room. A thread that nobody waits for ([`this_thread_waits`]) first gives
//! the program a moment to free what it has taken. Who wants much asks [`room`] before.
//!
//! The reserve costs address space; memory it takes only while it is in use. It is a stack with a count: what is freed on top
//! is free at once, the rest when all is.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::time::Duration;

use crate::thread::address;

/// The size of the reserve, in bytes.
const SIZE: usize = 4 << 20;
/// Threads that wait: one for each live profile, and there is hardly ever more than one.
const WAITERS: usize = 16;
/// How long they wait before they take from the reserve, and how long where there is nothing left in it.
const SHORT: u32 = 10;
const LONG: u32 = 3_000;

static RESERVE: Reserve = Reserve {
    start: AtomicPtr::new(ptr::null_mut()),
    is_locked: AtomicBool::new(false),
    top: AtomicUsize::new(0),
    count: AtomicUsize::new(0),
};

/// By their addresses; 0 is a free place.
static WAITING: [AtomicUsize; WAITERS] = [const { AtomicUsize::new(0) }; WAITERS];

struct Reserve {
    /// Null while there is none.
    start: AtomicPtr<u8>,
    is_locked: AtomicBool,
    /// What is taken ends here.
    top: AtomicUsize,
    /// How many pieces are taken.
    count: AtomicUsize,
}

/// Asks for the reserve, if there is none yet. A system that has no room for it gives none, and all is as without.
pub fn hold() {
    if !RESERVE.start.load(Ordering::Acquire).is_null() {
        return;
    }
    let Some(start) = map(SIZE) else { return };
    let set = RESERVE.start.compare_exchange(ptr::null_mut(), start, Ordering::AcqRel, Ordering::Acquire);
    if set.is_err() {
        unmap(start, SIZE);
    }
}

/// From now on the running thread waits for memory. The thread must not hold anything that those who could free some wait for.
pub fn this_thread_waits() -> Waiter {
    let here = address();
    let free =
        |place: &&AtomicUsize| place.compare_exchange(0, here, Ordering::Relaxed, Ordering::Relaxed).is_ok();
    Waiter(WAITING.iter().find(free))
}

/// As long as it lives, its thread waits for memory.
pub struct Waiter(Option<&'static AtomicUsize>);

impl Drop for Waiter {
    fn drop(&mut self) {
        if let Some(place) = self.0 {
            place.store(0, Ordering::Relaxed);
        }
    }
}

/// How much more address space the process may have, in bytes; `None` where there is no limit, or none that we know of.
pub fn room() -> Option<u64> {
    let limit = limit()?;
    Some(limit.saturating_sub(crate::memory::Meter::open().read().vms))
}

/// Takes from the reserve what the system refuses.
pub struct Allocator;

// SAFETY: pieces of the reserve are as large and as aligned as asked for, apart from each other, and kept until they are freed;
// all others are the system allocator's. Nothing here unwinds.
// Never inlined: memory is asked for at thousands of places, and the extension would grow by an eighth.
unsafe impl GlobalAlloc for Allocator {
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        let found = unsafe { System.alloc(layout) };
        if found.is_null() { instead(layout) } else { found }
    }

    #[inline(never)]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        let found = unsafe { System.alloc_zeroed(layout) };
        if !found.is_null() {
            return found;
        }
        let found = instead(layout);
        if !found.is_null() {
            // SAFETY: it is as long as the layout, and nobody else's.
            unsafe { found.write_bytes(0, layout.size()) };
        }
        found
    }

    #[inline(never)]
    unsafe fn dealloc(&self, found: *mut u8, layout: Layout) {
        if RESERVE.has(found) {
            RESERVE.give_back(found, layout);
        } else {
            // SAFETY: the caller's promise, and it isn't ours, so it is the system's.
            unsafe { System.dealloc(found, layout) }
        }
    }

    #[inline(never)]
    unsafe fn realloc(&self, found: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !RESERVE.has(found) {
            // SAFETY: the caller's promise, and it isn't ours.
            let moved = unsafe { System.realloc(found, layout, size) };
            if !moved.is_null() {
                return moved;
            }
        }
        // SAFETY: the caller promises that the new size fits this alignment.
        let new = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: the size isn't zero, as the caller promises.
        let moved = unsafe { self.alloc(new) };
        if !moved.is_null() {
            // SAFETY: both are at least so long, and a new piece overlaps no other.
            unsafe { ptr::copy_nonoverlapping(found, moved, layout.size().min(size)) };
            // SAFETY: it was given out with this layout, and isn't used any more.
            unsafe { self.dealloc(found, layout) };
        }
        moved
    }
}

#[cold]
fn instead(layout: Layout) -> *mut u8 {
    let here = address();
    let waits = WAITING.iter().any(|place| place.load(Ordering::Relaxed) == here);
    let again = |milliseconds: u32| {
        (0..milliseconds).find_map(|_| {
            std::thread::sleep(Duration::from_millis(1));
            // SAFETY: whoever asked has promised that the size isn't zero.
            let found = unsafe { System.alloc(layout) };
            (!found.is_null()).then_some(found)
        })
    };
    let soon = if waits { again(SHORT) } else { None };
    let found = soon.or_else(|| RESERVE.take(layout));
    found.or_else(|| if waits { again(LONG) } else { None }).unwrap_or(ptr::null_mut())
}

impl Reserve {
    fn has(&self, piece: *mut u8) -> bool {
        let start = self.start.load(Ordering::Relaxed);
        piece.addr().wrapping_sub(start.addr()) < SIZE && !start.is_null()
    }

    fn take(&self, layout: Layout) -> Option<*mut u8> {
        let start = self.start.load(Ordering::Acquire);
        if start.is_null() {
            return None;
        }
        self.locked(|| {
            let place = self.top.load(Ordering::Relaxed).checked_next_multiple_of(layout.align())?;
            let end = place.checked_add(layout.size()).filter(|end| *end <= SIZE)?;
            self.top.store(end, Ordering::Relaxed);
            self.count.fetch_add(1, Ordering::Relaxed);
            // Within the reserve, which begins at a page.
            Some(start.wrapping_add(place))
        })
    }

    fn give_back(&self, piece: *mut u8, layout: Layout) {
        let place = piece.addr() - self.start.load(Ordering::Relaxed).addr();
        self.locked(|| {
            let is_last = self.count.fetch_sub(1, Ordering::Relaxed) == 1;
            if is_last {
                self.top.store(0, Ordering::Relaxed);
            } else if self.top.load(Ordering::Relaxed) == place + layout.size() {
                self.top.store(place, Ordering::Relaxed);
            }
        });
    }

    /// A few instructions long, and never held while anything is called.
    fn locked<T>(&self, act: impl FnOnce() -> T) -> T {
        while self.is_locked.compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed).is_err()
        {
            std::thread::yield_now();
        }
        let result = act();
        self.is_locked.store(false, Ordering::Release);
        result
    }
}

#[cfg(unix)]
fn map(size: usize) -> Option<*mut u8> {
    // SAFETY: a new mapping, which takes the place of no other.
    let found = unsafe {
        libc::mmap(
            ptr::null_mut(),
            size,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    (found != libc::MAP_FAILED).then_some(found.cast())
}

#[cfg(unix)]
fn unmap(start: *mut u8, size: usize) {
    // SAFETY: it was mapped with this size, and nobody has been told of it.
    unsafe { libc::munmap(start.cast(), size) };
}

#[cfg(unix)]
fn limit() -> Option<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the struct is ours to be written to.
    let is_known = unsafe { libc::getrlimit(libc::RLIMIT_AS, &raw mut limit) } == 0;
    (is_known && limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
}

#[cfg(not(unix))]
use crate::elsewhere::{address_limit as limit, map_memory as map, unmap_memory as unmap};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_apart_and_come_back() {
        hold();
        hold();
        let layout = |size, align| Layout::from_size_align(size, align).unwrap();
        let (a, b, c) = (layout(10, 1), layout(100, 64), layout(1 << 20, 4096));
        let pieces: Vec<_> =
            [a, b, c].into_iter().map(|layout| (RESERVE.take(layout).unwrap(), layout)).collect();
        for (piece, layout) in &pieces {
            assert!(RESERVE.has(*piece) && piece.addr() % layout.align() == 0);
            // SAFETY: it was given out with this size.
            unsafe { piece.write_bytes(7, layout.size()) };
        }
        assert!(RESERVE.take(layout(SIZE, 1)).is_none());
        // From the top, and what remains all at once.
        RESERVE.give_back(pieces[2].0, c);
        assert_eq!(RESERVE.take(c), Some(pieces[2].0));
        for (piece, layout) in pieces {
            RESERVE.give_back(piece, layout);
        }
        let all = layout(SIZE, 1);
        let whole = RESERVE.take(all).unwrap();
        RESERVE.give_back(whole, all);
        assert!(!RESERVE.has(ptr::null_mut()) && !RESERVE.has(whole.wrapping_add(SIZE)));
        // What was in the reserve moves out of it when it grows, and is what it was.
        let small = RESERVE.take(a).unwrap();
        // SAFETY: as large as the layout says; freed once.
        unsafe {
            small.write_bytes(9, 10);
            let moved = Allocator.realloc(small, a, 1000);
            assert!(!RESERVE.has(moved));
            assert_eq!(std::slice::from_raw_parts(moved, 10), [9; 10]);
            Allocator.dealloc(moved, layout(1000, 1));
        }
        // A thread that waits gets it in the end.
        let _waits = this_thread_waits();
        let found = instead(a);
        assert!(!found.is_null() && !RESERVE.has(found));
        // SAFETY: allocated above with this layout.
        unsafe { Allocator.dealloc(found, a) };
    }
}
