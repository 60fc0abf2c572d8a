//! Is this a sound profile? What follows from how a profiler counts is tested, one rule after
//! another; what breaks a rule is told with the function that breaks it.

use std::collections::HashSet;
use std::fmt;

use crate::model::{Calls, Counts, Cycles, EdgeDetail, Function, Profile, Unit, facts};
use crate::report::stdname;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Unusual, and there are honest reasons for it.
    Odd,
    /// No run of a program gives such figures.
    Unsound,
}

/// Something that was noticed.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What breaks which rule.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Odd => "odd",
            Severity::Unsound => "unsound",
        };
        write!(f, "{severity}: {}", self.message)
    }
}

/// Sums of rounded times differ by so much, relative to their size.
const ROUNDING: f64 = 1e-6;
/// And by so much at least: callgrind's nanoseconds, over some thousand edges.
const SMALLEST: f64 = 1e-6;

/// Everything that is odd about a profile, in the order of its functions.
pub fn check(profile: &Profile) -> Vec<Finding> {
    let unit = match &profile.metadata.unit {
        Unit::Seconds => "s",
        Unit::Other(unit) => unit,
    };
    let from_callers = sums_by_callee(profile);
    let is_swapped = is_swapped(profile, &from_callers);
    let mut checker = Checker { profile, is_swapped, unit, findings: Vec::new() };
    checker.whole();
    for (id, function) in profile.rows() {
        checker.function(function);
        checker.callers(function, &from_callers[id.index()]);
    }
    checker.edges();
    checker.tree();
    checker.findings
}

/// What a function's callers add up to.
fn sums_by_callee(profile: &Profile) -> Vec<Calls> {
    let mut sums = vec![Calls::default(); profile.functions.len()];
    for edge in &profile.edges {
        sums[edge.callee.index()].add(&edge.calls);
    }
    sums
}

/// Whether calls and primitive calls stand in each other's place, as yappi writes them: wherever the two differ, callers made
/// as many calls as there should be primitive ones at most.
fn is_swapped(profile: &Profile, from_callers: &[Calls]) -> bool {
    let rows = profile.rows().map(|(id, function)| (&from_callers[id.index()], &function.calls));
    let mut differ = rows.filter(|(_, calls)| calls.primitive_calls != calls.ncalls).peekable();
    profile.metadata.counts == Counts::Calls
        && differ.peek().is_some()
        && differ
            .all(|(sum, calls)| calls.primitive_calls > calls.ncalls && sum.ncalls == calls.primitive_calls)
}

struct Checker<'p> {
    profile: &'p Profile,
    is_swapped: bool,
    /// What times are printed in.
    unit: &'p str,
    findings: Vec<Finding>,
}

