//! Counts false stacks: `truth PID SECONDS PROGRAM`, of a process that runs `tests/programs/known.py`. Prints how many stacks were
//! looked at, how many were whole, how many the program can't have had, and what a look took.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use pikos_sampler::read::{Look, Target};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (Some(pid), Some(seconds), Some(program)) = (arguments.next(), arguments.next(), arguments.next())
    else {
        eprintln!("usage: truth PID SECONDS PROGRAM");
        std::process::exit(2)
    };
    let source = std::fs::read_to_string(&program).expect("the program can be read");
    let lines: Vec<&str> = source.lines().collect();
    let mut target = Target::of(pid.parse().expect("a number")).expect("it can be read");
    let end = Instant::now() + Duration::from_secs_f64(seconds.parse().expect("seconds"));
    let mut look = Look::default();
    let (mut looks, mut whole, mut torn, mut busy) = (0_u64, 0_u64, 0_u64, 0_u64);
    let mut wrong: BTreeMap<String, u64> = BTreeMap::new();
    let mut tops: BTreeMap<String, u64> = BTreeMap::new();
    let start = pikos_os::thread::processor_time();
    let mut seed = 1_u64;
    while Instant::now() < end {
        target.look(&mut look).expect("it goes on");
        looks += 1;
        whole += look.threads.len() as u64;
        torn += u64::from(look.torn);
        busy +=
            u64::from(look.torn) + look.threads.iter().filter(|thread| thread.place.has_gil).count() as u64;
        for thread in &look.threads {
            let stack = look.stack(thread);
            if thread.place.has_gil {
                *tops.entry(target.code(stack[0].code).name.clone()).or_default() += 1;
            }
            for pair in stack.windows(2) {
                let (callee, caller) = (target.code(pair[0].code), target.code(pair[1].code));
                if caller.file != program || callee.file != program {
                    continue;
                }
                let line = target.line(pair[1]).unwrap_or(0);
                let text = line.checked_sub(1).and_then(|line| lines.get(line as usize)).unwrap_or(&"");
                if !text.contains(&format!("{}(", callee.name)) {
                    *wrong.entry(format!("{} at line {line}: {}", callee.name, caller.name)).or_default() +=
                        1;
                }
            }
        }
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        std::thread::sleep(Duration::from_micros(20 + (seed >> 33) % 100));
    }
    let used = pikos_os::thread::processor_time() - start;
    let false_ones: u64 = wrong.values().sum();
    println!(
        "CPython {}: {looks} looks, {:.1} µs each",
        target.python(),
        used.as_secs_f64() * 1e6 / looks as f64
    );
    println!(
        "{whole} stacks, {torn} torn ({:.2} % of busy ones), {false_ones} false",
        torn as f64 * 100.0 / busy as f64
    );
    for (what, count) in wrong {
        println!("  {count:6} {what}");
    }
    if std::env::var_os("TOPS").is_some() {
        for (what, count) in tops {
            println!("  {count:6} {what}");
        }
    }
}
