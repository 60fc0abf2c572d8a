//! Scripts of calls on a recorder, to be run under `valgrind --tool=callgrind`: how many instructions does an
//! enter/leave pair take? `benchmarks/overhead/instructions.py` runs it twice, with different numbers of pairs, with and
//! without a recorder, so that the start of the process and the scripts' own loops cancel out.
//!
//! ```text
//! instructions SCRIPT TARGET PAIRS      one run: prints how many pairs were made
//! instructions                          lists the scripts and the targets
//! ```
//! The calls are those of the extension's hooks (`lsprof-rs/src/collect/events.rs`): the quick way, then the slow one.

use std::hint::black_box;
use std::process::ExitCode;

use lsprof_engine::cells::Link;
use lsprof_engine::{Costs, Details, Ending, Frame, FunctionId, Key, Kind, Recorder, Ticks, clock};

/// What the events go to.
trait Target {
    fn enter(&mut self, key: Key);
    fn leave(&mut self, key: Key);
}

/// Nothing: what the scripts themselves take.
struct Nothing;

impl Target for Nothing {
    #[inline(always)]
    fn enter(&mut self, key: Key) {
        black_box(key);
    }

    #[inline(always)]
    fn leave(&mut self, key: Key) {
        black_box(key);
    }
}

/// A plain profile under an ordinary hook.
struct Plain {
    recorder: Recorder,
    functions: u32,
}

impl Plain {
    fn new() -> Self {
        Self { recorder: Recorder::new(true), functions: 0 }
    }

    #[cold]
    #[inline(never)]
    fn enter_slowly(&mut self, key: Key) {
        self.enter_new(key);
        self.recorder.start(clock::counter());
    }

    #[inline(always)]
    fn enter_new(&mut self, key: Key) {
        if !self.recorder.enter(key) {
            self.recorder.define(key, FunctionId(self.functions), Kind::default());
            self.functions += 1;
            assert!(self.recorder.enter(key), "the function was defined");
        }
    }

    #[cold]
    #[inline(never)]
    fn leave_slowly(&mut self, key: Key) {
        assert!(self.recorder.leave(key, clock::counter()), "the scripts leave what they entered");
    }
}

impl Target for Plain {
    #[inline(always)]
    fn enter(&mut self, key: Key) {
        let key = black_box(key);
        if !self.recorder.enter_quickly(key, clock::counter) {
            self.enter_slowly(key);
        }
    }

    #[inline(always)]
    fn leave(&mut self, key: Key) {
        let now = clock::counter();
        let key = black_box(key);
        if !self.recorder.leave_quickly(key, now) {
            self.leave_slowly(key);
        }
    }
}

/// A plain profile under frame evaluation, which keeps each open call on the C stack.
struct Frames {
    plain: Plain,
    open: Vec<Link<Frame>>,
}

impl Target for Frames {
    #[inline(always)]
    fn enter(&mut self, key: Key) {
        self.plain.enter(key);
        self.open.push(self.plain.recorder.top());
    }

    #[inline(always)]
    fn leave(&mut self, key: Key) {
        let now = clock::counter();
        let frame = self.open.pop().expect("the scripts leave what they entered");
        let left = self.plain.recorder.leave_frame(frame, black_box(key), now);
        assert!(left, "the scripts leave what they entered");
    }
}

/// A profile that takes out what it costs.
struct Compensated(Plain);

impl Target for Compensated {
    #[inline(always)]
    fn enter(&mut self, key: Key) {
        let began = clock::now();
        let key = black_box(key);
        if !self.0.recorder.enter(key) {
            self.0.enter_slowly(key);
        }
        self.0.recorder.prepare();
        self.0.recorder.start_extended(began, clock::now());
    }

    #[inline(always)]
    fn leave(&mut self, key: Key) {
        let now = clock::now();
        let left = self.0.recorder.leave_extended(black_box(key), now);
        assert!(left, "the scripts leave what they entered");
        self.0.recorder.spend(clock::now().since(now));
    }
}

/// A profile whose times are sampled, under an ordinary hook.
struct Counting(Plain);

impl Counting {
    fn new() -> Self {
        let mut plain = Plain::new();
        plain.recorder.count_only(true, clock::counter());
        Self(plain)
    }

    #[cold]
    #[inline(never)]
    fn enter_slowly(&mut self, key: Key) {
        self.0.enter_new(key);
        self.0.recorder.start_untimed();
    }

    #[cold]
    #[inline(never)]
    fn leave_slowly(&mut self, key: Key) {
        assert!(self.0.recorder.leave_untimed(key), "the scripts leave what they entered");
    }
}

impl Target for Counting {
    #[inline(always)]
    fn enter(&mut self, key: Key) {
        let key = black_box(key);
        if !self.0.recorder.enter_untimed_quickly(key) {
            self.enter_slowly(key);
        }
    }

    #[inline(always)]
    fn leave(&mut self, key: Key) {
        let key = black_box(key);
        if !self.0.recorder.leave_untimed_quickly(key) {
            self.leave_slowly(key);
        }
    }
}

/// A profile that keeps details of calls, under an ordinary hook.
struct Detailed(Plain);

impl Detailed {
    fn new(details: Details) -> Self {
        let mut plain = Plain::new();
        plain.recorder.keep(details);
        Self(plain)
    }

    #[cold]
    #[inline(never)]
    fn enter_slowly(&mut self, key: Key) {
        self.0.enter_new(key);
        self.0.recorder.prepare();
        self.0.recorder.start(clock::counter());
    }

