//! What is known of the run that a profile is of: facts, each a name and a text. Their names, once; docs/file.md says what they hold.
//!
//! Whoever makes a profile gathers them. A file may hold others, of a later version or another program: these are kept, and shown
//! as they are.

use super::metadata::Metadata;

/// The command line, quoted as for a shell.
pub const COMMAND: &str = "command";
/// The working folder when recording began.
pub const FOLDER: &str = "folder";
/// The interpreter and its release.
pub const PYTHON: &str = "python";
/// The release of Pikos.
pub const PIKOS: &str = "pikos";
/// The host's name.
pub const HOST: &str = "host";
/// The operating system, its release, and the kind of processor.
pub const SYSTEM: &str = "system";
/// How many processors the process may use.
pub const CPUS: &str = "cpus";
/// The process's number.
pub const PROCESS: &str = "process";
/// When recording began: ISO 8601, in the zone of the host.
pub const STARTED: &str = "started";
/// Seconds that it was on.
pub const ELAPSED: &str = "elapsed";
/// Seconds of processors that the process had in these.
pub const CPU: &str = "cpu";
/// Seconds that all threads waited for the GIL, where these were taken out of the times.
pub const GIL_WAIT: &str = "gil wait";
/// How times were found, where not by the clock at each call.
pub const TIMES: &str = "times";
/// By looks at the stacks, while calls were counted: what [`TIMES`] says then.
pub const SAMPLED: &str = "sampled";
/// Of samples, and of sampled times: how many looks there were.
pub const LOOKS: &str = "looks";
/// Seconds from one look to the next, the long ones counting for more: what the errors of times follow.
pub const INTERVAL: &str = "interval";
/// How many threads were recorded.
pub const THREADS: &str = "threads";
/// The options that differ from the default.
pub const OPTIONS: &str = "options";
/// Of samples: how they were taken, in words.
pub const SAMPLING: &str = "sampling";
/// What the limits of full stacks left out of them.
pub const CUT: &str = "cut";
/// How many profiles were added up.
pub const MERGED: &str = "merged";

/// Of what ran under some labels: which were asked for. It stands behind the others.
pub const LABELS: &str = "labels";

/// All others, in the order in which they are shown.
pub const ALL: [&str; 20] = [
    COMMAND, FOLDER, PYTHON, PIKOS, HOST, SYSTEM, CPUS, PROCESS, STARTED, ELAPSED, CPU, GIL_WAIT, TIMES,
    LOOKS, INTERVAL, THREADS, OPTIONS, SAMPLING, CUT, MERGED,
];

/// Those without which figures can hardly be compared.
const CONDITIONS: [&str; 5] = [PYTHON, PIKOS, SYSTEM, CPUS, OPTIONS];

/// Of a command line so many characters stand in a title or a heading.
const MOST_SHOWN: usize = 80;

impl Metadata {
    /// What is known under this name.
    pub fn fact(&self, name: &str) -> Option<&str> {
        self.facts.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The title for people to read: what it was given, else what ran and when, else a word in its place.
    pub fn shown_title(&self) -> String {
        match &self.title {
            Some(title) => title.to_str_lossy().into_owned(),
            None => match (self.command(), self.began()) {
                (Some(command), Some(start)) => format!("{command}, {start}"),
                (Some(command), None) => command,
                _ => "profile".to_owned(),
            },
        }
    }

    /// What ran, when, and for how long, on one line; nothing where that isn't known.
    pub fn run(&self) -> Option<String> {
        let parts = [
            self.command(),
            self.shown_start(SECONDS),
            self.elapsed().map(|elapsed| format!("{elapsed:.3} s elapsed")),
            self.cpu().map(|cpu| format!("{cpu:.3} s of CPU")),
            self.fact(MERGED).map(|count| format!("merged from {count} profiles")),
        ];
        let known: Vec<String> = parts.into_iter().flatten().collect();
        (!known.is_empty()).then(|| known.join(", "))
    }

    /// Where the conditions of two runs differ: the fact, and its two values.
    pub fn other_conditions<'m>(&'m self, other: &'m Self) -> Vec<(&'static str, &'m str, &'m str)> {
        let differs = |name| {
            let (own, others) = (self.fact(name)?, other.fact(name)?);
            (own != others).then_some((name, own, others))
        };
        CONDITIONS.into_iter().filter_map(differs).collect()
    }

