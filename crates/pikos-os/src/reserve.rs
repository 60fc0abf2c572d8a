//! Memory for the moment in which there is none left.
//!
//! Rust ends the process where an allocation fails, and so does libzmq. A program that lives at its limit, catches its
//! MemoryErrors and goes on must not end because we wanted a few bytes just then. So what the system refuses to the extension,
//! in whatever language it asks, comes out of a reserve that was asked for when there was room ([`instead`]). A thread that
//! nobody waits for ([`this_thread_waits`]) first gives the program a moment to free what it has taken. Who wants much asks
//! [`room`] before.
//!
//! The reserve costs address space; memory it takes only while it is in use. It is a row of blocks, each with a head that says
//! how long it is; free ones that stand side by side become one.

use std::alloc::Layout;
use std::mem::size_of;
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

static RESERVE: Reserve =
    Reserve { start: AtomicPtr::new(ptr::null_mut()), is_locked: AtomicBool::new(false) };

/// By their addresses; 0 is a free place.
static WAITING: [AtomicUsize; WAITERS] = [const { AtomicUsize::new(0) }; WAITERS];

struct Reserve {
    /// Null while there is none.
    start: AtomicPtr<u8>,
    is_locked: AtomicBool,
}

/// In front of each block.
#[repr(C, align(16))]
struct Head {
    /// Of what follows, in bytes: a multiple of [`HEAD`].
    size: usize,
    is_free: bool,
}

/// Its size, and what blocks are multiples of.
const HEAD: usize = size_of::<Head>();

