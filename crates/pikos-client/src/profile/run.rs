//! What a profile says of the run that it is of: what its process told of itself.

use pikos_wire::{Facts, Recorded, Sampled};
use pstats_compat::Cut;
use pstats_compat::model::facts::{self, iso_date, quoted};

/// The facts of a run, by name, those that are known. `cut` is what the limits of full stacks left out.
pub fn run_facts(
    about: &Facts,
    recorded: &Recorded,
    sampled: Option<&Sampled>,
    cut: Cut,
) -> Vec<(String, String)> {
    let command: Vec<_> = about.command.iter().map(|word| word.0.to_str_lossy()).collect();
    let seconds = |seconds: f64| if seconds > 0.0 { format!("{seconds:.6}") } else { String::new() };
    let number = |number: u64| if number > 0 { number.to_string() } else { String::new() };
    let left_out = match cut.calls {
        0 => String::new(),
        calls => {
            let what = if about.is_sampled() { "samples" } else { "calls" };
            format!("{calls} {what} ({:.6} s) have no stack of their own", cut.seconds)
        }
    };
    let values = [
        (facts::COMMAND, quoted(command.iter().map(|word| &**word))),
        (facts::FOLDER, about.folder.0.to_str_lossy().into_owned()),
        (facts::PYTHON, about.python.clone()),
        (facts::PIKOS, about.pikos.clone()),
        (facts::HOST, about.host.clone()),
        (facts::SYSTEM, about.system.clone()),
        (facts::CPUS, number(about.cpus.into())),
        (facts::PROCESS, number(about.pid.into())),
        (
            facts::STARTED,
            iso_date(about.started, about.zone).filter(|_| about.started > 0.0).unwrap_or_default(),
        ),
        (facts::ELAPSED, seconds(recorded.elapsed)),
        (facts::CPU, seconds(recorded.cpu)),
        (facts::GIL_WAIT, seconds(recorded.gil_wait)),
        (facts::THREADS, number(recorded.threads)),
        (facts::OPTIONS, about.options.clone()),
        (facts::SAMPLING, sampled.map(|sampled| sampling(about, sampled)).unwrap_or_default()),
        (facts::LOOKS, sampled.map(|sampled| number(sampled.looks)).unwrap_or_default()),
        (facts::CUT, left_out),
    ];
    let known = values.into_iter().filter(|(_, value)| !value.is_empty());
    known.map(|(name, value)| (name.to_owned(), value)).collect()
}

/// How samples were taken, in words: what was asked for, and what was kept of it.
fn sampling(about: &Facts, sampled: &Sampled) -> String {
    let Sampled { asked, mean, deviation, torn, missed, .. } = *sampled;
    let of_which = match about.mode.as_str() {
        "cpu" => ", of threads that run",
        "gil" => ", of the thread that has the GIL",
        _ => "",
    };
    let mut told = format!("every {}{of_which}", milliseconds(asked));
    if sampled.looks > 0 {
        told += &format!("; kept: every {} ± {}", milliseconds(mean), milliseconds(deviation));
    }
    for (count, what) in [(missed, "looks missed"), (torn, "samples torn")] {
        if count > 0 {
            told += &format!("; {count} {what}");
        }
    }
    told
}

/// Seconds, as few digits as say something.
fn milliseconds(seconds: f64) -> String {
    let text = format!("{:.3}", 1e3 * seconds);
    format!("{} ms", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_is_there_under_its_name_and_nothing_else() {
        let about = Facts {
            pid: 7,
            started: 0.5,
            command: vec!["python3".into(), "a b.py".into()],
            folder: "/srv".into(),
            cpus: 2,
            ..Facts::default()
        };
        let recorded = Recorded { elapsed: 1.5, cpu: 0.0, threads: 3, gil_wait: 0.75 };
        let found = run_facts(&about, &recorded, None, Cut { calls: 2, seconds: 0.25 });
        let found: Vec<(&str, &str)> = found.iter().map(|(name, value)| (&**name, &**value)).collect();
        let expected = [
            ("command", "python3 'a b.py'"),
            ("folder", "/srv"),
            ("cpus", "2"),
            ("process", "7"),
            ("started", "1970-01-01T00:00:00+00:00"),
            ("elapsed", "1.500000"),
            ("gil wait", "0.750000"),
            ("threads", "3"),
            ("cut", "2 calls (0.250000 s) have no stack of their own"),
        ];
        assert_eq!(found, expected);
        assert_eq!(run_facts(&Facts::default(), &Recorded::default(), None, Cut::default()), []);
    }
    #[test]
    fn samples_say_how_they_were_taken() {
        let about = Facts { counts: pikos_wire::SAMPLES.into(), mode: "cpu".into(), ..Facts::default() };
        let sampled = Sampled {
            asked: 0.001,
            mean: 0.001_234,
            deviation: 0.000_3,
            looks: 1_000,
            samples: 3_000,
            torn: 2,
            missed: 7,
            cpu: 0.5,
        };
        let cut = Cut { calls: 2, seconds: 0.25 };
        let found = run_facts(&about, &Recorded::default(), Some(&sampled), cut);
        let expected = [
            (
                "sampling",
                "every 1 ms, of threads that run; kept: every 1.234 ms ± 0.3 ms; 7 looks missed; 2 samples torn",
            ),
            ("looks", "1000"),
            ("cut", "2 samples (0.250000 s) have no stack of their own"),
        ];
        let found: Vec<(&str, &str)> = found.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(found, expected);
    }
}