    /// How many runs were added up; their number is taken out, for more to be added.
    pub(crate) fn take_merged(&mut self) -> u64 {
        let count = self.fact(MERGED).and_then(|count| count.parse().ok()).unwrap_or(1);
        self.facts.retain(|(name, _)| name != MERGED);
        count
    }

    /// So many runs were added up.
    pub(crate) fn set_merged(&mut self, count: u64) {
        if count > 1 {
            self.facts.push((MERGED.to_owned(), count.to_string()));
        }
    }

    /// When recording began, in seconds since 1970.
    pub fn started(&self) -> Option<i64> {
        seconds_of(self.fact(STARTED)?)
    }

    /// Seconds that it was on.
    pub fn elapsed(&self) -> Option<f64> {
        self.seconds(ELAPSED)
    }

    /// Seconds of processors that the process had in these.
    pub fn cpu(&self) -> Option<f64> {
        self.seconds(CPU)
    }

    /// Seconds that all threads waited for the GIL, which are in no function's times.
    pub fn gil_wait(&self) -> Option<f64> {
        self.seconds(GIL_WAIT)
    }

    /// Where times were sampled: the standard error of a time of so many seconds.
    pub fn error_of(&self, seconds: f64) -> Option<f64> {
        let is_sampled = self.fact(TIMES) == Some(SAMPLED);
        let interval = self.seconds(INTERVAL).filter(|interval| is_sampled && *interval > 0.0)?;
        Some((seconds.max(0.0) * interval).sqrt())
    }

    /// Of samples, and of sampled times: how many looks there were, if that is known.
    pub fn looks(&self) -> Option<u64> {
        self.fact(LOOKS)?.parse().ok().filter(|looks| *looks > 0)
    }

    /// A fact that is a time.
    fn seconds(&self, name: &str) -> Option<f64> {
        self.fact(name)?.parse().ok().filter(|seconds: &f64| seconds.is_finite() && *seconds >= 0.0)
    }

    /// The command line without the path of the interpreter, and not too long.
    pub fn command(&self) -> Option<String> {
        let command = self.fact(COMMAND).filter(|command| !command.is_empty())?;
        let (first, rest) = command.split_once(' ').unwrap_or((command, ""));
        // A quoted path may have blanks, and stays.
        let first = if first.starts_with('\'') { first } else { first.rsplit('/').next().unwrap_or(first) };
        let short = if rest.is_empty() { first.to_owned() } else { format!("{first} {rest}") };
        Some(match short.char_indices().nth(MOST_SHOWN) {
            Some((end, _)) => format!("{}…", &short[..end]),
            None => short,
        })
    }

    /// When recording began, to the minute.
    pub fn began(&self) -> Option<String> {
        self.shown_start(MINUTES)
    }

    /// The date to the minute or the second, without its zone: it is that of the host.
    fn shown_start(&self, end: usize) -> Option<String> {
        let started = self.fact(STARTED)?;
        started.get(..end).map(|date| date.replace('T', " "))
    }
}

/// How much of a date is shown.
const MINUTES: usize = "2026-11-29T11:35".len();
const SECONDS: usize = "2026-11-29T11:35:44".len();

/// A date as ISO 8601 has it, of seconds since 1970, in a zone so many seconds east of Greenwich.
pub fn iso_date(seconds: f64, zone: i32) -> Option<String> {
    // Up to the year 9999: what is beyond is no date of ours.
    let local = seconds.floor() + f64::from(zone);
    if !(0.0..=253_402_300_799.0).contains(&local) || zone.abs() >= 86_400 {
        return None;
    }
    let (days, second) = (local as i64 / 86_400, local as i64 % 86_400);
    // Years of March to February, in eras of 400 of them: a leap day is the last one of its year, so no month is longer for it.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (sign, zone) = (if zone < 0 { '-' } else { '+' }, zone.abs() / 60);
    Some(format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}{sign}{:02}:{:02}",
        second / 3600,
        second / 60 % 60,
        second % 60,
        zone / 60,
        zone % 60
    ))
}

