//! The thread that looks: sleeps until the next look is due, or somebody wants something of it.
//!
//! What is asked of it comes two ways: from whoever holds the [`Sampling`], and, of a profile that is live, from the mailbox of its
//! publisher, which other profiles' main threads read.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use lsprof_engine::clock;
use pikos_os::thread::{processor_time, wake_in_time};
use pikos_publisher::{Interruptible, Mailbox, Outcome, SharedSampled, Source, StartError, launch, locked};
use pikos_wire::{Command, SAMPLES, Sampled};

use super::ledger::Ledger;
use super::names::Names;
use super::options::{Options, check_rate};
use super::schedule::Schedule;
use super::subject::{Subject, Trouble};
use crate::read::Look;

/// Somebody else's requests wait for this long at most: nothing wakes the thread for them.
const PATIENCE: Duration = Duration::from_millis(50);
/// So often threads are asked after, and named anew.
const TIDY: Duration = Duration::from_secs(1);
/// For so long looks may fail, one after the other.
const HOPE: Duration = Duration::from_secs(3);

/// Why there are no more looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Whoever holds it has stopped it.
    Stopped,
    /// Somebody who watches has asked for it.
    Asked,
    /// The process has ended.
    Over,
    /// It can't be looked at any more, and why.
    Failed(String),
}

/// How things are.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Status {
    /// How samples were taken, since the last clear.
    pub sampled: Sampled,
    /// Whether nothing is collected now.
    pub is_paused: bool,
    /// Seconds of collecting, since the last clear.
    pub elapsed: f64,
    /// How many threads have been seen, since the last clear.
    pub threads: u64,
}

/// A thread that samples.
pub struct Sampling {
    shared: Arc<Shared>,
    thread: Interruptible<Work>,
    process: u32,
}

/// What the thread and its owner tell each other.
struct Shared {
    source: Arc<Source>,
    sampled: SharedSampled,
    orders: Mutex<Orders>,
    /// Rings when there are new orders, and when some have been carried out.
    bell: Condvar,
}

#[derive(Default)]
struct Orders {
    is_paused: bool,
    interval: Option<Duration>,
    wants_clear: bool,
    mailbox: Option<Arc<Mailbox>>,
    rest: bool,
    stop: bool,
    ending: Option<Ending>,
}

/// What the thread works with, and hands back when it is interrupted.
struct Work {
    subject: Box<dyn Subject>,
    ledger: Ledger,
    schedule: Schedule,
    look: Look,
    shared: Arc<Shared>,
    is_paused: bool,
    /// What the thread had of a processor in earlier lives, since the last clear.
    earlier: Duration,
    /// What it had in this one, before the last clear.
    before: Duration,
    tidied: Instant,
    /// Since when looks fail.
    fails: Option<Instant>,
}

impl Sampling {
    /// Looks at the subject from now on, and tells the source, whose facts it completes.
    pub fn start(
        mut subject: Box<dyn Subject>,
        source: Arc<Source>,
        options: &Options,
        names: Box<dyn Names>,
    ) -> Result<Self, StartError> {
        clock::start();
        subject.ask_activity(options.mode == super::Mode::Cpu);
        subject.ask_tasks();
        let asked = options.interval.as_secs_f64();
        let sampled = Arc::new(Mutex::new(Sampled { asked, ..Sampled::default() }));
        source.change(|state| {
            SAMPLES.clone_into(&mut state.facts.counts);
            state.facts.mode = options.mode.to_string();
            state.facts.tree = options.tree.is_some();
            clock::name().clone_into(&mut state.facts.clock);
            state.sampled = Some(Arc::clone(&sampled));
            state.time.start();
        });
        let shared = Arc::new(Shared {
            source: Arc::clone(&source),
            sampled,
            orders: Mutex::default(),
            bell: Condvar::new(),
        });
        let now = Instant::now();
        let work = Work {
            subject,
            ledger: Ledger::new(source, options, names, clock::now()),
            schedule: Schedule::new(options.interval, options.budget, now),
            look: Look::default(),
            shared: Arc::clone(&shared),
            is_paused: false,
            earlier: Duration::ZERO,
            before: Duration::ZERO,
            tidied: now,
            fails: None,
        };
        let thread = start(Box::new(work)).map_err(|(_, error)| error)?;
        Ok(Self { shared, thread: Interruptible::Running(thread), process: std::process::id() })
    }

    /// Carries out what those who watch ask for, from now on.
    pub fn serve(&self, mailbox: &Arc<Mailbox>) {
        self.shared.order(|orders| orders.mailbox = Some(Arc::clone(mailbox)));
    }

