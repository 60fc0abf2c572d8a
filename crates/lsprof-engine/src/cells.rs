//! Shared cells: numbers that one thread writes and any other may read, without a lock.
//!
//! ```text
//!  one thread writes ──> Entry, Edge, Frame in arenas whose addresses never change <── any thread reads
//! ```
//!
//! All the engine's unsafe code is in this file. It rests on three rules, which the types here enforce
//! together with the recorder that owns them:
//! 1. **Addresses never change.** An [`Arena`] only grows, chunk by chunk, and is freed as a whole. A
//!    [`Link`] into an arena is only ever kept by something that keeps the arena alive.
//! 2. **One writer.** Only the recorder's own thread (or whoever holds the GIL while that thread can't
//!    run) calls [`Cell64::set`] and the like. Readers see each number whole, though not all numbers of
//!    one moment: a call that is just being counted may show in one cell and not yet in its neighbour.
//! 3. **Order where it matters.** Whoever follows a link, or counts an arena's elements, sees all that was written before.
//!    Whoever has seen a call's counters, and then calls [`look_after`], doesn't see the call open any more
//!    ([`show_before`]). `tests/ordering.rs` tries every order that the language allows.

use std::mem::MaybeUninit;
use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::sync::atomic::Ordering;

use self::memory::{AtomicPtr, AtomicU8, AtomicU64, AtomicUsize, Slot, fence};
use crate::clock::Ticks;

/// A number with one writer and many readers: a plain load and store on every CPU we know.
#[derive(Debug, Default)]
pub struct Cell64(AtomicU64);

impl Cell64 {
    /// A cell with something in it.
    pub fn with(value: u64) -> Self {
        Self(AtomicU64::new(value))
    }

    /// Reads it; any thread.
    #[inline(always)]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Writes it; the writer only.
    #[inline(always)]
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Adds to it, wrapping; the writer only. No locked instruction: nobody else writes.
    #[inline(always)]
    pub fn add(&self, more: u64) {
        self.set(self.get().wrapping_add(more));
    }

    /// Reads it as a time.
    #[inline(always)]
    pub fn ticks(&self) -> Ticks {
        Ticks(self.get())
    }

    /// Adds a time to it; the writer only.
    #[inline(always)]
    pub fn add_ticks(&self, more: Ticks) {
        self.add(more.0);
    }
}

/// A small number, likewise.
#[derive(Debug, Default)]
pub struct Cell8(AtomicU8);

impl Cell8 {
    /// Reads it; any thread.
    #[inline(always)]
    pub fn get(&self) -> u8 {
        self.0.load(Ordering::Relaxed)
    }

    /// Writes it; the writer only.
    #[inline(always)]
    pub fn set(&self, value: u8) {
        self.0.store(value, Ordering::Relaxed);
    }
}

/// What the writer has written so far is seen by whoever sees anything that it writes from now on, and calls
/// [`look_after`] before looking. No instruction on x86.
#[inline(always)]
pub fn show_before() {
    fence(Ordering::Release);
}

/// What a reader looks at from now on is no older than what it has seen; see [`show_before`].
#[inline(always)]
pub fn look_after() {
    fence(Ordering::Acquire);
}

/// A reference to something in an arena, without a lifetime: see rule 1 of this module.
pub struct Link<T>(NonNull<Slot<T>>);

impl<T> Clone for Link<T> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Link<T> {}

impl<T> std::fmt::Debug for Link<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:p}", self.0)
    }
}

impl<T> PartialEq for Link<T> {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T> Eq for Link<T> {}

impl<T> Link<T> {
    /// The address, for hashing.
    #[inline(always)]
    pub fn address(self) -> usize {
        self.0.addr().get()
    }
}

impl<T> Deref for Link<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: a Link points into an arena, whose addresses don't change, and is kept only by what
        // keeps that arena alive (rule 1). Nothing in an arena is ever borrowed mutably.
        memory::value(unsafe { self.0.as_ref() })
    }
}

// SAFETY: what a Link points at is Sync itself (the bound), and the Link is no more than its address.
unsafe impl<T: Sync> Send for Link<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Link<T> {}

/// A place for a [`Link`] that one thread sets and any other may follow.
#[derive(Debug)]
pub struct LinkCell<T>(AtomicPtr<Slot<T>>);

impl<T> LinkCell<T> {
    /// An empty place.
    pub fn empty() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// What is there. `Acquire`, so that a reader sees what the writer wrote before it set the link;
    /// on x86 and for the writer itself this is a plain load.
    #[inline(always)]
    pub fn get(&self) -> Option<Link<T>> {
        NonNull::new(self.0.load(Ordering::Acquire)).map(Link)
    }

    /// Sets it; the writer only.
    #[inline(always)]
    pub fn set(&self, link: Link<T>) {
        self.0.store(link.0.as_ptr(), Ordering::Release);
    }
}

/// A [`LinkCell`] that is never empty.
#[derive(Debug)]
pub struct FullCell<T>(AtomicPtr<Slot<T>>);

impl<T> FullCell<T> {
    /// A place with something in it.
    pub fn new(link: Link<T>) -> Self {
        Self(AtomicPtr::new(link.0.as_ptr()))
    }

    /// What is there; see [`LinkCell::get`].
    #[inline(always)]
    pub fn get(&self) -> Link<T> {
        // SAFETY: only ever set to a Link's address, which is not null.
        Link(unsafe { NonNull::new_unchecked(self.0.load(Ordering::Acquire)) })
    }

