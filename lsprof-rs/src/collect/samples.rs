//! Times by samples, of one profile: a native thread that looks at the stacks of all its recorders, and when it runs.
//!
//! It never touches Python, so it can be waited for with the GIL held. It runs while the profile records, and ends for the time
//! of a fork. How a look is taken: the engine's `samples.rs`; what its times are worth: docs/design/sampled-times.md.

use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use lsprof_engine::{Looks, Sampler, Ticks, clock, mix};
use pikos_os::thread::processor_time;
use pikos_publisher::{Interruptible, StartError, launch, locked};
use pyo3::Python;

use crate::ffi::gil::GilCell;
use crate::ffi::thread::Mark;

/// The thread may have so much of a processor: where a look takes longer, the next one comes later.
const MOST: f64 = 0.05;

/// All of this process that have been started.
static ALL: GilCell<RefCell<Vec<Weak<Samples>>>> = GilCell::new(RefCell::new(Vec::new()));

/// The looks of one profile.
pub struct Samples {
    shared: Arc<Shared>,
    thread: RefCell<Interruptible<Work>>,
}

struct Shared {
    /// In a child that was forked without a word to us, the lock may be held by a thread which that process doesn't have.
    process: AtomicU32,
    interval: Duration,
    /// When recording went on, in ticks; 0 before. Not when the thread is under way, which on a busy machine is later.
    began: AtomicU64,
    looks: Arc<Looks>,
    threads: Mutex<Vec<Sampled>>,
    is_over: Mutex<bool>,
    wake: Condvar,
}

/// A thread of the program.
struct Sampled {
    number: u64,
    ended: Arc<AtomicBool>,
    sampler: Sampler,
}

/// What the thread works with.
struct Work {
    shared: Arc<Shared>,
    /// Of the intervals.
    random: u64,
}

impl Samples {
    /// Looks so often, when it is started.
    pub fn new(interval: Duration) -> Rc<Self> {
        let shared = Shared {
            process: AtomicU32::new(std::process::id()),
            interval,
            began: AtomicU64::new(0),
            looks: Arc::default(),
            threads: Mutex::default(),
            is_over: Mutex::new(false),
            wake: Condvar::new(),
        };
        Rc::new(Self { shared: Arc::new(shared), thread: RefCell::new(Interruptible::Over) })
    }

    /// How often was looked.
    pub fn looks(&self) -> &Arc<Looks> {
        &self.shared.looks
    }

    /// Looks at this thread, too.
    pub fn add(&self, mark: &Mark, sampler: Sampler) {
        if self.is_of_this_process() {
            let ended = Arc::clone(&mark.ended);
            locked(&self.shared.threads).push(Sampled { number: mark.number, ended, sampler });
        }
    }

    /// Begins to look.
    pub fn start(self: &Rc<Self>, py: Python<'_>) -> Result<(), StartError> {
        if !self.is_of_this_process() {
            return Ok(());
        }
        self.stop();
        let work = Work { shared: Arc::clone(&self.shared), random: clock::now().0 };
        let started = start(Box::new(work)).map_err(|(_, error)| error)?;
        self.thread.replace(Interruptible::Running(started));
        let mut all = ALL.get(py).borrow_mut();
        all.retain(|other| other.strong_count() > 0 && !std::ptr::eq(other.as_ptr(), Rc::as_ptr(self)));
        all.push(Rc::downgrade(self));
        Ok(())
    }

    /// Looks no more.
    pub fn stop(&self) {
        if self.is_of_this_process() {
            self.thread.borrow_mut().end(|| self.shared.end());
        }
    }

    /// Forgets all threads.
    pub fn forget(&self) {
        if self.is_of_this_process() {
            let mut threads = locked(&self.shared.threads);
            threads.clear();
            self.shared.looks.forget();
        }
    }

    fn is_of_this_process(&self) -> bool {
        self.shared.process.load(Ordering::Relaxed) == std::process::id()
    }
}

impl Drop for Samples {
    fn drop(&mut self) {
        self.stop();
        if !self.is_of_this_process() {
            // The thread is the parent's: nobody to wait for.
            std::mem::forget(self.thread.replace(Interruptible::Over));
        }
    }
}

