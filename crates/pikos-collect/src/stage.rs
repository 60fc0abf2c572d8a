//! The sums as streams of their own, one for each program on each host: whoever watches processes watches these in the same way.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use pikos_client::{End, Facts};
use pikos_os::host;
use pikos_publisher::{Part, Relay, SocketError, Voice, since_epoch};

use crate::collection::Sums;
use crate::key::Key;

/// From one picture to the next, at least,
const INTERVAL: Duration = Duration::from_secs(1);
/// and so many times as long as one takes to make.
const PART: u32 = 10;

type Program = (String, String);

/// Where sums are shown.
pub struct Stage {
    relay: Relay,
    voices: BTreeMap<Program, Voice>,
    next: Instant,
    /// From the last picture to the next.
    interval: Duration,
}

impl Stage {
    /// Opens it, among this user's live processes.
    pub fn open() -> Result<Self, SocketError> {
        let relay = Relay::open(None)?;
        Ok(Self { relay, voices: BTreeMap::new(), next: Instant::now(), interval: INTERVAL })
    }

    /// Whether somebody waits for a picture.
    pub fn is_due(&mut self) -> bool {
        let (listens, came) = self.relay.listeners();
        listens && (came || Instant::now() >= self.next)
    }

    /// Shows the sums, which took so long to make. `running`: how many processes of each program there are.
    pub fn tell(
        &mut self,
        sums: &Sums,
        running: &BTreeMap<Program, usize>,
        took: Duration,
        end: Option<&End>,
    ) {
        let start = Instant::now();
        let mut programs: BTreeMap<(&str, &str), Vec<Part<'_>>> = BTreeMap::new();
        for (Key { host, program, thread }, profile) in sums {
            programs.entry((host, program)).or_default().push(Part { name: thread, profile });
        }
        for ((host, program), parts) in programs {
            let which = (host.to_owned(), program.to_owned());
            let count = running.get(&which).copied().unwrap_or(0);
            let voice = self.voices.entry(which).or_insert_with(|| {
                let id = format!("collected {} {} {host} {program}", host::name(), std::process::id());
                Voice::new(id, facts(host))
            });
            let processes = if count == 1 { "process" } else { "processes" };
            voice.facts_mut().argv =
                vec![format!("{program} on {host}: {count} {processes}").as_str().into()];
            self.relay.send(&voice.message(&parts, self.interval, since_epoch(), end.cloned()));
        }
        self.interval = INTERVAL.max((took + start.elapsed()) * PART);
        self.next = start + self.interval;
    }
}

fn facts(host: &str) -> Facts {
    let now = since_epoch();
    Facts {
        pid: std::process::id(),
        host: host.to_owned(),
        started: now,
        zone: host::zone_at(now),
        pikos: env!("CARGO_PKG_VERSION").to_owned(),
        clock: "monotonic".to_owned(),
        hook: "collected".to_owned(),
        builtins: true,
        ..Facts::default()
    }
}
