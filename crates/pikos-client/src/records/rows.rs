//! What records add up to: a row for each line or function, with what memory grew by while it was executed.
//!
//! The same definition as that of `pikos-run --report`: a line's growth goes from its event to the next line's of the same
//! activation, or to its end; what it calls is in it, and recursion counts each activation. Beside it stands its own
//! part: what happened between two events of a thread belongs to the innermost line there, or to the innermost one that is
//! no library's, if there is one. So own parts add up to the whole, and a library's are its caller's.

use hashbrown::HashMap;

use super::highs::{Highs, Since};

/// Rows that are kept at most: no program has as many lines, but a hostile process may invent them.
const MOST_ROWS: usize = 1 << 20;

/// Activations that may be open at once, in all threads.
const MOST_OPEN: usize = 1 << 20;

/// Threads that are followed at once.
const MOST_THREADS: usize = 1 << 16;

/// A text of the stream: a place in its list of texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TextId(pub u32);

/// A row: a place in [`Rows::list`]. It means the same line as long as the stream lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowId(pub u32);

/// A function, as far as records tell functions apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Activated {
    /// Its name.
    pub function: TextId,
    /// Its file.
    pub file: TextId,
    /// Whether that is a library's.
    pub is_library: bool,
}

/// A line, or a function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordRow {
    /// Where it is.
    pub of: Activated,
    /// The line; of a function its first, of a built-in that of the call.
    pub line_no: u32,
    /// The line's text, as it was told last.
    pub line: Option<TextId>,
    /// How often the line was reached, or the function called.
    pub hits: u64,
    /// Bytes that memory grew by from its beginnings to its ends; or nanoseconds that this took, where records tell the time instead.
    pub growth: i64,
    /// Its own part.
    pub own: i64,
    /// The most that was in use while it was executed, with all that it called, in bytes: as far as records tell.
    pub peak: u64,
    /// Of that, what was there neither when it began nor when it ended: the most of one execution.
    pub spike: u64,
    /// The same of what happened in the line itself, told apart as own parts are.
    pub own_spike: u64,
}

/// Memory at an event, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Resident just then.
    pub rss: u64,
    /// The most since the event before; where nobody tells it, the same.
    pub high: u64,
}

/// What happens in a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A line is about to be executed.
    Line { line_no: u32, line: Option<TextId> },
    /// A function is called that has a record, at this line.
    Call { line_no: u32 },
    /// A function begins whose lines have records.
    Begin,
    /// The activation of a function ends.
    End,
}

/// A rise by less than this, in the moment after a call has returned, is none of the caller's: what the call held is being let go.
const RISE: u64 = 1 << 20;

/// An activation that is under way: its function, its row (if it has one yet), and the memory when that began.
struct UnderWay {
    of: Activated,
    row: Option<RowId>,
    /// The place in its stack of the activation that growth belongs to, if another one's than its own.
    caller: Option<usize>,
    rss: u64,
    since: Since,
    /// The highest of what belongs to its row.
    own_high: u64,
}

impl UnderWay {
    /// Begins above those of a stack.
    fn new(of: Activated, row: Option<RowId>, rss: u64, stack: &[Self], since: Since) -> Self {
        let caller = stack.last().filter(|_| of.is_library).and_then(|below| match below.of.is_library {
            true => below.caller,
            false => Some(stack.len() - 1),
        });
        Self { of, row, caller, rss, since, own_high: 0 }
    }

    /// Is at another row from now on.
    fn reach(&mut self, row: Option<RowId>, rss: u64, since: Since) {
        (self.row, self.rss, self.since, self.own_high) = (row, rss, since, 0);
    }
}

#[derive(Default)]
struct ThreadStack {
    stack: Vec<UnderWay>,
    /// The memory at its last event, and when that was.
    last: Option<(u64, Since)>,
    /// Whether that was the return of somebody who is no library.
    has_returned: bool,
}