    /// Collects no more, until told to.
    pub fn pause(&self) {
        self.shared.order(|orders| orders.is_paused = true);
    }

    /// Collects again.
    pub fn unpause(&self) {
        self.shared.order(|orders| orders.is_paused = false);
    }

    /// Whether nothing is collected now.
    pub fn is_paused(&self) -> bool {
        self.shared.lock().is_paused
    }

    /// Looks this often from now on.
    pub fn set_interval(&self, interval: Duration) {
        locked(&self.shared.sampled).asked = interval.as_secs_f64();
        self.shared.order(|orders| orders.interval = Some(interval));
    }

    /// Forgets all that there was. Returns when that is done.
    pub fn clear(&mut self) {
        if let Interruptible::Resting(work) = &mut self.thread {
            return work.clear();
        }
        self.shared.order(|orders| orders.wants_clear = true);
        let orders = self.shared.lock();
        let has_begun = |orders: &mut Orders| orders.wants_clear && orders.ending.is_none();
        drop(self.shared.bell.wait_while(orders, has_begun).unwrap_or_else(PoisonError::into_inner));
    }

    /// How things are.
    pub fn status(&self) -> Status {
        let state = self.shared.source.lock();
        Status {
            sampled: *locked(&self.shared.sampled),
            is_paused: state.paused,
            elapsed: state.time.read().0.as_secs_f64(),
            threads: state.threads_seen,
        }
    }

    /// Why there are no more looks, once there are none.
    pub fn ending(&self) -> Option<Ending> {
        self.shared.lock().ending.clone()
    }

    /// Waits for that, but not longer than this.
    pub fn wait(&self, at_most: Duration) -> Option<Ending> {
        let runs = |orders: &mut Orders| orders.ending.is_none();
        let waited = self.shared.bell.wait_timeout_while(self.shared.lock(), at_most, runs);
        waited.unwrap_or_else(PoisonError::into_inner).0.ending.clone()
    }

    /// Ends the thread for the time of a fork. Returns how many have ended.
    pub fn rest(&mut self) -> u64 {
        if !self.is_of_this_process() {
            return 0;
        }
        let Self { shared, thread, .. } = self;
        u64::from(thread.rest(|| shared.order(|orders| orders.rest = true)))
    }

    /// Goes on after [`Sampling::rest`].
    pub fn resume(&mut self) {
        if self.is_of_this_process() {
            self.shared.order(|orders| orders.rest = false);
            self.thread.resume(start);
        }
    }

    /// Ends it. The source keeps what there was.
    pub fn stop(&mut self) {
        if self.is_of_this_process() {
            self.resume();
            let Self { shared, thread, .. } = self;
            thread.end(|| shared.order(|orders| orders.stop = true));
        }
    }

    /// False in a child that was forked without a word to us: it has no such thread.
    fn is_of_this_process(&self) -> bool {
        self.process == std::process::id()
    }
}

impl Drop for Sampling {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Orders> {
        locked(&self.orders)
    }

    fn order(&self, change: impl FnOnce(&mut Orders)) {
        change(&mut self.lock());
        self.bell.notify_all();
    }
}

fn start(work: Box<Work>) -> Result<JoinHandle<Box<Work>>, (Box<Work>, StartError)> {
    launch("pikos-sampler", work, |_| Ok(()), |work, ()| run(work))
}

/// Runs until it is to rest or to end.
fn run(mut work: Box<Work>) -> Box<Work> {
    wake_in_time();
    work.schedule.resume(Instant::now());
    work.ledger.resume(clock::now());
    work.before = processor_time();
    let mut last = work.before;
    loop {
        match work.obey() {
            Next::Look => {}
            Next::Again => continue,
            Next::Rest => {
                work.earlier = work.spent();
                return work;
            }
            Next::End(ending) => {
                work.finish(ending);
                return work;
            }
        }
        let looked = work.look();
        let spent = processor_time();
        work.schedule.looked(Instant::now(), spent.saturating_sub(last));
        last = spent;
        work.tell();
        if let Err(ending) = looked {
            work.finish(ending);
            return work;
        }
    }
}

/// What comes next.
enum Next {
    Look,
    Again,
    Rest,
    End(Ending),
}

