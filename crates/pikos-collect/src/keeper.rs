//! When what is done: messages first, and between them pictures for whoever looks, the disk, and the server that is pushed to.
//!
//! Writing and sending are done by threads of their own: messages don't wait for a disk. Where that fails, nothing is forgotten: what was
//! added since the last time that it worked is written or sent the next time.

use std::collections::HashSet;
use std::io;
use std::mem::{Discriminant, discriminant};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use pikos_client::{ClientError, End, WireError};
use pikos_publisher::since_epoch;

use crate::collection::{Collection, Counts, Sums};
use crate::disk::{Disk, DiskError};
use crate::growth;
use crate::push::Push;
use crate::stage::Stage;
use crate::state::State;

/// All that is known is written this often, at least.
const CHECKPOINT: Duration = Duration::from_secs(60);

/// Messages are taken in before pictures are made, but for so long at most: somebody may flood us.
const STALE: Duration = Duration::from_secs(2);

/// At the end, messages that wait are taken in for so long at most,
const LAST: Duration = Duration::from_secs(5);
/// and until none has come for so long.
const QUIET: Duration = Duration::from_millis(100);

/// How often.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How long a slice is.
    pub every: Duration,
    /// From one push to the next.
    pub push_every: Duration,
}

/// What the user is to be told.
pub type News = String;

/// Sums, and since when they are of interest to somebody.
#[derive(Clone, Default)]
struct Mark {
    at: f64,
    sums: Sums,
}

/// Works with a collection.
pub struct Keeper {
    collection: Collection,
    stage: Option<Stage>,
    disk: Option<Saver>,
    push: Option<Pusher>,
    plan: Plan,
    /// When it was seen to last that whoever looks has a picture.
    shown: Instant,
    /// What the user knows of messages that were refused.
    refused: HashSet<Discriminant<WireError>>,
}

struct Saver {
    work: Worker<Save>,
    disk: Arc<Disk>,
    /// What was known when the slice began.
    slice: Mark,
    next: Instant,
    next_slice: Instant,
}

struct Pusher {
    work: Worker<Sent>,
    pushed: Mark,
    next: Instant,
}

/// A thing for the disk.
struct Save {
    state: State,
    sums: Sums,
    /// A slice that is over.
    grown: Option<Sums>,
    at: f64,
}

/// A thing for the server.
struct Sent {
    from: f64,
    until: f64,
    grown: Sums,
}

impl Keeper {
    /// Takes up what the disk has of an earlier one. The sentences are for the user.
    pub fn new(
        mut collection: Collection,
        disk: Option<Disk>,
        push: Option<Push>,
        plan: Plan,
    ) -> Result<(Self, Vec<News>), DiskError> {
        let mut news = Vec::new();
        let now = Instant::now();
        let mut slice = Mark::default();
        if let Some(disk) = &disk {
            let (state, told) = disk.restore()?;
            news.extend(told);
            slice.at = disk.beginning(since_epoch(), None);
            if let Some(State { memory, began, then }) = state {
                slice = Mark { at: began, sums: then };
                collection.restore(memory);
            }
        }
        let pushed = Mark { at: since_epoch(), sums: collection.sums() };
        let disk = disk.map(|disk| {
            let disk = Arc::new(disk);
            let writer = Arc::clone(&disk);
            Ok::<_, io::Error>(Saver {
                disk,
                work: Worker::start("pikos-disk", move |Save { mut state, sums, grown, at }: Save| {
                    if let Some(grown) = grown {
                        writer.save_slice(state.began, &grown).map_err(|problem| problem.to_string())?;
                        (state.began, state.then) = (at, sums.clone());
                    }
                    writer.save(&state, &sums).map_err(|problem| problem.to_string())
                })?,
                slice,
                next: now + CHECKPOINT.min(plan.every),
                next_slice: now + plan.every,
            })
        });
        let push = push.map(|push| {
            Ok::<_, io::Error>(Pusher {
                work: Worker::start("pikos-push", move |Sent { from, until, grown }: Sent| {
                    push.send(from, until, &grown).map_err(|problem| problem.to_string())
                })?,
                pushed,
                next: now + plan.push_every,
            })
        });
        let (disk, push) =
            (disk.transpose().map_err(DiskError::Thread)?, push.transpose().map_err(DiskError::Thread)?);
        let stage =
            Stage::open().map_err(|problem| news.push(format!("it can't be watched here: {problem}"))).ok();
        Ok((Self { collection, stage, disk, push, plan, shown: now, refused: HashSet::new() }, news))
    }

    /// How many processes there are.
    pub fn counts(&self) -> Counts {
        self.collection.counts()
    }

    /// Takes in what comes, for so long at most, and does what is due. What the user is to be told comes back.
    pub fn turn(&mut self, timeout: Duration) -> Result<Vec<News>, ClientError> {
        self.collection.poll(timeout)?;
        let mut news = Vec::new();
        for problem in self.collection.take_problems() {
            // One of each kind: whoever sends nonsense sends it often.
            if self.refused.insert(discriminant(&problem)) {
                news.push(format!("a message was refused: {problem}"));
            }
        }
        if !self.collection.is_behind() || self.shown.elapsed() > STALE {
            self.show(None);
        }
        self.save(&mut news);
        self.send(&mut news);
        Ok(news)
    }