    /// Sets it; the writer only.
    #[inline(always)]
    pub fn set(&self, link: Link<T>) {
        self.0.store(link.0.as_ptr(), Ordering::Release);
    }
}

const CHUNKS: usize = 32;
const FIRST_CHUNK: usize = 32;

/// A list that only grows and whose elements never move. Chunk `k` holds `FIRST_CHUNK << k` elements.
#[derive(Debug)]
pub struct Arena<T> {
    chunks: [AtomicPtr<Slot<T>>; CHUNKS],
    len: AtomicUsize,
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Self { chunks: std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())), len: AtomicUsize::new(0) }
    }
}

impl<T> Arena<T> {
    /// How many elements a reader may see.
    pub fn count(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    /// Appends; the writer only (rule 2).
    pub fn push(&self, value: T) -> Link<T> {
        let index = self.len.load(Ordering::Relaxed);
        let (chunk, offset) = Self::place(index);
        let mut start = self.chunks[chunk].load(Ordering::Relaxed);
        if start.is_null() {
            let fresh: Box<[MaybeUninit<Slot<T>>]> = Box::new_uninit_slice(FIRST_CHUNK << chunk);
            start = Box::into_raw(fresh).cast::<Slot<T>>();
            self.chunks[chunk].store(start, Ordering::Release);
        }
        // SAFETY: `offset` is inside the chunk by `place`, and nobody reads the element before `len` says so.
        let element = unsafe {
            let element = start.add(offset);
            element.write(memory::slot(value));
            NonNull::new_unchecked(element)
        };
        self.len.store(index + 1, Ordering::Release);
        Link(element)
    }

    /// All elements that were there when this was called, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = Link<T>> + '_ {
        self.iter_from(0)
    }

    /// The same without the first `start`.
    pub fn iter_from(&self, start: usize) -> impl Iterator<Item = Link<T>> + '_ {
        (start..self.count()).map(|index| {
            let (chunk, offset) = Self::place(index);
            let start = self.chunks[chunk].load(Ordering::Acquire);
            // SAFETY: `index` is below `len`, so its chunk exists and the element is written.
            Link(unsafe { NonNull::new_unchecked(start.add(offset)) })
        })
    }

    /// In which chunk, and where in it, an index lies.
    fn place(index: usize) -> (usize, usize) {
        let position = index + FIRST_CHUNK;
        let chunk = (position.ilog2() - FIRST_CHUNK.ilog2()) as usize;
        (chunk, position - (FIRST_CHUNK << chunk))
    }
}

impl<T> Drop for Arena<T> {
    fn drop(&mut self) {
        const { assert!(!std::mem::needs_drop::<Slot<T>>(), "elements are freed without being dropped") };
        for (k, chunk) in self.chunks.iter_mut().enumerate() {
            let start = memory::take(chunk);
            if !start.is_null() {
                let slice =
                    ptr::slice_from_raw_parts_mut(start.cast::<MaybeUninit<Slot<T>>>(), FIRST_CHUNK << k);
                // SAFETY: `push` made this box with this length, and `&mut self` says that nobody reads it now.
                drop(unsafe { Box::from_raw(slice) });
            }
        }
    }
}

/// The machine's own atomics. An arena's slot is its element.
#[cfg(not(loom))]
mod memory {
    pub use std::sync::atomic::{AtomicPtr, AtomicU8, AtomicU64, AtomicUsize, fence};

    pub type Slot<T> = T;

    #[inline(always)]
    pub fn slot<T>(value: T) -> Slot<T> {
        value
    }

    #[inline(always)]
    pub fn value<T>(slot: &Slot<T>) -> &T {
        slot
    }

    pub fn take<T>(pointer: &mut AtomicPtr<T>) -> *mut T {
        *pointer.get_mut()
    }
}

/// The model checker's, which try every order that the language allows. A slot knows whether it was written before
/// whoever reads it could know of it.
#[cfg(loom)]
mod memory {
    use loom::cell::UnsafeCell;
    pub use loom::sync::atomic::{AtomicPtr, AtomicU8, AtomicU64, AtomicUsize, fence};

    #[derive(Debug)]
    pub struct Slot<T> {
        written: UnsafeCell<()>,
        value: T,
    }

    // SAFETY: nobody has more of `written` than the checker's own account of who has read and written it.
    unsafe impl<T: Sync> Sync for Slot<T> {}

    pub fn slot<T>(value: T) -> Slot<T> {
        let slot = Slot { written: UnsafeCell::new(()), value };
        slot.written.with_mut(|_| ());
        slot
    }

    pub fn value<T>(slot: &Slot<T>) -> &T {
        slot.written.with(|_| ());
        &slot.value
    }

    pub fn take<T>(pointer: &mut AtomicPtr<T>) -> *mut T {
        pointer.with_mut(|pointer| *pointer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arena_keeps_addresses_and_order() {
        let arena = Arena::default();
        let links: Vec<_> = (0..10_000_u64).map(|n| arena.push(n)).collect();
        assert_eq!(arena.count(), 10_000);
        for (n, (link, seen)) in links.iter().zip(arena.iter()).enumerate() {
            assert_eq!(**link, n as u64);
            assert!(*link == seen);
        }
    }

    #[test]
    fn a_reader_never_sees_an_element_before_it_is_written() {
        let arena = Arena::<u64>::default();
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                while arena.count() < 20_000 {
                    assert!(arena.iter().all(|element| *element == 7));
                }
            });
            for _ in 0..20_000 {
                arena.push(7);
            }
            reader.join().expect("the reader saw whole elements only");
        });
    }
}