impl Work {
    /// Carries out what is asked for, and sleeps until there is something else to do.
    fn obey(&mut self) -> Next {
        let shared = Arc::clone(&self.shared);
        let mailbox = shared.lock().mailbox.clone();
        if let Some(ending) = mailbox.as_ref().and_then(|mailbox| self.obey_those_who_watch(mailbox)) {
            return Next::End(ending);
        }
        let mut orders = shared.lock();
        if orders.stop {
            return Next::End(Ending::Stopped);
        }
        if orders.rest {
            return Next::Rest;
        }
        if let Some(interval) = orders.interval.take() {
            self.schedule.set_interval(interval, Instant::now());
        }
        if orders.is_paused != self.is_paused {
            self.set_paused(orders.is_paused);
        }
        if orders.wants_clear {
            drop(orders);
            self.clear();
            shared.order(|orders| orders.wants_clear = false);
            return Next::Again;
        }
        let now = Instant::now();
        let until_look = self.schedule.next().saturating_duration_since(now);
        let time = match (self.is_paused, &mailbox) {
            (false, None) => Some(until_look),
            (false, Some(_)) => Some(until_look.min(PATIENCE)),
            (true, Some(_)) => Some(PATIENCE),
            (true, None) => None,
        };
        if time == Some(Duration::ZERO) {
            return Next::Look;
        }
        // Also woken for no reason: then there is nothing to do, and it sleeps again.
        match time {
            Some(time) => drop(shared.bell.wait_timeout(orders, time)),
            None => drop(shared.bell.wait(orders)),
        }
        Next::Again
    }

    fn obey_those_who_watch(&mut self, mailbox: &Mailbox) -> Option<Ending> {
        while let Some(task) = mailbox.take_task() {
            let outcome = self.carry_out(&task.command);
            mailbox.finish(task.ticket, outcome);
            if task.command == Command::Stop {
                return Some(Ending::Asked);
            }
        }
        None
    }

    fn carry_out(&mut self, command: &Command) -> Outcome {
        match command {
            Command::Pause => self.shared.lock().is_paused = true,
            Command::Resume => self.shared.lock().is_paused = false,
            Command::Rate { hz } => {
                let interval = check_rate(*hz).map_err(|error| error.to_string())?;
                locked(&self.shared.sampled).asked = interval.as_secs_f64();
                self.shared.lock().interval = Some(interval);
            }
            Command::Clear => self.clear(),
            Command::Stop => {}
            other => return Err(format!("{other:?} is not for who samples")),
        }
        let is_paused = self.shared.lock().is_paused;
        // The reply says how things are by then.
        if is_paused != self.is_paused {
            self.set_paused(is_paused);
        }
        Ok(())
    }

    fn set_paused(&mut self, is_paused: bool) {
        self.is_paused = is_paused;
        if !is_paused {
            self.schedule.resume(Instant::now());
            self.ledger.resume(clock::now());
        }
        self.shared.source.change(|state| {
            state.paused = is_paused;
            if is_paused { state.time.stop() } else { state.time.start() }
        });
    }

    fn clear(&mut self) {
        self.ledger.clear(clock::now());
        self.schedule.clear();
        self.schedule.resume(Instant::now());
        (self.earlier, self.before) = (Duration::ZERO, processor_time());
        self.shared.source.change(|state| state.time.reset());
        self.tell();
    }

    fn look(&mut self) -> Result<(), Ending> {
        let now = clock::now();
        match self.subject.look(&mut self.look) {
            Ok(()) => {
                self.fails = None;
                self.ledger.add(&self.look, &*self.subject, now);
            }
            Err(Trouble::Over) => return Err(Ending::Over),
            Err(Trouble::Failed(reason)) => {
                if self.fails.get_or_insert_with(Instant::now).elapsed() > HOPE {
                    return Err(Ending::Failed(reason));
                }
            }
        }
        if self.tidied.elapsed() > TIDY {
            self.tidied = Instant::now();
            self.ledger.tidy(&*self.subject);
            self.shared.source.change(|state| state.time.keep());
        }
        Ok(())
    }

    /// What looking has taken of a processor, since the last clear.
    fn spent(&self) -> Duration {
        self.earlier + processor_time().saturating_sub(self.before)
    }

    /// Tells how it went so far.
    fn tell(&self) {
        let (samples, torn) = self.ledger.figures();
        let (mean, deviation) = self.schedule.kept();
        let mut sampled = locked(&self.shared.sampled);
        *sampled = Sampled {
            asked: sampled.asked,
            mean,
            deviation,
            looks: self.schedule.looks(),
            samples,
            torn,
            missed: self.schedule.missed(),
            cpu: self.spent().as_secs_f64(),
        };
    }

    fn finish(&mut self, ending: Ending) {
        if ending == Ending::Over {
            self.ledger.end();
        }
        self.tell();
        self.shared.source.change(|state| state.time.stop());
        self.shared.order(|orders| orders.ending = Some(ending));
    }
}

#[cfg(test)]
#[path = "sampling_tests.rs"]
mod tests;