    /// Writes and sends all that is left. The sentences say what could not be.
    pub fn finish(mut self) -> Vec<News> {
        // What has come and wasn't taken in yet: on a busy machine that may be much.
        let start = Instant::now();
        while start.elapsed() < LAST && matches!(self.collection.poll(QUIET), Ok(true)) {}
        self.show(Some(&End { how: "disabled".to_owned(), detail: String::new() }));
        let now = Instant::now();
        // What is under way may fail: what is left is tried once more.
        let mut news = Vec::new();
        if let Some(saver) = &mut self.disk {
            saver.learn(true, &mut news);
            (saver.next, saver.next_slice) = (now, now);
        }
        if let Some(pusher) = &mut self.push {
            pusher.learn(true, &mut news);
            pusher.next = now;
        }
        self.save(&mut news);
        self.send(&mut news);
        let mut left = Vec::new();
        if let Some(saver) = &mut self.disk {
            saver.learn(true, &mut news);
            left.extend(saver.work.problem.take().map(|problem| format!("not all is written: {problem}")));
        }
        if let Some(pusher) = &mut self.push {
            pusher.learn(true, &mut news);
            left.extend(pusher.work.problem.take().map(|problem| format!("not all is pushed: {problem}")));
        }
        left
    }

    fn show(&mut self, end: Option<&End>) {
        self.shown = Instant::now();
        let Some(stage) = &mut self.stage else { return };
        if stage.is_due() || end.is_some() {
            let start = Instant::now();
            let sums = self.collection.sums();
            stage.tell(&sums, &self.collection.running(), start.elapsed(), end);
        }
    }

    fn save(&mut self, news: &mut Vec<News>) {
        let Some(saver) = &mut self.disk else { return };
        let now = Instant::now();
        saver.learn(false, news);
        if saver.work.is_busy() || now < saver.next.min(saver.next_slice) {
            return;
        }
        let memory = self.collection.memory();
        let sums = memory.sums();
        let at = saver.disk.beginning(since_epoch(), Some(saver.slice.at));
        let is_slice = now >= saver.next_slice;
        let grown = is_slice.then(|| grown(&sums, &saver.slice.sums));
        let state = State { memory, began: saver.slice.at, then: saver.slice.sums.clone() };
        let mark = is_slice.then(|| Mark { at, sums: sums.clone() });
        saver.work.give(Save { state, sums, grown, at }, mark);
        saver.next = now + CHECKPOINT.min(self.plan.every);
        if is_slice {
            saver.next_slice = now + self.plan.every;
        }
    }

    fn send(&mut self, news: &mut Vec<News>) {
        let Some(pusher) = &mut self.push else { return };
        let now = Instant::now();
        pusher.learn(false, news);
        if pusher.work.is_busy() || now < pusher.next {
            return;
        }
        let (sums, until) = (self.collection.sums(), since_epoch());
        let grown = grown(&sums, &pusher.pushed.sums);
        pusher.work.give(Sent { from: pusher.pushed.at, until, grown }, Some(Mark { at: until, sums }));
        pusher.next = now + self.plan.push_every;
    }
}

/// What was added, of those that have something new.
fn grown(now: &Sums, then: &Sums) -> Sums {
    let grown = now.iter().map(|(key, profile)| (key.clone(), growth::since(profile, then.get(key))));
    grown.filter(|(_, profile)| profile.rows().next().is_some()).collect()
}

impl Saver {
    fn learn(&mut self, waits: bool, news: &mut Vec<News>) {
        self.slice = self.work.learn(waits, "written", news).unwrap_or(std::mem::take(&mut self.slice));
    }
}

impl Pusher {
    fn learn(&mut self, waits: bool, news: &mut Vec<News>) {
        self.pushed = self.work.learn(waits, "pushed", news).unwrap_or(std::mem::take(&mut self.pushed));
    }
}

/// A thread that does one thing after another.
struct Worker<J> {
    jobs: SyncSender<J>,
    done: Receiver<Result<(), String>>,
    /// What is under way, and what is true when it is done.
    under_way: Option<Option<Mark>>,
    /// What went wrong last, as the user was told.
    problem: Option<String>,
}

impl<J: Send + 'static> Worker<J> {
    fn start(name: &str, mut work: impl FnMut(J) -> Result<(), String> + Send + 'static) -> io::Result<Self> {
        let (jobs, todo) = sync_channel::<J>(1);
        let (results, done) = sync_channel(1);
        let work = move || todo.into_iter().for_each(|job| drop(results.send(work(job))));
        thread::Builder::new().name(name.to_owned()).spawn(work)?;
        Ok(Self { jobs, done, under_way: None, problem: None })
    }

    fn is_busy(&self) -> bool {
        self.under_way.is_some()
    }

    fn give(&mut self, job: J, mark: Option<Mark>) {
        self.under_way = self.jobs.try_send(job).is_ok().then_some(mark);
    }

    /// Takes in what came of the thing under way, and waits for it if asked to. What is true now, if it went well.
    fn learn(&mut self, waits: bool, what: &str, news: &mut Vec<News>) -> Option<Mark> {
        self.under_way.as_ref()?;
        let result = match waits {
            true => self.done.recv().unwrap_or_else(|_| Err("its thread has ended".to_owned())),
            false => match self.done.try_recv() {
                Ok(result) => result,
                Err(TryRecvError::Empty) => return None,
                Err(TryRecvError::Disconnected) => Err("its thread has ended".to_owned()),
            },
        };
        let mark = self.under_way.take().flatten();
        match result {
            Ok(()) => {
                if self.problem.take().is_some() {
                    news.push(format!("all is {what} again"));
                }
                mark
            }
            Err(problem) => {
                if self.problem.as_ref() != Some(&problem) {
                    news.push(format!(
                        "not {what}: {problem}; what was collected is kept in memory, and it is tried again"
                    ));
                    self.problem = Some(problem);
                }
                None
            }
        }
    }
}
