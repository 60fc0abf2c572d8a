//! Takes one place apart: what its function called there, and what is left as its own.

use super::unroll::{MAX_DEPTH, Out, Unroller, is_single};

/// A call that happened once, and the time of it that is left.
struct Once {
    limit: f64,
    link: u32,
    out: Out,
}

/// Calls inside of the group by a link that was followed often.
#[derive(Clone, Copy)]
struct Often {
    /// No more time than this can be theirs.
    limit: f64,
    /// The place's part of it.
    scaled: f64,
    link: u32,
    callee: u32,
}

/// A call of what is on the stack already: it takes no time from any link.
#[derive(Clone, Copy)]
struct Again {
    whole: f64,
    link: u32,
    callee: u32,
}

/// What a function may have called in one place.
#[derive(Default)]
struct Choices {
    once: Vec<Once>,
    often: Vec<Often>,
    /// The longest.
    again: Option<Again>,
}

impl Unroller<'_> {
    /// Takes a place apart that has so much time.
    pub(super) fn fill(&mut self, at: u32, time: f64) {
        self.mark(at, 1);
        self.fill_marked(at, time);
        self.mark(at, -1);
    }

    /// Adds to the counts of what is on the stack of a place.
    fn mark(&mut self, inner: u32, by: i32) {
        let mut next = Some(inner);
        while let Some(at) = next {
            let inner = &self.inners[at as usize];
            let member = &mut self.members[inner.function as usize];
            member.on_stack = member.on_stack.wrapping_add_signed(by);
            if let Some(link) = inner.link {
                let count = &mut self.scratch.on_stack[link as usize];
                *count = count.wrapping_add_signed(by);
            }
            next = inner.parent;
        }
    }

    fn fill_marked(&mut self, at: u32, time: f64) {
        let part = self.part_of_unfilled(at, time);
        let Choices { once, often, again } = self.choices(at, part);
        let rest = self.take_once(at, time, once);
        let (rest, later) = self.take_often(at, time, rest, often, again);
        let mut rest = self.take_own(at, rest, later.is_some() || again.is_some());
        if rest > self.min
            && let Some(Often { limit, link, callee, .. }) = later
        {
            let amount = rest.min(limit);
            self.take(at, link, Out::Inside(callee), amount, self.inners[at as usize].depth);
            rest -= amount;
        }
        if rest > self.min * 50.0
            && let Some(Again { link, callee, .. }) = again
        {
            // What is on the stack already costs nothing more.
            let calls = self.calls(at, link, rest);
            let depth = self.inners[at as usize].depth;
            let id = self.enter(callee, Some(at), Some(link), rest, calls, depth + 1);
            self.inners[id as usize].free = true;
            rest = 0.0;
        }
        self.inners[at as usize].slack = rest;
    }

    /// Which part this is of the outermost time that was not taken apart yet, of which it is no more from now on.
    fn part_of_unfilled(&mut self, at: u32, time: f64) -> f64 {
        let member = &mut self.members[self.inners[at as usize].function as usize];
        if member.on_stack != 1 {
            return 1.0;
        }
        let part = if member.unfilled > time { time / member.unfilled } else { 1.0 };
        member.unfilled = (member.unfilled - time).max(0.0);
        part
    }

    fn choices(&self, at: u32, part: f64) -> Choices {
        let mut choices = Choices::default();
        let inner = &self.inners[at as usize];
        if inner.depth >= MAX_DEPTH {
            return choices;
        }
        for place in self.links.places(self.functions[inner.function as usize]) {
            let link = &self.links.all()[place];
            let place = place as u32;
            let Some(left) = self.scratch.left(place) else { continue };
            let Some(callee) = self.scratch.member(link.callee) else {
                if left > 0.0 {
                    choices.once.push(Once { limit: left, link: place, out: Out::Single(place) });
                }
                continue;
            };
            let target = &self.members[callee as usize];
            let is_on_stack = target.on_stack > 0;
            if is_on_stack && !target.recurses {
                continue;
            }
            let was_followed = self.scratch.on_stack[place as usize] > 0;
            let limit = left.min(if is_on_stack { f64::INFINITY } else { target.whole });
            if !was_followed && limit > self.min {
                if is_single(self.links, place as usize) {
                    choices.once.push(Once { limit, link: place, out: Out::Inside(callee) });
                } else {
                    let open = if is_on_stack { f64::INFINITY } else { target.whole };
                    choices.often.push(Often { limit, scaled: (left * part).min(open), link: place, callee });
                }
            } else if is_on_stack
                && choices.again.is_none_or(|again| again.whole < link.whole)
                && !self.loops(at, callee)
            {
                choices.again = Some(Again { whole: link.whole, link: place, callee });
            }
        }
        choices
    }

    /// Whether a function would come again without anything new on the way.
    fn loops(&self, at: u32, callee: u32) -> bool {
        let mut next = Some(at);
        while let Some(at) = next {
            let inner = &self.inners[at as usize];
            if inner.function == callee {
                return true;
            }
            next = inner.parent.filter(|_| inner.free);
        }
        false
    }

    /// Calls that happened once are here as a whole, or not at all. Returns what they leave of the time.
    fn take_once(&mut self, at: u32, time: f64, mut once: Vec<Once>) -> f64 {
        let mut rest = time;
        once.sort_by(|a, b| b.limit.total_cmp(&a.limit).then(a.link.cmp(&b.link)));
        for Once { limit, link, out } in once {
            let most = match out {
                Out::Inside(_) => rest * 1.04,
                Out::Single(_) => rest * (1.0 + 1e-9),
            };
            if limit > most {
                continue;
            }
            rest -= limit;
            self.take(at, link, out, limit, self.inners[at as usize].depth);
        }
        rest.max(0.0)
    }

    /// Gives links that were followed often their parts. Returns what they leave of the time, and the first one that would have
    /// taken more than there was.
    fn take_often(
        &mut self,
        at: u32,
        time: f64,
        mut rest: f64,
        mut often: Vec<Often>,
        again: Option<Again>,
    ) -> (f64, Option<Often>) {
        often.sort_by(|a, b| b.limit.total_cmp(&a.limit).then(a.link.cmp(&b.link)));
        let inner = &self.inners[at as usize];
        let (depth, member) = (inner.depth, &self.members[inner.function as usize]);
        let recurses = member.recurses;
        let per_call = (inner.calls / member.calls).min(1.0);
        let by_calls = self.own_by_calls(at);
        let is_again = recurses
            && again.is_some_and(|again| often.first().is_none_or(|longest| again.whole > longest.limit));
        // While long calls that happened once wait for a place, the way to them must stay wide enough.
        let is_way = recurses && self.longest_atom(time) > 0.0;
        if is_way && !is_again {
            // What is beside the main way comes first.
            let first = usize::from(!often.is_empty());
            often.rotate_left(first);
        }
        let last = often.len().wrapping_sub(1);
        let mut later = None;
        for (number, call) in often.into_iter().enumerate() {
            let Often { limit, scaled, link, callee } = call;
            let amount = match () {
                () if is_way && !is_again && number == last => limit.min(rest - by_calls),
                () if is_way => limit.min(self.links.all()[link as usize].whole * per_call),
                () if recurses && !is_again && number == 0 => limit.min(rest - by_calls),
                () => scaled,
            };
            if amount <= self.min {
                continue;
            }
            if amount > rest * (1.0 + 1e-9) {
                later.get_or_insert(call);
                continue;
            }
            let amount = amount.min(rest);
            rest -= amount;
            self.take(at, link, Out::Inside(callee), amount, depth);
        }
        (rest, later)
    }

    /// The longest call that happened once, has no place yet and would fit.
    fn longest_atom(&self, time: f64) -> f64 {
        let first = self.atoms.partition_point(|atom| atom.0 > time * 1.03);
        for &(whole, place) in self.atoms[first..].iter().take(100) {
            let left = self.scratch.left[place as usize];
            let callee = self.scratch.number_of(self.links.all()[place as usize].callee);
            if left > whole * 0.5 && self.members[callee as usize].on_stack == 0 {
                return whole.min(time);
            }
        }
        0.0
    }

    /// Takes the function's own time, and that of calls out of the group, from the rest, and returns what it leaves. `has_more`:
    /// something else would take it, too.
    fn take_own(&mut self, at: u32, rest: f64, has_more: bool) -> f64 {
        if rest > 0.0 {
            let by_calls = self.own_by_calls(at);
            let member = &mut self.members[self.inners[at as usize].function as usize];
            let mut amount = rest.min(member.drain);
            if self.inside_left > self.min * 500.0 && has_more {
                amount = amount.min(by_calls);
            }
            member.drain -= amount;
            self.inners[at as usize].drained += amount;
            return rest - amount;
        }
        rest
    }

    /// What a function would have of its own in a place if each call took as long.
    fn own_by_calls(&self, at: u32) -> f64 {
        let inner = &self.inners[at as usize];
        let member = &self.members[inner.function as usize];
        member.all_drain * (inner.calls / member.calls).min(1.0)
    }
}
