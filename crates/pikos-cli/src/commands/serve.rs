//! `pikos serve`: profiles in the browser.

use std::io::{self, Write};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use pikos_client::{ClientError, Listener, Target};
use pikos_serve::{Address, Options, Server, Sources, Watched};
use pikos_views::{Feed, Labels, Live, Profiles, Streams, printable};

use crate::args::{InputArgs, ServeArgs};
use crate::commands::listen;
use crate::error::Error;
use crate::files;
use crate::outcome::Outcome;
use crate::progress::Progress;
use crate::top::terminal::Signals;

/// How long the first messages may take before the address is printed without them.
const PATIENCE: Duration = Duration::from_millis(500);
/// Beside a program, so long after its end the first viewer may come: browsers start slowly.
const FIRST_VIEWER: Duration = Duration::from_secs(60);
/// So long after the last viewer has gone another may come: a page may be loaded anew.
const NEXT_VIEWER: Duration = Duration::from_secs(15);

pub fn run(args: &ServeArgs) -> Result<Outcome, Error> {
    // Before it is said that Ctrl-C ends it.
    let signals = Signals::new().map_err(Error::Output)?;
    let address = Address { listen: args.listen, is_remote: args.remote, port: args.port };
    let options = Options { address, read_only: args.read_only, version: env!("CARGO_PKG_VERSION") };
    let wanted = Wanted::of(args)?;
    let server = Server::bind(options)?;
    let sources = wanted.open(args)?;
    let mut out = io::stdout().lock();
    writeln!(out, "{}", server.url())?;
    out.flush()?;
    drop(out);
    if !args.beside {
        say_what_next(args, &sources);
    }
    if args.open {
        open(server.url_once(), args.beside);
    }
    let mut ending = Ending::new();
    server
        .run(sources, &mut |watched| signals.seen().is_some() || (args.beside && ending.has_come(watched)))?;
    Ok(Outcome::Fine)
}

/// `pikos view --web`: files alone, and the page at once.
pub fn files(inputs: Vec<PathBuf>, input: &InputArgs) -> Result<Outcome, Error> {
    run(&ServeArgs {
        inputs,
        bind: None,
        port: None,
        open: true,
        read_only: false,
        listen: None,
        remote: false,
        beside: false,
        input: input.clone(),
    })
}

/// What is to be shown, as the command line names it.
struct Wanted {
    targets: Vec<Target>,
    files: Vec<PathBuf>,
    /// Whether live processes are wanted: always, unless only files are named.
    is_live: bool,
}

impl Wanted {
    fn of(args: &ServeArgs) -> Result<Self, Error> {
        let (mut targets, mut files) = (Vec::new(), Vec::new());
        for input in &args.inputs {
            match input.to_str().and_then(|text| text.parse::<Target>().ok()) {
                Some(target) => targets.push(target),
                None if files::is_pipe(input) || input.exists() => files.push(input.clone()),
                None => return Err(Error::NoInput { path: input.clone() }),
            }
        }
        if args.bind.is_some() && !targets.is_empty() {
            let is_target = |input: &&PathBuf| !files.contains(input);
            let first = args.inputs.iter().find(is_target).map(|input| input.display().to_string());
            return Err(Error::BindsAndConnects(first.unwrap_or_default()));
        }
        let is_live = !targets.is_empty() || files.is_empty() || args.bind.is_some();
        Ok(Self { targets, files, is_live })
    }

    fn open(self, args: &ServeArgs) -> Result<Sources, Error> {
        let mut sources = Sources::default();
        if !self.files.is_empty() {
            let mut progress = Progress::new("reading", self.files.len());
            let files = Profiles::open(
                &self.files,
                &args.input.options(),
                |profile| profile,
                |path, notes| {
                    files::tell(path, notes);
                    progress.step();
                },
            );
            sources.files = Some(files?);
        }
        if self.is_live {
            let listener: Result<Listener<Labels>, ClientError> = match &args.bind {
                Some(endpoint) => Listener::bind_with_records(endpoint),
                None => Listener::connect_with_records(&self.targets),
            };
            let listener = listener.map_err(|problem| match problem {
                ClientError::NotLive(_) => Error::NotLive(problem),
                problem => Error::Listen(problem),
            })?;
            let mut streams = Streams::new(listener);
            if !args.beside {
                streams.await_first(PATIENCE);
            }
            let feed: Box<dyn Feed> = Box::new(streams);
            sources.live = Some(Live::new(feed));
        }
        Ok(sources)
    }
}

fn say_what_next(args: &ServeArgs, sources: &Sources) {
    if args.remote {
        eprintln!(
            "pikos: others can reach this address: who has it, or reads it from the network, sees these profiles{}",
            if args.read_only { "" } else { " and controls these processes" }
        );
    }
    if sources.live.as_ref().is_some_and(Live::is_empty) && sources.files.is_none() && args.bind.is_none() {
        eprintln!("pikos: {}: it appears by itself", listen::NOBODY);
    }
    let next = if args.open { "" } else { "open this address in a browser; " };
    eprintln!("pikos: {next}Ctrl-C ends the server");
}

/// Some openers run as long as their browser: nobody waits for them.
fn open(url: String, is_silent: bool) {
    let opened = thread::Builder::new().name("pikos-browser".to_owned()).spawn(move || {
        if let Err(problem) = pikos_os::browser::open_address(&url) {
            if !is_silent {
                let problem = problem.to_string();
                eprintln!(
                    "pikos: no browser could be opened ({}): open the address yourself",
                    printable(&problem)
                );
            }
        }
    });
    // Without a thread the address is there to be opened by hand.
    drop(opened);
}

/// When a server that was started beside a program is no longer needed.
struct Ending {
    began: Instant,
    /// When the program was found to be over.
    over: Option<Instant>,
    /// When somebody looked last.
    last_viewer: Option<Instant>,
}

impl Ending {
    fn new() -> Self {
        Self { began: Instant::now(), over: None, last_viewer: None }
    }

    fn has_come(&mut self, watched: Watched) -> bool {
        let now = Instant::now();
        if watched.viewers > 0 {
            self.last_viewer = Some(now);
            return false;
        }
        // One that was never heard of has ended before it said anything.
        let is_over = watched.is_over || (watched.heard == 0 && self.began.elapsed() > FIRST_VIEWER);
        if !is_over {
            self.over = None;
            return false;
        }
        let over = *self.over.get_or_insert(now);
        match self.last_viewer {
            Some(last) => last.max(over).elapsed() > NEXT_VIEWER,
            None => over.elapsed() > FIRST_VIEWER,
        }
    }
}
