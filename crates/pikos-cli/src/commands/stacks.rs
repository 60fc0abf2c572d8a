//! `pikos stacks`: where each thread of a process is now.

use std::io::{self, Write};
use std::time::Duration;

use pikos_sampler::outside::thread_name;
use pikos_sampler::read::{Look, Target, ThreadLook};
use pikos_views::printable;

use crate::args::StacksArgs;
use crate::error::Error;
use crate::outcome::Outcome;

/// So often it is looked again where a thread changes while it is read.
const LOOKS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(2);

pub fn run(args: &StacksArgs) -> Result<Outcome, Error> {
    let mut target = Target::of(args.pid).map_err(pikos_sampler::outside::Problem::from)?;
    target.ask_activity(true);
    let mut look = Look::default();
    // The look that has most threads: one that runs fast may be torn each time.
    let mut best: Option<Look> = None;
    for _ in 0..LOOKS {
        target.look(&mut look).map_err(pikos_sampler::outside::Problem::from)?;
        if best.as_ref().is_none_or(|best| look.threads.len() > best.threads.len()) {
            best = Some(look.clone());
        }
        if look.torn == 0 {
            best = Some(look);
            break;
        }
        std::thread::sleep(PAUSE);
    }
    write(&target, args.pid, &best.unwrap_or_default(), &mut io::stdout().lock())?;
    Ok(Outcome::Fine)
}

fn write(target: &Target, pid: u32, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    let command: Vec<_> =
        pikos_os::process::words(pid).iter().map(|word| word.to_string_lossy().into_owned()).collect();
    writeln!(out, "process {pid}, CPython {}: {}", target.python(), printable(&command.join(" ")))?;
    // The main thread, whose number is the process', comes first; the others as the system has made them, as a rule.
    let mut threads: Vec<_> = look.threads.iter().collect();
    threads.sort_by_key(|thread| thread.native_id);
    for thread in threads {
        let name = thread_name(pid, thread.native_id);
        let number = format!("thread {}", thread.native_id);
        let name = if name == number { String::new() } else { format!(" {}", printable(&name)) };
        writeln!(out, "\n{number}{name}: {}", doing(thread))?;
        for frame in look.stack(thread) {
            let code = target.code(frame.code);
            let line = target.line(*frame).unwrap_or(code.first_line);
            let name = if code.qualname.is_empty() { &code.name } else { &code.qualname };
            writeln!(out, "  {}", printable(&format!("{}:{line}  {name}", code.file)))?;
        }
        if thread.is_cut {
            writeln!(out, "  … and more below: it is too deep to be read to its bottom")?;
        }
    }
    if look.torn > 0 {
        let threads = if look.torn == 1 { "thread" } else { "threads" };
        writeln!(out, "\n{} more {threads} changed too fast to be read: ask again", look.torn)?;
    }
    Ok(())
}

/// What a thread does, as far as the system tells.
fn doing(thread: &ThreadLook) -> String {
    let place = thread.place;
    let parts = [
        Some(match place.is_running {
            Some(true) => "runs",
            Some(false) => "waits",
            None => "runs or waits",
        }),
        place.has_gil.then_some("has the GIL"),
        place.collects_garbage.then_some("collects garbage"),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