/// Seconds since 1970 of a date that [`iso_date`] has written.
fn seconds_of(date: &str) -> Option<i64> {
    let number = |from: usize, to: usize| {
        let digits = date.get(from..to).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
        digits.parse::<i64>().ok()
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let second = (number(11, 13)? * 60 + number(14, 16)?) * 60 + number(17, 19)?;
    let zone = (number(20, 22)? * 60 + number(23, 25)?) * 60;
    let zone = if date.as_bytes()[19] == b'-' { -zone } else { zone };
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // As above, the other way round.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let days = 365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year;
    Some((days - 719_468) * 86_400 + second - zone)
}

/// Words as a shell takes them.
pub fn quoted<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    let mut line = String::new();
    for word in words {
        if !line.is_empty() {
            line.push(' ');
        }
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./-_".contains(c);
        if !word.is_empty() && word.chars().all(is_plain) {
            line.push_str(word);
        } else {
            line.push('\'');
            line.push_str(&word.replace('\'', "'\"'\"'"));
            line.push('\'');
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(facts: &[(&str, &str)]) -> Metadata {
        let facts = facts.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
        Metadata { facts: facts.collect(), ..Metadata::default() }
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, zone, expected) in [
            (0.0, 0, "1970-01-01T00:00:00+00:00"),
            (951_782_400.9, 0, "2000-02-29T00:00:00+00:00"),
            (951_868_799.0, 3600, "2000-03-01T00:59:59+01:00"),
            (1_795_952_144.0, -12_600, "2026-11-29T08:05:44-03:30"),
            (4_107_542_400.0, 0, "2100-03-01T00:00:00+00:00"),
            (253_402_300_799.0, 0, "9999-12-31T23:59:59+00:00"),
        ] {
            assert_eq!(iso_date(seconds, zone).as_deref(), Some(expected));
            assert_eq!(seconds_of(expected), Some(seconds as i64));
        }
        for (seconds, zone) in [(f64::NAN, 0), (-1.0, 0), (1e300, 0), (0.0, i32::MAX), (0.0, -86_399)] {
            assert_eq!(iso_date(seconds, zone), None, "{seconds} {zone}");
        }
        for date in [
            "",
            "2026-11-29",
            "2026-13-29T00:00:00+00:00",
            "-026-11-29T00:00:00+00:00",
            "2026-11-29T0ü:00:00+00:00",
        ] {
            assert_eq!(seconds_of(date), None, "{date}");
        }
    }

    #[test]
    fn words_are_quoted_where_a_shell_would_take_them_apart() {
        assert_eq!(
            quoted(["python3", "-c", "print(1)", "", "it's"]),
            "python3 -c 'print(1)' '' 'it'\"'\"'s'"
        );
        assert_eq!(quoted([]), "");
    }

    #[test]
    fn a_run_is_told_on_one_line() {
        assert_eq!((known(&[]).run(), known(&[]).shown_title()), (None, "profile".to_owned()));
        let all = known(&[
            (COMMAND, "/usr/bin/python3 a/b.py 'x y'"),
            (STARTED, "2026-11-29T11:35:44+01:00"),
            (ELAPSED, "1.5"),
            (CPU, "1.25"),
        ]);
        assert_eq!(
            all.run().as_deref(),
            Some("python3 a/b.py 'x y', 2026-11-29 11:35:44, 1.500 s elapsed, 1.250 s of CPU")
        );
        assert_eq!(all.shown_title(), "python3 a/b.py 'x y', 2026-11-29 11:35");
        // A stranger's.
        let odd = known(&[(COMMAND, &"ü".repeat(500)), (STARTED, "ü"), (ELAPSED, "inf"), (CPU, "x")]);
        assert_eq!(odd.run(), Some(format!("{}…", "ü".repeat(MOST_SHOWN))));
        assert_eq!(known(&[(COMMAND, "'/a b/python' x.py")]).run().as_deref(), Some("'/a b/python' x.py"));
    }

    #[test]
    fn sampled_times_have_errors() {
        let sampled = known(&[(TIMES, SAMPLED), (LOOKS, "1000"), (INTERVAL, "0.001")]);
        assert_eq!((sampled.error_of(10.0), sampled.looks()), (Some(0.1), Some(1000)));
        assert_eq!(sampled.error_of(-1.0), Some(0.0));
        for odd in [&[(INTERVAL, "0.001")][..], &[(TIMES, SAMPLED), (INTERVAL, "-1")], &[(TIMES, SAMPLED)]] {
            assert_eq!(known(odd).error_of(1.0), None);
        }
    }

    #[test]
    fn conditions_differ_where_both_are_known() {
        let (a, b) =
            (known(&[(PYTHON, "3.11"), (CPUS, "2"), (HOST, "a")]), known(&[(PYTHON, "3.13"), (HOST, "b")]));
        assert_eq!(a.other_conditions(&b), [(PYTHON, "3.11", "3.13")]);
        assert_eq!(a.other_conditions(&a), []);
    }
}