impl ThreadStack {
    /// The activation whose what happens now is.
    fn owner(&mut self) -> Option<&mut UnderWay> {
        let top = self.stack.len().checked_sub(1)?;
        let place = self.stack[top].caller.unwrap_or(top);
        self.stack.get_mut(place)
    }
}

/// All rows, and the activations that are open.
#[derive(Default)]
pub struct Rows {
    list: Vec<RecordRow>,
    by_place: HashMap<(Activated, u32), RowId>,
    threads: HashMap<u64, ThreadStack>,
    highs: Highs,
    open: usize,
    /// Whether ends of activations are told; else the next record shows them.
    tells_ends: bool,
    /// Events for which there was no place.
    unlisted: u64,
}

impl Rows {
    /// The rows, in the order in which they were first met.
    pub fn list(&self) -> &[RecordRow] {
        &self.list
    }

    /// Events of lines beyond the number that is kept.
    pub fn unlisted(&self) -> u64 {
        self.unlisted
    }

    /// Says whether beginnings and ends of activations are told.
    pub fn set_tells_ends(&mut self, tells_ends: bool) {
        self.tells_ends = tells_ends;
    }

    /// Events were lost: what is open now is not known any more.
    pub fn forget_open(&mut self) {
        self.threads.clear();
        self.open = 0;
    }

    /// Counts an event that tells nothing of memory.
    pub fn count(&mut self, of: Activated, moment: Moment) {
        if let Some(row) = self.reached(of, moment) {
            self.list[row.0 as usize].hits += 1;
        }
    }

    /// Takes in an event, with the memory at it. Returns the row that growth in this thread belonged to until then.
    pub fn record(&mut self, thread: u64, of: Activated, moment: Moment, reading: Reading) -> Option<RowId> {
        let reached = self.reached(of, moment);
        if self.open >= MOST_OPEN || self.threads.len() >= MOST_THREADS {
            self.forget_open();
        }
        let Self { list, threads, highs, open, tells_ends, .. } = self;
        let Reading { rss, high } = reading;
        highs.push(high.max(rss));
        let now = highs.now();
        let thread = threads.entry(thread).or_default();
        let length = thread.stack.len();
        let (last, has_returned) =
            (thread.last.replace((rss, now)), std::mem::take(&mut thread.has_returned));
        let before = match (thread.owner(), last) {
            (Some(owner), Some((was, then))) => {
                if let Some(row) = owner.row {
                    let own = &mut list[row.0 as usize].own;
                    *own = own.wrapping_add(growth(was, rss));
                }
                let high = highs.since(then);
                if !has_returned || high >= was.saturating_add(RISE) {
                    owner.own_high = owner.own_high.max(high);
                }
                owner.row
            }
            (Some(owner), None) => owner.row,
            (None, _) => None,
        };
        let stack = &mut thread.stack;
        match moment {
            Moment::Begin => stack.push(UnderWay::new(of, None, rss, stack, now)),
            Moment::Call { .. } => stack.push(UnderWay::new(of, reached, rss, stack, now)),
            Moment::Line { .. } => {
                if stack.last().is_none_or(|open| open.of != of) {
                    // It began before anybody listened, or what is above it ended unseen.
                    match stack.iter().rposition(|open| open.of == of) {
                        Some(below) => {
                            for open in stack.drain(below + 1..).filter(|_| !*tells_ends) {
                                close(list, &open, rss, highs, *tells_ends);
                            }
                        }
                        None => stack.push(UnderWay::new(of, None, rss, stack, now)),
                    }
                }
                if let Some(open) = stack.last_mut() {
                    close(list, open, rss, highs, *tells_ends);
                    open.reach(reached, rss, now);
                }
            }
            Moment::End => {
                if let Some(below) = stack.iter().rposition(|open| open.of == of) {
                    stack.truncate(below + 1);
                    if let Some(open) = stack.pop() {
                        close(list, &open, rss, highs, *tells_ends);
                        thread.has_returned = !open.of.is_library;
                    }
                }
            }
        }
        *open = (*open + thread.stack.len()).saturating_sub(length);
        if let Some(row) = reached {
            let row = &mut list[row.0 as usize];
            row.hits += 1;
            row.peak = row.peak.max(rss);
        }
        before
    }