/// Ends all threads for the time of a fork. Returns how many.
pub fn rest_all(py: Python<'_>) -> u64 {
    let mut ended = 0;
    for_each(py, |samples| {
        if samples.is_of_this_process() {
            ended += u64::from(samples.thread.borrow_mut().rest(|| samples.shared.end()));
        }
    });
    ended
}

/// Starts them again.
pub fn resume_all(py: Python<'_>) {
    for_each(py, |samples| {
        if samples.is_of_this_process() {
            samples.thread.borrow_mut().resume(start);
        }
    });
}

/// Starts them in a forked child, which has no thread but the running one.
pub fn resume_all_in_child(py: Python<'_>, running: Option<Mark>) {
    for_each(py, |samples| {
        let is_resting = matches!(*samples.thread.borrow(), Interruptible::Resting(_));
        if !is_resting {
            return;
        }
        samples.shared.process.store(std::process::id(), Ordering::Relaxed);
        let is_here = |thread: &Sampled| running.as_ref().is_some_and(|mark| mark.number == thread.number);
        locked(&samples.shared.threads).retain(is_here);
        samples.thread.borrow_mut().resume(start);
    });
}

fn for_each(py: Python<'_>, mut act: impl FnMut(&Rc<Samples>)) {
    let all: Vec<_> = ALL.get(py).borrow().iter().filter_map(Weak::upgrade).collect();
    all.iter().for_each(&mut act);
}

fn start(work: Box<Work>) -> Result<std::thread::JoinHandle<Box<Work>>, (Box<Work>, StartError)> {
    let shared = Arc::clone(&work.shared);
    *locked(&shared.is_over) = false;
    shared.began.store(0, Ordering::Relaxed);
    let started = launch("pikos-samples", work, |_| Ok(()), |work, ()| run(work))?;
    shared.began.store(clock::now().0, Ordering::Relaxed);
    Ok(started)
}

fn run(mut work: Box<Work>) -> Box<Work> {
    let shared = Arc::clone(&work.shared);
    let mut last = None;
    let mut took = Duration::ZERO;
    loop {
        let pause = work.interval().max(took.mul_f64(1.0 / MOST));
        let is_over = shared.waits_in_vain(pause);
        let since = last.or_else(|| shared.began());
        if is_over {
            if let Some(since) = since {
                shared.settle(clock::now().since(since));
            }
            return work;
        }
        let Some(since) = since else { continue };
        let before = processor_time();
        let now = clock::now();
        shared.look(now.since(since));
        last = Some(now);
        took = processor_time().saturating_sub(before);
    }
}

impl Work {
    /// Half to one and a half of the asked one, so that looks don't keep step with the program.
    fn interval(&mut self) -> Duration {
        self.random = mix(self.random.wrapping_add(0x9e37_79b9_7f4a_7c15));
        let part = (self.random >> 11) as f64 / (1_u64 << 53) as f64;
        self.shared.interval.mul_f64(0.5 + part)
    }
}

impl Shared {
    fn began(&self) -> Option<Ticks> {
        let began = self.began.load(Ordering::Relaxed);
        (began != 0).then_some(Ticks(began))
    }

    /// The threads that there are have run, or stood, since the last look.
    fn look(&self, worth: Ticks) {
        // Whoever has the lock writes.
        let mut threads = locked(&self.threads);
        self.looks.add(worth);
        threads.retain_mut(|thread| {
            let is_over = thread.ended.load(Ordering::Acquire);
            if !is_over {
                thread.sampler.look(worth);
            }
            !is_over
        });
    }

    /// No look comes any more: what has gone by since the last one is as that found it.
    fn settle(&self, rest: Ticks) {
        locked(&self.threads).iter_mut().for_each(|thread| thread.sampler.give(rest));
    }

    /// Whether it was ended before the time was up.
    fn waits_in_vain(&self, pause: Duration) -> bool {
        let waited = self.wake.wait_timeout_while(locked(&self.is_over), pause, |is_over| !*is_over);
        *waited.unwrap_or_else(std::sync::PoisonError::into_inner).0
    }

    fn end(&self) {
        *locked(&self.is_over) = true;
        self.wake.notify_all();
    }
}