/// Asks for the reserve, if there is none yet. A system that has no room for it gives none, and all is as without.
pub fn hold() {
    if !RESERVE.start.load(Ordering::Acquire).is_null() {
        return;
    }
    let Some(start) = map(SIZE) else { return };
    // SAFETY: it is as long, begins at a page, and nobody knows of it yet.
    unsafe { start.cast::<Head>().write(Head { size: SIZE - HEAD, is_free: true }) };
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

/// What the system has refused, from the reserve; null if there is no more of it. A thread that waits asks `again` meanwhile.
#[cold]
pub fn instead(layout: Layout, again: impl Fn() -> *mut u8) -> *mut u8 {
    let here = address();
    let waits = WAITING.iter().any(|place| place.load(Ordering::Relaxed) == here);
    let soon = |milliseconds: u32| {
        (0..milliseconds).find_map(|_| {
            std::thread::sleep(Duration::from_millis(1));
            let found = again();
            (!found.is_null()).then_some(found)
        })
    };
    let found = if waits { soon(SHORT) } else { None };
    let found = found.or_else(|| RESERVE.take(layout));
    found.or_else(|| if waits { soon(LONG) } else { None }).unwrap_or(ptr::null_mut())
}

/// Whether this piece is of the reserve.
#[inline]
pub fn has(piece: *mut u8) -> bool {
    RESERVE.has(piece)
}

/// How much may be written to a piece of the reserve.
///
/// # Safety
/// [`instead`] gave it, and it was not given back.
pub unsafe fn size(piece: *mut u8) -> usize {
    // SAFETY: by this function's contract there is a head in front of it, which stays until it is given back.
    unsafe { (*head(piece)).size }
}

/// Gives a piece back to the reserve.
///
/// # Safety
/// [`instead`] gave it, and nobody uses it any more.
pub unsafe fn give_back(piece: *mut u8) {
    // SAFETY: by this function's contract.
    RESERVE.locked(|| unsafe { (*head(piece)).is_free = true });
}

/// What stands in front of a block.
fn head(block: *mut u8) -> *mut Head {
    block.wrapping_sub(HEAD).cast()
}

impl Reserve {
    #[inline]
    fn has(&self, piece: *mut u8) -> bool {
        let start = self.start.load(Ordering::Relaxed);
        piece.addr().wrapping_sub(start.addr()) < SIZE && !start.is_null()
    }

    /// The first block that is free and large enough.
    fn take(&self, layout: Layout) -> Option<*mut u8> {
        let start = self.start.load(Ordering::Acquire);
        if start.is_null() {
            return None;
        }
        let size = layout.size().max(1).checked_next_multiple_of(HEAD)?;
        let end = start.addr() + SIZE;
        self.locked(|| {
            let mut block = start.wrapping_add(HEAD);
            while block.addr() < end {
                // SAFETY: blocks follow each other up to the end, each with a head in front, and we hold the lock.
                let Head { size: found, is_free } = unsafe { &mut *head(block) };
                if *is_free {
                    loop {
                        let next = block.wrapping_add(*found + HEAD);
                        // SAFETY: as above.
                        match unsafe { (next.addr() < end).then(|| &*head(next)) } {
                            Some(Head { size, is_free: true }) => *found += HEAD + size,
                            _ => break,
                        }
                    }
                    // What is in front of an aligned piece is a block of its own, whose own bytes may be none.
                    let front = block.addr().next_multiple_of(layout.align()) - block.addr();
                    if front.checked_add(size).is_some_and(|needed| needed <= *found) {
                        let piece = block.wrapping_add(front);
                        let whole = *found - front;
                        if front > 0 {
                            *found = front - HEAD;
                        }
                        let rest = whole - size;
                        let kept = if rest >= HEAD { size } else { whole };
                        // SAFETY: both places are within the block that was found free.
                        unsafe {
                            head(piece).write(Head { size: kept, is_free: false });
                            if rest >= HEAD {
                                head(piece.wrapping_add(size + HEAD))
                                    .write(Head { size: rest - HEAD, is_free: true });
                            }
                        }
                        return Some(piece);
                    }
                }
                block = block.wrapping_add(*found + HEAD);
            }
            None
        })
    }

    /// As long as a walk over the blocks, and never held while anything is called.
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

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    /// A piece, all of which is written to.
    fn take(size: usize, align: usize) -> Option<*mut u8> {
        let piece = RESERVE.take(layout(size, align))?;
        assert!(has(piece) && piece.addr() % align == 0);
        // SAFETY: it was given out with this size, or more.
        unsafe {
            assert!(super::size(piece) >= size);
            piece.write_bytes(7, super::size(piece));
        }
        Some(piece)
    }

    #[test]
    fn pieces_are_apart_and_come_back_in_any_order() {
        hold();
        hold();
        let most = SIZE - HEAD;
        let mut pieces: Vec<_> = (0..200)
            .map(|number| {
                let (size, align) = (number * 37 % 5000, 1 << (number % 13));
                (take(size, align).unwrap(), size)
            })
            .collect();
        for (at, (piece, size)) in pieces.iter().enumerate() {
            // SAFETY: as large as it was asked for.
            unsafe { piece.write_bytes(at as u8, *size) };
        }
        for (at, (piece, size)) in pieces.iter().enumerate() {
            // SAFETY: as above.
            let found = unsafe { std::slice::from_raw_parts(*piece, *size) };
            assert!(found.iter().all(|byte| *byte == at as u8));
        }
        assert!(take(most, 1).is_none());
        // Every second one, then the others: what lies between is found again.
        let (odd, even): (Vec<_>, Vec<_>) = pieces.drain(..).enumerate().partition(|(at, _)| at % 2 == 1);
        for (_, (piece, _)) in odd.into_iter().chain(even) {
            // SAFETY: given out once, and used no more.
            unsafe { give_back(piece) };
        }
        let whole = take(most, 1).unwrap();
        assert!(take(1, 1).is_none());
        assert!(!has(ptr::null_mut()) && !has(whole.wrapping_add(most)));
        // SAFETY: as above.
        unsafe { give_back(whole) };
        assert!(RESERVE.take(layout(usize::MAX / 2, 1)).is_none());

        // A thread that waits takes what the system has by then; one that doesn't, takes at once.
        let mut found = 0_u8;
        let system = ptr::from_mut(&mut found);
        let at_once = instead(layout(10, 1), || system);
        assert!(has(at_once));
        let _waits = this_thread_waits();
        assert_eq!(instead(layout(10, 1), || system), system);
        // SAFETY: as above.
        unsafe { give_back(at_once) };
        let whole = take(most, 1).unwrap();
        // SAFETY: as above.
        unsafe { give_back(whole) };
    }
}
