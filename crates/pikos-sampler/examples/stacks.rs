//! Prints where all threads of a process are, once: `stacks PID`.

use pikos_sampler::read::{Look, Target};

fn main() {
    let pid = std::env::args().nth(1).and_then(|pid| pid.parse().ok()).expect("usage: stacks PID");
    let mut target = Target::of(pid).unwrap_or_else(|error| {
        eprintln!("{error}");
        std::process::exit(1)
    });
    target.ask_activity(true);
    let mut look = Look::default();
    target.look(&mut look).expect("it runs");
    println!("CPython {}, {} torn", target.python(), look.torn);
    for thread in &look.threads {
        println!("thread {} {:?}", thread.native_id, thread.place);
        for frame in look.stack(thread) {
            let code = target.code(frame.code);
            println!("  {} {}:{}", code.qualname, code.file, target.line(*frame).unwrap_or(0));
        }
    }
}