    /// Takes in what is under way in a thread, the outermost first, each with the line that it is at. Nothing that is known already
    /// changes: another subscriber has come.
    pub fn set_under_way(&mut self, thread: u64, open: &[(Activated, u32)], rss: u64) {
        let known = self.threads.get(&thread).map_or(&[][..], |known| &known.stack);
        if known.len() == open.len() && known.iter().zip(open).all(|(known, (of, _))| known.of == *of) {
            return;
        }
        if self.open + open.len() > MOST_OPEN || self.threads.len() >= MOST_THREADS {
            return;
        }
        let mut stack: Vec<UnderWay> = Vec::new();
        for (of, line_no) in open {
            let row = self.reached(*of, Moment::Line { line_no: *line_no, line: None });
            stack.push(UnderWay::new(*of, row, rss, &stack, self.highs.now()));
        }
        self.open += stack.len();
        let before = self
            .threads
            .insert(thread, ThreadStack { stack, last: Some((rss, self.highs.now())), has_returned: false });
        self.open = self.open.saturating_sub(before.map_or(0, |before| before.stack.len()));
    }

    /// The row that an event begins, if it begins one.
    fn reached(&mut self, of: Activated, moment: Moment) -> Option<RowId> {
        let (line_no, line) = match moment {
            Moment::Line { line_no, line } => (line_no, line),
            Moment::Call { line_no } => (line_no, None),
            Moment::Begin | Moment::End => return None,
        };
        let Self { list, by_place, unlisted, .. } = self;
        let known = by_place.get(&(of, line_no)).copied();
        if known.is_none() && list.len() >= MOST_ROWS {
            *unlisted += 1;
            return None;
        }
        let row = known.unwrap_or_else(|| {
            let row = RowId(list.len() as u32);
            list.push(RecordRow { of, line_no, ..RecordRow::default() });
            by_place.insert((of, line_no), row);
            row
        });
        if line.is_some() {
            list[row.0 as usize].line = line;
        }
        Some(row)
    }
}

/// The row that an activation is at ends. Where nobody tells of ends, what came in between may have been no call of it.
fn close(list: &mut [RecordRow], open: &UnderWay, rss: u64, highs: &Highs, tells_ends: bool) {
    if let Some(row) = open.row {
        let row = &mut list[row.0 as usize];
        row.growth = row.growth.wrapping_add(growth(open.rss, rss));
        let high = if tells_ends { highs.since(open.since) } else { open.own_high };
        let ends = open.rss.max(rss);
        row.peak = row.peak.max(high.max(rss));
        row.spike = row.spike.max(high.saturating_sub(ends));
        row.own_spike = row.own_spike.max(open.own_high.saturating_sub(ends));
    }
}