impl Checker<'_> {
    fn whole(&mut self) {
        let profile = self.profile;
        if profile.rows().next().is_none() && !profile.has_objects_alone() {
            self.odd("the profile has no functions".to_owned());
        }
        if profile.metadata.unfinished {
            self.odd(
                "the program was still running: calls in progress count as if they had just returned"
                    .to_owned(),
            );
        }
        let mut labels = HashSet::new();
        for function in &profile.functions {
            if !labels.insert((&function.file, function.line, &function.name)) {
                self.odd(format!(
                    "{} stands for several functions; pstats files hold their sum",
                    stdname(function)
                ));
            }
        }
        let mere_callers = profile.functions.iter().filter(|f| f.caller_only).count();
        if mere_callers > 0 {
            let (callers, them) = match mere_callers {
                1 => ("1 caller has no row of its own".to_owned(), "it"),
                _ => (format!("{mere_callers} callers have no row of their own"), "them"),
            };
            self.odd(format!("{callers}: profiling began inside {them}, or rows were left out"));
        }
        match profile.metadata.counts {
            Counts::Calls => {}
            Counts::Samples => self.odd("the counts are samples, not calls".to_owned()),
            Counts::Unknown => self.odd("calls were not counted".to_owned()),
        }
        if let Unit::Other(unit) = &profile.metadata.unit {
            self.odd(format!("the times are in {unit}, not in seconds"));
        }
        if self.is_swapped {
            self.odd(
                "calls and primitive calls stand in each other's place, as yappi writes them".to_owned(),
            );
        }
        for note in &profile.metadata.notes {
            self.odd(note.clone());
        }
    }

    fn function(&mut self, function: &Function) {
        let name = stdname(function);
        let Calls { ncalls, primitive_calls, tottime, cumtime, .. } = function.calls;
        if !tottime.is_finite() || !cumtime.is_finite() {
            self.unsound(format!("{name}: a time is not a number ({tottime} own, {cumtime} cumulative)"));
            return;
        }
        if tottime < -SMALLEST || cumtime < -SMALLEST {
            let message = format!("{name}: negative time ({tottime} own, {cumtime} cumulative)");
            match (&self.profile.metadata.unit, self.profile.metadata.compensated) {
                (Unit::Other(_), _) => self.odd(format!("{message}, as in a difference of two profiles")),
                (Unit::Seconds, true) => self.odd(format!("{message}; compensation took out too much")),
                (Unit::Seconds, false) => self.unsound(message),
            }
        }
        let counts = self.profile.metadata.counts;
        if counts == Counts::Calls && primitive_calls > ncalls && !self.is_swapped {
            self.unsound(format!("{name}: more primitive calls ({primitive_calls}) than calls ({ncalls})"));
        }
        let unit = self.unit;
        // Where calls are known from callers only, nobody called the first function.
        let is_counted =
            counts == Counts::Calls && self.profile.metadata.edges != EdgeDetail::CallsAndCumtime;
        // Of what ran under some labels, calls count where they ended, and times where they passed.
        let is_part = self.profile.metadata.fact(facts::LABELS).is_some();
        if is_counted && ncalls == 0 && cumtime > 0.0 && !is_part {
            self.odd(format!("{name}: it was never called, yet took {cumtime} {unit}"));
        }
        let may_be_negative = matches!(self.profile.metadata.unit, Unit::Other(_));
        if exceeds(tottime, cumtime) && ncalls == primitive_calls && !may_be_negative {
            self.unsound(format!(
                "{name}: its own time ({tottime} {unit}) exceeds its cumulative time ({cumtime} {unit})"
            ));
        }
    }

    /// A function is called by its callers, and sometimes by nobody: never more often by them than
    /// altogether.
    fn callers(&mut self, function: &Function, sum: &Calls) {
        let metadata = &self.profile.metadata;
        let name = stdname(function);
        let calls = &function.calls;
        if metadata.counts == Counts::Calls && sum.ncalls > calls.ncalls.max(calls.primitive_calls) {
            self.unsound(format!(
                "{name}: its callers called it {} times, but it was called only {} times",
                sum.ncalls, calls.ncalls
            ));
        }
        if metadata.edges == EdgeDetail::Full && exceeds(sum.tottime, calls.tottime) {
            self.unsound(format!(
                "{name}: its callers account for {} {unit} of its own time, which is only {} {unit}",
                sum.tottime,
                calls.tottime,
                unit = self.unit
            ));
        }
    }

    fn edges(&mut self) {
        match self.profile.metadata.edges {
            EdgeDetail::CountsOnly => {}
            EdgeDetail::CallsAndCumtime => self.edges_alone(),
            EdgeDetail::Full => {
                for edge in &self.profile.edges {
                    let callee = self.profile.function(edge.callee);
                    if !callee.caller_only && exceeds(edge.calls.cumtime, callee.calls.cumtime) {
                        let message = format!(
                            "{}: calls from {} took {} {unit} of its cumulative time, which is only {} {unit}",
                            stdname(callee),
                            stdname(self.profile.function(edge.caller)),
                            edge.calls.cumtime,
                            callee.calls.cumtime,
                            unit = self.unit
                        );
                        self.unsound(message);
                    }
                }
            }
        }
    }

    /// Where cumulative times were computed from edges, they agree with them. Calls may take longer than all functions
    /// together where inner calls of a recursion are in the sum as well, and where functions were left out.
    fn edges_alone(&mut self) {
        let profile = self.profile;
        if profile.rows().any(|(_, function)| function.calls.tottime < 0.0) {
            return;
        }
        let cycles = Cycles::of(profile);
        let mut calls_itself = vec![false; profile.functions.len()];
        for edge in profile.edges.iter().filter(|edge| edge.caller == edge.callee) {
            calls_itself[edge.callee.index()] = true;
        }
        let whole = profile.tottime();
        let rounding = profile.metadata.rounded_to * profile.functions.len() as f64;
        for edge in &profile.edges {
            let is_recursive = cycles.is_in_one(edge.callee) || calls_itself[edge.callee.index()];
            if !is_recursive && exceeds(edge.calls.cumtime, whole + rounding) {
                let message = format!(
                    "{}: calls from {} took {} {unit}, and all functions together {whole} {unit}: some are left out",
                    stdname(profile.function(edge.callee)),
                    stdname(profile.function(edge.caller)),
                    edge.calls.cumtime,
                    unit = self.unit
                );
                self.odd(message);
            }
        }
    }

    fn tree(&mut self) {
        let Some(tree) = &self.profile.tree else {
            return;
        };
        if !tree.is_sound(self.profile.functions.len()) {
            self.unsound("a stack comes before the one below it, or has no function".to_owned());
            return;
        }
        if tree.cut.calls > 0 {
            self.odd(format!(
                "the stacks of {} calls were not recorded: too deep or too many",
                tree.cut.calls
            ));
        }
        let stacks: f64 = tree.nodes.iter().map(|node| node.tottime).sum();
        let rows = self.profile.tottime();
        if exceeds(stacks, rows) || exceeds(rows, stacks) {
            self.unsound(format!(
                "the stacks add up to {stacks} {unit}, the functions to {rows} {unit}",
                unit = self.unit
            ));
        }
    }

    fn odd(&mut self, message: String) {
        self.findings.push(Finding { severity: Severity::Odd, message });
    }

    fn unsound(&mut self, message: String) {
        self.findings.push(Finding { severity: Severity::Unsound, message });
    }
}

