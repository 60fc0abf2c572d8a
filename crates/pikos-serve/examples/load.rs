//! What a server takes with many processes and viewers: processes that are made up, each with new figures every half second.
//!
//! ```sh
//! cargo run --release -p pikos-serve --example load -- 20 10000 100    # processes, functions of each, viewers of the first one
//! ```
//! Prints memory and CPU time once a second, for 30 seconds. The viewers are threads of this process: their time is in it.

use std::env;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use pikos_serve::{Address, Options, Server, Sources};
use pikos_views::{
    Command, Error, Feed, Health, Heard, Live, Phase, ProfileSender, Run, Sender, Shown, Thread,
};
use pstats_compat::{Calls, Function, Profile};

const INTERVAL: Duration = Duration::from_millis(500);
const SECONDS: u64 = 30;

struct Made {
    number: usize,
    functions: usize,
    sequence: u64,
}

impl Sender for Made {
    fn title(&self) -> String {
        format!("made-{}.py", self.number)
    }
    fn pid(&self) -> u32 {
        self.number as u32 + 1
    }
    fn host(&self) -> Option<String> {
        None
    }
    fn phase(&self) -> Phase {
        Phase::Running
    }
    fn health(&self) -> Health {
        Health { interval: Some(INTERVAL.as_secs_f64()), ..Health::default() }
    }
    fn sequence(&self) -> u64 {
        self.sequence
    }
    fn age(&self) -> f64 {
        self.sequence as f64 * INTERVAL.as_secs_f64()
    }
}

impl ProfileSender for Made {
    fn functions(&self) -> usize {
        self.functions
    }
    fn label(&self, function: usize) -> Function {
        let (file, name) =
            (format!("/srv/made/{}/m{}.py", self.number, function % 97), format!("function_{function}"));
        Function::new(file.as_str().into(), function as u32 + 1, name.as_str().into(), Calls::default())
    }
    fn figures(&self, function: usize, _: Option<u64>) -> Option<Shown> {
        // A tenth of the functions runs in each interval.
        let ran = self.sequence / 10 + u64::from(function as u64 % 10 < self.sequence % 10);
        let seconds = ran as f64 * 0.000_123 * (function % 7 + 1) as f64;
        let calls = ran as i64 * 17;
        Some(Shown {
            ncalls: calls,
            primitive_calls: calls,
            tottime: seconds,
            cumtime: 2.0 * seconds,
            ..Shown::default()
        })
    }
    fn edges(&self, of: Option<usize>, _: Option<u64>, each: &mut dyn FnMut(usize, usize, Shown)) {
        // Three callers of each, which call it equally often.
        for callee in of.map_or(0..self.functions, |one| one..one + 1) {
            let Some(figures) = self.figures(callee, None) else { continue };
            let part = Shown {
                ncalls: figures.ncalls / 3,
                primitive_calls: figures.ncalls / 3,
                tottime: figures.tottime / 3.0,
                cumtime: figures.cumtime / 3.0,
                ..Shown::default()
            };
            for caller in [callee / 2, callee * 7 + 3, callee * 31 + 11] {
                each(caller % self.functions, callee, part);
            }
        }
    }
    fn threads(&self) -> Vec<Thread> {
        Vec::new()
    }
    fn run(&self) -> Run {
        let time = 1_700_000_000.0 + self.age();
        Run { time, started: 1_700_000_000.0, ..Run::default() }
    }
    fn profile(&self, _: Option<u64>) -> Profile {
        Profile::default()
    }
}

struct Many {
    all: Vec<Made>,
    next: Instant,
}

impl Feed for Many {
    fn poll(&mut self) -> bool {
        let is_due = Instant::now() >= self.next;
        if is_due {
            self.all.iter_mut().for_each(|made| made.sequence += 1);
            self.next += INTERVAL;
        }
        is_due
    }
    fn heard(&self) -> Vec<Heard<'_>> {
        self.all.iter().map(|made| Heard::Profile(made)).collect()
    }
    fn command(&mut self, _: usize, _: &Command) -> Result<(), Error> {
        Err(Error::NoCommands)
    }
}

fn main() {
    let mut numbers = env::args().skip(1).map(|text| text.parse::<usize>().expect("a number"));
    let [processes, functions, viewers] = [20, 10_000, 1].map(|usual| numbers.next().unwrap_or(usual));
    let address = Address { port: Some(0), ..Address::default() };
    let server = Server::bind(Options { address, read_only: true, version: "load" }).expect("a free port");
    let url = server.url();
    let (host, token) = url.trim_start_matches("http://").split_once("/?token=").expect("an address");
    for _ in 0..viewers {
        let (host, token) = (host.to_owned(), token.to_owned());
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(300));
            let mut stream = TcpStream::connect(&host).expect("it listens");
            let request = format!(
                "GET /api/events?scope=p0 HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n"
            );
            stream.write_all(request.as_bytes()).expect("sent");
            let mut bytes = vec![0; 1 << 16];
            while stream.read(&mut bytes).is_ok_and(|count| count > 0) {}
        });
    }
    let made = (0..processes).map(|number| Made { number, functions, sequence: 1 });
    let feed: Box<dyn Feed> = Box::new(Many { all: made.collect(), next: Instant::now() });
    let start = Instant::now();
    let mut told = 0;
    let sources = Sources { live: Some(Live::new(feed)), files: None };
    let mut is_over = |watched: pikos_serve::Watched| {
        if start.elapsed().as_secs() > told {
            told = start.elapsed().as_secs();
            println!("{told} s: {} viewers, {}", watched.viewers, spent());
        }
        told >= SECONDS
    };
    server.run(sources, &mut is_over).expect("it serves");
}

/// Memory and CPU time of each thread that is at work, where the system tells.
fn spent() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let memory =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or(" ?").trim().to_owned();
    let mut times = Vec::new();
    for task in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let Ok(stat) = std::fs::read_to_string(task.path().join("stat")) else { continue };
        let Some((name, rest)) = stat.split_once('(').and_then(|(_, rest)| rest.rsplit_once(')')) else {
            continue;
        };
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let ticks: u64 = fields.iter().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
        if task.file_name() == *std::process::id().to_string() {
            times.push(format!("desk {:.2} s", ticks as f64 / 100.0));
        } else if name.starts_with("pikos-http") {
            times.push(format!("http {:.2} s", ticks as f64 / 100.0));
        }
    }
    format!("{memory}, {}", times.join(", "))
}
