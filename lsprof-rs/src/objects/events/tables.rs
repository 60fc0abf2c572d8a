//! What is counted: a row for each type, and one for each type and place. One writer, many readers.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A number that one thread writes and any may read.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// One more. Returns how many that makes.
    #[inline(always)]
    pub fn add_one(&self) -> u64 {
        let count = self.get() + 1;
        self.0.store(count, Ordering::Relaxed);
        count
    }

    /// One less, of those that are counted one by one.
    #[inline(always)]
    pub fn take_one(&self) {
        self.set(self.get().saturating_sub(1));
    }

    #[inline(always)]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub fn set(&self, count: u64) {
        self.0.store(count, Ordering::Relaxed);
    }
}

/// What is known of a type, by its name: a class that is made again and again is one row.
#[derive(Debug, Default)]
pub struct TypeRow {
    pub module: String,
    pub name: String,
    /// Bytes of one object without what it points at.
    pub size: u64,
    pub created: Count,
    pub destroyed: Count,
    /// The most that there were at once beyond those that were there before.
    peak: AtomicI64,
    /// Of how many objects one is followed to its end: this many, a power of two.
    pub one_of: Count,
}

impl TypeRow {
    /// Of a type of which nothing is counted yet.
    pub fn new(module: String, name: String, size: u64) -> Self {
        let row = Self { module, name, size, ..Self::default() };
        row.one_of.set(1);
        row
    }

    /// Another one is made.
    #[inline(always)]
    pub fn made(&self) -> u64 {
        let created = self.created.add_one();
        let alive = created as i64 - self.destroyed.get() as i64;
        if alive > self.peak.load(Ordering::Relaxed) {
            self.peak.store(alive, Ordering::Relaxed);
        }
        created
    }

    /// The most that there were at once.
    pub fn peak(&self) -> i64 {
        self.peak.load(Ordering::Relaxed)
    }
}

/// What is known of the objects of a type that one line has made.
#[derive(Debug, Default)]
pub struct PlaceRow {
    /// The number of the type's row.
    pub of: u32,
    pub file: String,
    pub function: String,
    pub line: u32,
    pub created: Count,
    /// Of those that are followed, how many are there.
    pub followed: Count,
}

/// All rows, in the order in which they were met.
#[derive(Debug, Default)]
pub struct Tables {
    types: Mutex<Vec<Arc<TypeRow>>>,
    places: Mutex<Vec<Arc<PlaceRow>>>,
    /// Types that had no room in the table.
    pub unlisted_types: Count,
    /// Places that had none.
    pub unlisted_places: Count,
}

impl Tables {
    /// The types by now.
    pub fn types(&self) -> Vec<Arc<TypeRow>> {
        lock(&self.types).clone()
    }

    /// The places by now.
    pub fn places(&self) -> Vec<Arc<PlaceRow>> {
        lock(&self.places).clone()
    }

    /// A new type.
    pub fn add_type(&self, row: &Arc<TypeRow>) {
        lock(&self.types).push(Arc::clone(row));
    }

    /// A new place.
    pub fn add_place(&self, row: &Arc<PlaceRow>) {
        lock(&self.places).push(Arc::clone(row));
    }
}

/// Nobody waits for anything else with the lock.
fn lock<T>(rows: &Mutex<T>) -> MutexGuard<'_, T> {
    rows.lock().unwrap_or_else(PoisonError::into_inner)
}
