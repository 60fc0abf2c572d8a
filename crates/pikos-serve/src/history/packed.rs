//! Rows of increments in few bytes.
//!
//! ```text
//!  row:  id − the id before | calls | calls − primitive | own | cumulative − own      each in groups of 7 bits
//! ```
//! Signed numbers are written with their sign last, so that small ones are short. What is equal in most rows is a zero.

/// What happened with a function, or a stack, from one moment to another. Times in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Growth {
    /// Calls.
    pub calls: i64,
    /// Those that were not recursive; of a stack, all.
    pub primitive: i64,
    /// Time in itself.
    pub own: i64,
    /// With all that it called; of a stack, the same.
    pub cumulative: i64,
}

impl Growth {
    /// Adds, wrapping: a hostile process may send anything.
    pub fn add(&mut self, other: &Self) {
        self.calls = self.calls.wrapping_add(other.calls);
        self.primitive = self.primitive.wrapping_add(other.primitive);
        self.own = self.own.wrapping_add(other.own);
        self.cumulative = self.cumulative.wrapping_add(other.cumulative);
    }

    /// What was added to another.
    pub fn since(&self, was: &Self) -> Self {
        Self {
            calls: self.calls.wrapping_sub(was.calls),
            primitive: self.primitive.wrapping_sub(was.primitive),
            own: self.own.wrapping_sub(was.own),
            cumulative: self.cumulative.wrapping_sub(was.cumulative),
        }
    }
}

/// Packs rows in the order of their ids.
pub fn pack(rows: &[(u32, Growth)]) -> Box<[u8]> {
    let mut bytes = Vec::with_capacity(rows.len() * 10);
    let mut before = 0;
    for (id, growth) in rows {
        put(&mut bytes, u64::from(id - before));
        before = *id;
        let Growth { calls, primitive, own, cumulative } = *growth;
        for number in [calls, calls.wrapping_sub(primitive), own, cumulative.wrapping_sub(own)] {
            put(&mut bytes, ((number << 1) ^ (number >> 63)) as u64);
        }
    }
    bytes.into()
}

/// The rows.
pub fn unpack(mut bytes: &[u8]) -> impl Iterator<Item = (u32, Growth)> {
    let mut id = 0u32;
    std::iter::from_fn(move || {
        id = id.wrapping_add(take(&mut bytes)? as u32);
        let mut number = || take(&mut bytes).map(|number| (number >> 1) as i64 ^ -((number & 1) as i64));
        let (calls, nested, own, above) = (number()?, number()?, number()?, number()?);
        let growth =
            Growth { calls, primitive: calls.wrapping_sub(nested), own, cumulative: own.wrapping_add(above) };
        Some((id, growth))
    })
}

fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rows_come_back_as_they_went(numbers in prop::collection::btree_map(any::<u32>(), any::<[i64; 4]>(), 0..20)) {
            let rows: Vec<(u32, Growth)> = numbers
                .into_iter()
                .map(|(id, [calls, primitive, own, cumulative])| (id, Growth { calls, primitive, own, cumulative }))
                .collect();
            prop_assert_eq!(unpack(&pack(&rows)).collect::<Vec<_>>(), rows);
        }
    }

    #[test]
    fn what_mostly_happens_is_short() {
        let growth = Growth { calls: 50, primitive: 50, own: 100_000, cumulative: 100_000 };
        assert!(pack(&[(7, growth)]).len() <= 7);
    }
}