    #[cold]
    #[inline(never)]
    fn leave_slowly(&mut self, key: Key) {
        assert!(self.0.recorder.leave_extended(key, clock::counter()), "the scripts leave what they entered");
    }
}

impl Target for Detailed {
    #[inline(always)]
    fn enter(&mut self, key: Key) {
        let key = black_box(key);
        let recorder = &mut self.0.recorder;
        if !recorder.enter_leanly(key, clock::counter)
            && !recorder.enter_extended_quickly(key, || None, clock::counter)
        {
            self.enter_slowly(key);
        }
    }

    #[inline(always)]
    fn leave(&mut self, key: Key) {
        let now = clock::counter();
        let key = black_box(key);
        let recorder = &mut self.0.recorder;
        if !recorder.leave_leanly(key, now) && !recorder.leave_extended_quickly(key, || Ending::Parked, now) {
            self.leave_slowly(key);
        }
    }
}

/// How long each call took.
fn durations() -> Details {
    let mut details = Details::default();
    details.keep_durations();
    details
}

/// What a processor had of it. Gaps are short.
fn idleness() -> Details {
    let mut details = Details::default();
    details.tell_idleness(Box::new(|| Some(clock::counter())), Ticks(u64::MAX / 4));
    details
}

/// Keys as addresses are: code objects lie this far apart in a CPython that has just compiled them.
fn key(number: usize) -> Key {
    (0x7f3a_1000_0000 + number * 0x1b0) as Key
}

/// One function calls another, again and again.
fn flat(target: &mut impl Target, pairs: usize) {
    target.enter(key(0));
    for _ in 0..pairs {
        target.enter(key(1));
        target.leave(key(1));
    }
    target.leave(key(0));
}

/// A function calls itself, 20 deep, and returns.
fn recursion(target: &mut impl Target, pairs: usize) {
    for _ in 0..pairs / 20 {
        for _ in 0..20 {
            target.enter(key(1));
        }
        for _ in 0..20 {
            target.leave(key(1));
        }
    }
}

/// One function calls two others in turn.
fn alternating(target: &mut impl Target, pairs: usize) {
    target.enter(key(0));
    for _ in 0..pairs / 2 {
        for callee in [1, 2] {
            target.enter(key(callee));
            target.leave(key(callee));
        }
    }
    target.leave(key(0));
}

/// A method that calls three built-ins, again and again.
fn builtins(target: &mut impl Target, pairs: usize) {
    target.enter(key(0));
    for _ in 0..pairs / 4 {
        target.enter(key(1));
        for builtin in [1000, 1001, 2000] {
            target.enter(key(builtin));
            target.leave(key(builtin));
        }
        target.leave(key(1));
    }
    target.leave(key(0));
}

/// 1,000 calls deep, of ten functions in turn.
fn deep(target: &mut impl Target, pairs: usize) {
    const DEPTH: usize = 1000;
    for _ in 0..pairs / DEPTH {
        for level in 0..DEPTH {
            target.enter(key(level % 10));
        }
        for level in (0..DEPTH).rev() {
            target.leave(key(level % 10));
        }
    }
}

/// 5,000 functions in turn: more than the cache of edges has places.
fn many(target: &mut impl Target, pairs: usize) {
    const FUNCTIONS: usize = 5000;
    for _ in 0..pairs / FUNCTIONS {
        for function in 0..FUNCTIONS {
            target.enter(key(function));
            target.leave(key(function));
        }
    }
}

/// Each function for the first time.
fn first(target: &mut impl Target, pairs: usize) {
    for function in 0..pairs {
        target.enter(key(function));
        target.leave(key(function));
    }
}

const SCRIPTS: [&str; 7] = ["flat", "recursion", "alternating", "builtins", "deep", "many", "first"];
const TARGETS: [&str; 7] = ["nothing", "plain", "frames", "compensated", "counting", "distribution", "cpu"];

fn run(script: &str, target: &mut impl Target, pairs: usize) -> bool {
    match script {
        "flat" => flat(target, pairs),
        "recursion" => recursion(target, pairs),
        "alternating" => alternating(target, pairs),
        "builtins" => builtins(target, pairs),
        "deep" => deep(target, pairs),
        "many" => many(target, pairs),
        "first" => first(target, pairs),
        _ => return false,
    }
    true
}

fn run_on(script: &str, target: &str, pairs: usize) -> bool {
    match target {
        "nothing" => run(script, &mut Nothing, pairs),
        "plain" => run(script, &mut Plain::new(), pairs),
        "frames" => run(script, &mut Frames { plain: Plain::new(), open: Vec::with_capacity(2000) }, pairs),
        "compensated" => {
            let mut plain = Plain::new();
            plain.recorder.compensate(Costs::default());
            run(script, &mut Compensated(plain), pairs)
        }
        "counting" => run(script, &mut Counting::new(), pairs),
        "distribution" => run(script, &mut Detailed::new(durations()), pairs),
        "cpu" => run(script, &mut Detailed::new(idleness()), pairs),
        _ => false,
    }
}

fn main() -> ExitCode {
    clock::start();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {
            println!("{}\n{}", SCRIPTS.join(" "), TARGETS.join(" "));
            ExitCode::SUCCESS
        }
        [script, target, pairs]
            if pairs.parse::<usize>().is_ok_and(|pairs| run_on(script, target, pairs)) =>
        {
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("usage: instructions SCRIPT TARGET PAIRS, of {SCRIPTS:?} and {TARGETS:?}");
            ExitCode::from(2)
        }
    }
}
