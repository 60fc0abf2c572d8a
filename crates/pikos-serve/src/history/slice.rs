//! One interval of a history.

use super::packed::{Growth, pack, unpack};

/// So many functions of an interval stand out.
pub const MOST_TOP: usize = 12;

/// What was added from one moment to another: seconds since 1970.
pub struct Slice {
    /// Its beginning.
    pub from: f64,
    /// Its end.
    pub to: f64,
    /// The functions with the most time of their own, and that time.
    pub top: Box<[(u32, i64)]>,
    /// The own time of all.
    pub own: i64,
    /// The calls of all.
    pub calls: i64,
    functions: Box<[u8]>,
    stacks: Box<[u8]>,
}

impl Slice {
    /// Of rows in the order of their ids.
    pub fn new(from: f64, to: f64, functions: &[(u32, Growth)], stacks: &[(u32, Growth)]) -> Self {
        let mut top: Vec<(u32, i64)> =
            functions.iter().map(|(id, growth)| (*id, growth.own)).filter(|(_, own)| *own > 0).collect();
        top.sort_unstable_by_key(|&(id, own)| (std::cmp::Reverse(own), id));
        top.truncate(MOST_TOP);
        let sum = |figure: fn(&Growth) -> i64| {
            functions.iter().fold(0i64, |sum, (_, growth)| sum.wrapping_add(figure(growth)))
        };
        Self {
            from,
            to,
            top: top.into(),
            own: sum(|growth| growth.own),
            calls: sum(|growth| growth.calls),
            functions: pack(functions),
            stacks: pack(stacks),
        }
    }

    /// It and the one after it.
    pub fn merged(&self, next: &Self) -> Self {
        let functions = both(self.functions(), next.functions());
        let stacks = both(self.stacks(), next.stacks());
        Self::new(self.from, next.to, &functions, &stacks)
    }

    /// What was added by function.
    pub fn functions(&self) -> impl Iterator<Item = (u32, Growth)> {
        unpack(&self.functions)
    }

    /// What was added by stack.
    pub fn stacks(&self) -> impl Iterator<Item = (u32, Growth)> {
        unpack(&self.stacks)
    }

    /// The memory that it takes.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + size_of_val(&*self.top) + self.functions.len() + self.stacks.len()
    }
}

/// The sum of two lists in the order of their ids.
fn both(
    one: impl Iterator<Item = (u32, Growth)>,
    other: impl Iterator<Item = (u32, Growth)>,
) -> Vec<(u32, Growth)> {
    let (mut one, mut other) = (one.peekable(), other.peekable());
    let mut sum: Vec<(u32, Growth)> = Vec::new();
    loop {
        let next = match (one.peek(), other.peek()) {
            (None, None) => return sum,
            (Some((a, _)), Some((b, _))) if a <= b => one.next(),
            (Some(_), None) => one.next(),
            _ => other.next(),
        };
        let Some((id, growth)) = next else { return sum };
        match sum.last_mut() {
            Some((last, figures)) if *last == id => figures.add(&growth),
            _ => sum.push((id, growth)),
        }
    }
}