/// Nonsense for figures that no process has, and no panic.
fn growth(from: u64, to: u64) -> i64 {
    to.wrapping_sub(from).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    const F: Activated = Activated { function: TextId(0), file: TextId(9), is_library: false };
    const G: Activated = Activated { function: TextId(1), ..F };
    const LIBRARY: Activated = Activated { function: TextId(2), file: TextId(8), is_library: true };

    /// Of a sender that doesn't tell the most since the event before.
    fn at(rss: u64) -> Reading {
        Reading { rss, high: rss }
    }

    fn line(line_no: u32) -> Moment {
        Moment::Line { line_no, line: None }
    }

    /// (line, hits, growth, own, peak) of each row.
    fn figures(rows: &Rows) -> Vec<(u32, u64, i64, i64, u64)> {
        rows.list().iter().map(|row| (row.line_no, row.hits, row.growth, row.own, row.peak)).collect()
    }

    fn run(tells_ends: bool, events: &[(Activated, Moment, u64)]) -> Rows {
        let mut rows = Rows::default();
        rows.set_tells_ends(tells_ends);
        for (of, moment, rss) in events {
            rows.record(1, *of, *moment, at(*rss));
        }
        rows
    }

    #[test]
    fn what_a_line_calls_is_in_its_growth_and_not_its_own() {
        use Moment::{Begin, End};
        let rows = run(
            true,
            &[
                (F, Begin, 100),
                (F, line(1), 100),
                (G, Begin, 101),
                (G, line(10), 101),
                (G, line(11), 151),
                (G, End, 161),
                // What it held is free again.
                (F, line(2), 110),
                (F, End, 111),
            ],
        );
        assert_eq!(
            figures(&rows),
            [(1, 1, 10, -50, 161), (10, 1, 50, 50, 151), (11, 1, 10, 10, 161), (2, 1, 1, 1, 111)]
        );
        assert_eq!(rows.open, 0);
    }

    #[test]
    fn what_comes_and_goes_within_a_line_is_its_spike_and_its_callers() {
        use Moment::{Begin, End};
        let mut rows = Rows::default();
        rows.set_tells_ends(true);
        const MIB: u64 = 1 << 20;
        let mut tell = |of, moment, rss, high| {
            rows.record(1, of, moment, Reading { rss: rss * MIB, high: high * MIB });
        };
        tell(F, Begin, 100, 100);
        tell(F, line(1), 100, 100);
        tell(G, Begin, 100, 100);
        tell(G, line(10), 100, 100);
        // A copy within a library, which the line leaves behind, and what that held for a while.
        tell(LIBRARY, Begin, 150, 150);
        tell(LIBRARY, line(90), 150, 150);
        tell(LIBRARY, End, 180, 230);
        tell(G, line(11), 180, 180);
        tell(G, End, 180, 190);
        // What it held is let go after its end, and is no spike of its caller's own.
        tell(F, line(2), 100, 180);
        tell(F, End, 100, 100);
        let spikes: Vec<_> = rows
            .list()
            .iter()
            .map(|row| (row.line_no, row.peak / MIB, row.spike / MIB, row.own_spike / MIB))
            .collect();
        assert_eq!(
            spikes,
            [(1, 230, 130, 0), (10, 230, 50, 50), (90, 230, 50, 0), (11, 190, 10, 10), (2, 100, 0, 0)]
        );
    }

    #[test]
    fn a_spike_in_one_thread_is_in_the_lines_that_others_are_at() {
        let mut rows = Rows::default();
        rows.set_tells_ends(true);
        rows.record(1, F, line(1), at(100));
        rows.record(2, G, line(10), at(100));
        rows.record(2, G, line(11), Reading { rss: 100, high: 900 });
        rows.record(1, F, line(2), at(100));
        let spikes: Vec<_> = rows.list().iter().map(|row| (row.line_no, row.spike)).collect();
        assert_eq!(spikes, [(1, 800), (10, 800), (11, 0), (2, 0)]);
    }

    #[test]
    fn what_a_library_takes_is_its_callers() {
        use Moment::{Begin, End};
        let inner = Activated { function: TextId(3), ..LIBRARY };
        let rows = run(
            true,
            &[
                (LIBRARY, Begin, 10),
                (LIBRARY, line(90), 10),
                // Nobody else is there.
                (F, Begin, 100),
                (F, line(1), 100),
                (LIBRARY, Begin, 100),
                (LIBRARY, line(91), 100),
                (inner, Begin, 110),
                (inner, line(95), 110),
                (G, line(10), 150),
                (inner, line(96), 170),
                (inner, End, 175),
                (LIBRARY, End, 175),
                (F, line(2), 175),
            ],
        );
        let own: Vec<_> = rows.list().iter().map(|row| (row.line_no, row.own)).collect();
        assert_eq!(own, [(90, 90), (1, 55), (91, 0), (95, 0), (10, 20), (96, 0), (2, 0)]);
    }

    #[test]
    fn what_began_before_anybody_listened_is_its_callers() {
        let mut rows = Rows::default();
        rows.set_tells_ends(true);
        // An import that is under way.
        let open = [(F, 1), (LIBRARY, 90), (LIBRARY, 95)];
        rows.set_under_way(1, &open, 100);
        rows.record(1, LIBRARY, line(96), at(150));
        // Another subscriber comes.
        rows.set_under_way(1, &open, 155);
        rows.record(1, LIBRARY, Moment::End, at(160));
        rows.record(1, LIBRARY, Moment::End, at(170));
        rows.record(1, F, line(2), at(170));
        rows.record(1, F, line(3), at(171));
        let own: Vec<_> =
            rows.list().iter().map(|row| (row.line_no, row.hits, row.growth, row.own)).collect();
        let nothing = |line_no, hits, growth| (line_no, hits, growth, 0);
        assert_eq!(own[0], (1, 0, 70, 70));
        assert_eq!(own[1..4], [nothing(90, 0, 70), nothing(95, 0, 50), nothing(96, 1, 10)]);
        assert_eq!(own[4], (2, 1, 1, 1));
        assert_eq!(rows.open, 1);
    }

    #[test]
    fn where_nobody_tells_of_ends_the_next_record_does() {
        let rows = run(
            false,
            &[
                (F, line(1), 100),
                (G, line(10), 101),
                (G, line(11), 151),
                (F, line(2), 110),
                (F, line(3), 111),
            ],
        );
        assert_eq!(
            figures(&rows),
            [
                (1, 1, 10, 1, 110),
                (10, 1, 50, 50, 151),
                (11, 1, -41, -41, 151),
                (2, 1, 1, 1, 111),
                (3, 1, 0, 0, 111)
            ]
        );
    }

    #[test]
    fn calls_and_returns_are_rows_of_functions() {
        let call = |line_no| Moment::Call { line_no };
        let events = [
            (F, call(1), 100),
            (G, call(7), 110),
            (G, Moment::End, 150),
            (F, call(1), 150),
            (F, Moment::End, 160),
            (F, Moment::End, 155),
            (G, Moment::End, 1),
        ];
        // A recursion counts each activation; what ends without a beginning is ignored.
        assert_eq!(figures(&run(true, &events)), [(1, 2, 65, 15, 160), (7, 1, 40, 40, 150)]);
    }

    #[test]
    fn threads_are_apart_and_what_was_lost_is_not_guessed() {
        let mut rows = Rows::default();
        rows.record(1, F, line(1), at(100));
        rows.record(2, F, line(1), at(200));
        rows.record(1, F, line(2), at(130));
        assert_eq!(figures(&rows)[0], (1, 2, 30, 30, 200));
        rows.forget_open();
        assert_eq!(rows.record(2, F, line(2), at(900)), None);
        assert_eq!(figures(&rows), [(1, 2, 30, 30, 200), (2, 2, 0, 0, 900)]);
        assert_eq!(rows.record(2, F, line(3), at(901)), Some(RowId(1)));
    }

    #[test]
    fn memory_is_bounded() {
        let mut rows = Rows::default();
        for line_no in 0..(MOST_ROWS as u32 + 10) {
            rows.count(F, line(line_no));
        }
        assert_eq!((rows.list().len(), rows.unlisted()), (MOST_ROWS, 10));
        for _ in 0..MOST_OPEN + 10 {
            rows.record(1, G, Moment::Begin, at(1));
        }
        assert!(rows.open <= 11 && rows.threads[&1].stack.len() <= 11);
    }
}
