//! Maps whose keys are a few ids or a label.
//!
//! std's hasher costs more than all else that is done with an edge. Keys here are small numbers and
//! short texts, so one multiplication for each eight bytes does. Where it starts is random in each
//! process, so that no file can be made whose keys collide.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;

/// A map from ids or labels.
pub type IdMap<K, V> = HashMap<K, V, IdState>;

static SECRET: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0));

/// 2^64 divided by the golden ratio. A random one is bad now and then: one in a hundred puts neighbouring ids on few places.
const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

/// Makes [`IdHasher`]s with the secret of this process.
#[derive(Clone)]
pub struct IdState(u64);

impl Default for IdState {
    fn default() -> Self {
        Self(*SECRET)
    }
}

impl BuildHasher for IdState {
    type Hasher = IdHasher;

    fn build_hasher(&self) -> IdHasher {
        IdHasher { state: self.0 }
    }
}

/// Hashes numbers and texts, one multiplication for each eight bytes.
pub struct IdHasher {
    state: u64,
}

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        let mut words = bytes.chunks_exact(8);
        for word in &mut words {
            self.write_u64(u64::from_le_bytes(word.try_into().expect("eight bytes")));
        }
        let rest = words.remainder();
        if !rest.is_empty() {
            let mut word = [0; 8];
            word[..rest.len()].copy_from_slice(rest);
            // Names that differ in trailing zeros only differ in length, which slices hash on their own.
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn write_isize(&mut self, number: isize) {
        self.write_u64(number as u64);
    }

    fn write_u64(&mut self, number: u64) {
        // Both halves of the product: the upper one mixes all bits downwards.
        let product = u128::from(self.state ^ number) * u128::from(FACTOR);
        self.state = (product as u64) ^ ((product >> 64) as u64);
    }

    fn finish(&self) -> u64 {
        // Tables look at the upper bits, too; the rotation brings well-mixed ones there.
        self.state.rotate_left(26)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn neighbouring_ids_fall_apart() {
        let random = RandomState::new();
        for state in (0..50).map(|number| IdState(random.hash_one(number))) {
            let hashes: Vec<u64> = (0..100u32)
                .flat_map(|a| (0..100u32).map(move |b| (a, b)))
                .map(|key| state.hash_one(key))
                .collect();
            // A table of 2^14 places takes the lower bits; chance alone leaves about 54 % of them empty.
            let lower: HashSet<u64> = hashes.iter().map(|hash| hash & 0x3FFF).collect();
            assert!(lower.len() > 6500, "{}", lower.len());
            let upper: HashSet<u64> = hashes.iter().map(|hash| hash >> 57).collect();
            assert_eq!(upper.len(), 128);
        }
    }
}