/// More than rounding explains.
fn exceeds(part: f64, whole: f64) -> bool {
    part > whole + SMALLEST + ROUNDING * whole.abs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CallTree, Edge, FunctionId, Node, Objects};

    fn sound() -> Profile {
        let calls = Calls { ncalls: 4, primitive_calls: 4, tottime: 1.0, cumtime: 2.0, ..Calls::default() };
        let function = |name: &str| Function::new("a.py".into(), 1, name.into(), calls);
        let edge = Edge { caller: FunctionId(0), callee: FunctionId(1), calls };
        Profile::new(vec![function("f"), function("g")], vec![edge])
    }

    /// What is found after one thing was spoilt.
    fn found(spoil: impl FnOnce(&mut Profile)) -> String {
        let mut profile = sound();
        spoil(&mut profile);
        check(&profile).iter().map(Finding::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_sound_profile_has_no_findings() {
        assert_eq!(found(|_| {}), "");
    }

    #[test]
    fn each_broken_rule_is_found() {
        let calls = |profile: &mut Profile, change: fn(&mut Calls)| {
            change(&mut profile.functions[1].calls);
        };
        let odd = |text: String, expected: &str| {
            assert!(
                text.starts_with("odd: ") && text.contains(expected) && !text.contains("unsound: "),
                "{text:?}, {expected:?}"
            );
        };
        let unsound = |text: String, expected: &str| {
            assert!(text.contains("unsound: ") && text.contains(expected), "{text:?}, {expected:?}");
        };
        odd(found(|p| *p = Profile::default()), "no functions");
        let objects_alone = |p: &mut Profile| {
            *p = Profile { objects: Some(Objects::default()), ..Profile::default() };
        };
        assert_eq!(found(objects_alone), "");
        odd(found(|p| p.functions[1].name = "f".into()), "stands for several functions");
        odd(found(|p| p.functions[0].caller_only = true), "1 caller has no row");
        odd(found(|p| p.metadata.counts = Counts::Samples), "samples, not calls");
        odd(found(|p| p.metadata.counts = Counts::Unknown), "not counted");
        odd(found(|p| p.metadata.unit = Unit::Other("Ir".to_owned())), "in Ir, not");
        unsound(found(|p| calls(p, |c| c.tottime = f64::NAN)), "not a number");
        unsound(found(|p| calls(p, |c| c.tottime = -1.0)), "negative time");
        unsound(found(|p| calls(p, |c| c.primitive_calls = 5)), "more primitive calls (5) than calls (4)");
        unsound(found(|p| calls(p, |c| c.tottime = 3.0)), "its own time (3 s) exceeds");
        let swapped = |p: &mut Profile| {
            calls(p, |c| c.primitive_calls = 5);
            p.edges[0].calls.ncalls = 5;
        };
        odd(found(swapped), "stand in each other's place, as yappi writes them");
        let uncalled = |p: &mut Profile| {
            p.functions[0].calls.ncalls = 0;
            p.functions[0].calls.primitive_calls = 0;
        };
        odd(found(uncalled), "never called, yet took 2 s");
        let of_a_label = |p: &mut Profile| {
            uncalled(p);
            p.metadata.facts.push((facts::LABELS.to_owned(), "route=/pay".to_owned()));
        };
        assert_eq!(found(of_a_label), "", "its call may have ended under other labels");
        unsound(found(|p| p.edges[0].calls.ncalls = 5), "called it 5 times");
        unsound(found(|p| p.edges[0].calls.tottime = 1.5), "account for 1.5 s of its own time");
        unsound(found(|p| p.edges[0].calls.cumtime = 2.5), "calls from a.py:1(f) took 2.5 s");
        let node = |function| Node { parent: None, function, ncalls: 1, tottime: 2.0 };
        let tree =
            |function| Some(CallTree { nodes: vec![node(FunctionId(function))], ..CallTree::default() });
        assert_eq!(found(|p| p.tree = tree(1)), "", "the stacks add up");
        unsound(found(|p| p.tree = tree(9)), "has no function");
        unsound(
            found(|p| {
                p.tree = tree(1);
                calls(p, |c| c.tottime = 1.5);
            }),
            "the stacks add up to 2 s, the functions to 2.5 s",
        );
        let from_edges = |p: &mut Profile| {
            p.metadata.edges = EdgeDetail::CallsAndCumtime;
            p.metadata.unit = Unit::Other("Ir".to_owned());
        };
        let longer = |p: &mut Profile, cumtime| {
            from_edges(p);
            p.edges[0].calls.cumtime = cumtime;
        };
        odd(found(|p| longer(p, 9.0)), "calls from a.py:1(f) took 9 Ir, and all functions together 2 Ir");
        let recursive = found(|p| {
            longer(p, 9.0);
            p.edges.push(Edge { caller: FunctionId(1), callee: FunctionId(1), calls: Calls::default() });
        });
        assert!(!recursive.contains("took"), "{recursive}");
        odd(found(|p| p.metadata.notes.push("half of it is missing".to_owned())), "half of it is missing");
        odd(
            found(|p| {
                p.tree = tree(1);
                p.tree.as_mut().expect("just set").cut.calls = 3;
            }),
            "the stacks of 3 calls",
        );
    }
}
