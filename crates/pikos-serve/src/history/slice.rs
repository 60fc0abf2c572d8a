//! One interval of a history.

use super::packed::{Growth, pack, unpack};

/// So many functions of an interval stand out.
pub const MOST_TOP: usize = 12;

/// What figures are of: a place in [`Grown`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// Functions, by their numbers.
    Functions,
    /// Calls of one function by another, by the numbers that the history gives them.
    Edges,
    /// Stacks, by their numbers.
    Stacks,
}

/// What was added, each in the order of its numbers.
pub type Grown = [Vec<(u32, Growth)>; 3];

/// What each thread did.
pub enum Threads<P> {
    /// All of it was done by this one.
    Only(u64),
    /// In the order of their numbers, those that did anything; none where they aren't told apart.
    Apart(Box<[(u64, P)]>),
}

/// What was added from one moment to another: seconds since 1970.
pub struct Slice {
    /// Its beginning.
    pub from: f64,
    /// Its end.
    pub to: f64,
    whole: Part,
    threads: Threads<Part>,
}

/// What was added in all threads, or in one.
pub struct Part {
    /// The functions with the most time of their own, and that time.
    pub top: Box<[(u32, i64)]>,
    /// The own time of all.
    pub own: i64,
    /// The calls of all.
    pub calls: i64,
    rows: [Box<[u8]>; 3],
}

impl Part {
    fn new(grown: &Grown) -> Self {
        let [functions, ..] = grown;
        let mut top: Vec<(u32, i64)> =
            functions.iter().map(|(id, growth)| (*id, growth.own)).filter(|(_, own)| *own > 0).collect();
        top.sort_unstable_by_key(|&(id, own)| (std::cmp::Reverse(own), id));
        top.truncate(MOST_TOP);
        let sum = |figure: fn(&Growth) -> i64| {
            functions.iter().fold(0i64, |sum, (_, growth)| sum.wrapping_add(figure(growth)))
        };
        Self {
            top: top.into(),
            own: sum(|growth| growth.own),
            calls: sum(|growth| growth.calls),
            rows: grown.each_ref().map(|rows| pack(rows)),
        }
    }

    /// What was added, in the order of its numbers.
    pub fn rows(&self, of: Of) -> impl Iterator<Item = (u32, Growth)> {
        unpack(&self.rows[of as usize])
    }

    fn grown(&self) -> Grown {
        [Of::Functions, Of::Edges, Of::Stacks].map(|of| self.rows(of).collect())
    }

    fn merged(&self, next: &Self) -> Self {
        Self::new(&[Of::Functions, Of::Edges, Of::Stacks].map(|of| both(self.rows(of), next.rows(of))))
    }

    fn bytes(&self) -> usize {
        size_of_val(&*self.top) + self.rows.iter().map(|rows| rows.len()).sum::<usize>()
    }
}

impl Slice {
    /// Of what was added.
    pub fn new(from: f64, to: f64, whole: &Grown, threads: &Threads<Grown>) -> Self {
        let threads = match threads {
            Threads::Only(thread) => Threads::Only(*thread),
            Threads::Apart(parts) => {
                Threads::Apart(parts.iter().map(|(thread, grown)| (*thread, Part::new(grown))).collect())
            }
        };
        Self { from, to, whole: Part::new(whole), threads }
    }

    /// What was added in all threads, or in one; nothing where that did nothing.
    pub fn part(&self, thread: Option<u64>) -> Option<&Part> {
        match (thread, &self.threads) {
            (None, _) => Some(&self.whole),
            (Some(wanted), Threads::Only(only)) => (wanted == *only).then_some(&self.whole),
            (Some(wanted), Threads::Apart(parts)) => {
                let place = parts.binary_search_by_key(&wanted, |(thread, _)| *thread).ok()?;
                Some(&parts[place].1)
            }
        }
    }

    /// It and the one after it.
    pub fn merged(&self, next: &Self) -> Self {
        let whole = self.whole.merged(&next.whole);
        let threads = match (&self.threads, &next.threads) {
            (Threads::Only(one), Threads::Only(other)) if one == other => Threads::Only(*one),
            _ => Threads::Apart(self.threads_with(next)),
        };
        Self { from: self.from, to: next.to, whole, threads }
    }

    fn threads_with(&self, next: &Self) -> Box<[(u64, Part)]> {
        let mut numbers: Vec<u64> = self.numbers().chain(next.numbers()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let part = |thread| match (self.part(Some(thread)), next.part(Some(thread))) {
            (Some(one), Some(other)) => Some((thread, one.merged(other))),
            (one, other) => Some((thread, Part::new(&one.or(other)?.grown()))),
        };
        numbers.into_iter().filter_map(part).collect()
    }

    /// The threads that did anything.
    pub fn numbers(&self) -> impl Iterator<Item = u64> {
        let (only, apart) = match &self.threads {
            Threads::Only(thread) => (Some(*thread), &[][..]),
            Threads::Apart(parts) => (None, &**parts),
        };
        only.into_iter().chain(apart.iter().map(|(thread, _)| *thread))
    }

    /// The memory that it takes.
    pub fn bytes(&self) -> usize {
        let threads = match &self.threads {
            Threads::Only(_) => 0,
            Threads::Apart(parts) => {
                size_of_val(&**parts) + parts.iter().map(|(_, part)| part.bytes()).sum::<usize>()
            }
        };
        size_of::<Self>() + self.whole.bytes() + threads
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
