//! `pikos record -o NAME.parquet`: keeps the records that recorders of the toolkit send.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use parquet::errors::ParquetError;
use pikos_client::Records;
use pikos_views::printable;

use super::files_of_processes::{Files, file_of};
use super::listen;
use crate::args::RecordArgs;
use crate::error::Error;
use crate::outcome::Outcome;
use crate::records_file::RecordsFile;
use crate::top::terminal::Signals;

const PACE: Duration = Duration::from_millis(100);
/// A message holds the records of this time before it was sent, in seconds, or of less.
const INTERVAL: f64 = 0.05;

/// What a name has to end in.
pub fn is_wanted(args: &RecordArgs) -> bool {
    args.format.is_none() && args.output.extension().is_some_and(|ending| ending == "parquet")
}

/// One recorder.
struct Heard {
    file: RecordsFile,
    pid: u32,
    /// When the newest message was sent.
    time: f64,
    seq: u64,
    epoch: u64,
    /// Records that the program couldn't send.
    dropped: u64,
    /// Messages that didn't come.
    lost: u64,
}

pub fn run(args: &RecordArgs) -> Result<Outcome, Error> {
    if args.merge {
        return Err(Error::MergesRecords);
    }
    let signals = Signals::new().map_err(Error::Output)?;
    let mut batches = listen::to_recorders(&args.from)?;
    eprintln!("pikos: recording what toolkit recorders send; Ctrl-C ends it and saves");
    let is_alone = args.from.bind.is_none() && args.from.targets.len() == 1;
    let mut files = Files::new();
    let mut heard: HashMap<String, Heard> = HashMap::new();
    let mut began = None;
    let mut outcome = Outcome::Failed;
    let mut counts_objects = None;
    while signals.seen().is_none() && !batches.is_over() {
        let Some(records) = batches.next(PACE) else {
            let gone = heard.iter().filter(|(_, them)| batches.is_gone(them.pid));
            let gone: Vec<String> = gone.map(|(id, _)| id.clone()).collect();
            for them in gone.iter().filter_map(|id| heard.remove(id)) {
                outcome = them.finish("vanished (killed?)")?;
            }
            continue;
        };
        if records.types.is_some() {
            if is_alone {
                return Err(Error::ObjectsOnly(records.pid));
            }
            counts_objects = Some(records.pid);
            continue;
        }
        let began = *began.get_or_insert(records.time - INTERVAL);
        if !heard.contains_key(&records.id) {
            let path = file_of(&args.output, !is_alone, records.pid, &mut files);
            heard.insert(records.id.clone(), Heard::new(&path, &records)?);
        }
        let them = heard.get_mut(&records.id).expect("it was put there");
        them.take(&records, began)?;
        if records.end
            && let Some(them) = heard.remove(&records.id)
        {
            outcome = them.finish("ended")?;
        }
    }
    for (_, them) in heard {
        let how = if batches.is_gone(them.pid) { "vanished (killed?)" } else { "is still running" };
        outcome = them.finish(how)?;
    }
    match counts_objects {
        _ if !files.is_empty() => Ok(outcome),
        Some(pid) => Err(Error::ObjectsOnly(pid)),
        None => Err(Error::NobodyHeard),
    }
}

impl Heard {
    fn new(path: &Path, records: &Records) -> Result<Self, Error> {
        let file = RecordsFile::create(path, &records.fields).map_err(|source| written(path, source))?;
        let (pid, time) = (records.pid, records.time - INTERVAL);
        Ok(Self { file, pid, time, seq: records.seq - 1, epoch: records.epoch, dropped: 0, lost: 0 })
    }

    fn take(&mut self, records: &Records, began: f64) -> Result<(), Error> {
        self.lost += records.seq - self.seq - 1;
        (self.seq, self.dropped) = (records.seq, records.dropped);
        if records.epoch != self.epoch {
            // All that was told is void.
            self.file.begin_anew().map_err(|source| written(&self.file.path, source))?;
            self.epoch = records.epoch;
        }
        let between = (self.time.max(records.time - INTERVAL) - began, records.time - began);
        self.time = records.time;
        // A recorder doesn't change its fields: who does is none.
        if !self.file.takes(records) {
            return Ok(());
        }
        self.file.add(records, between).map_err(|source| written(&self.file.path, source))
    }

    /// Ends its file, and says what it has.
    fn finish(self, how: &str) -> Result<Outcome, Error> {
        let (path, count) = (self.file.path.clone(), self.file.count);
        self.file.finish().map_err(|source| written(&path, source))?;
        let mut missing = String::new();
        if self.dropped > 0 {
            missing += &format!(", {} more came too fast to be sent", self.dropped);
        }
        if self.lost > 0 {
            missing += &format!(", {} messages were lost on the way", self.lost);
        }
        let path = path.display().to_string();
        eprintln!("pikos: process {} {how}: {count} records{missing}: {}", self.pid, printable(&path));
        Ok(Outcome::Fine)
    }
}

fn written(path: &Path, source: ParquetError) -> Error {
    Error::WriteRecords { path: path.to_owned(), source }
}
