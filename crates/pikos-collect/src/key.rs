//! What figures are kept apart by.

use std::collections::BTreeMap;

use pikos_client::{Facts, Labels, ThreadRow, name_without_labels};
use pstats_compat::Text;

/// Of a name so many characters count,
const MOST: usize = 100;
/// of a label's name and of its value so many,
const MOST_OF_A_LABEL: usize = 200;
/// and so many labels together.
const MOST_IN_A_SET: usize = 64;

/// A host, a program on it, and a part of that program.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The host's name.
    pub host: String,
    /// The program, without its folder and arguments.
    pub program: String,
    /// The name of the thread, with `*` for its numbers; a task of Dask.
    pub thread: String,
}

impl Key {
    /// Of a thread of a process, which is under these labels.
    pub fn of(facts: &Facts, row: &ThreadRow, labels: &[(Text, Text)]) -> Self {
        let words = facts.argv.iter().map(|word| word.0.to_str_lossy().into_owned());
        let texts: Vec<_> =
            labels.iter().map(|(name, value)| (name.to_str_lossy(), value.to_str_lossy())).collect();
        let name = row.name.0.to_str_lossy();
        let pairs = texts.iter().map(|(name, value)| (&**name, &**value));
        let mut thread = thread(name_without_labels(&name, pairs));
        // What is counted or timed in another way has no sum with the rest.
        let ways = [
            (facts.is_sampled(), " (samples)"),
            (facts.compensated, " (compensated)"),
            (facts.clock == "timer", " (own timer)"),
        ];
        ways.into_iter().filter(|(is_so, _)| *is_so).for_each(|(_, way)| thread += way);
        Self { host: short(&facts.host), program: program(words), thread }
    }

    /// Another part of the same.
    pub fn with_thread(&self, thread: &str) -> Self {
        Self { thread: thread.to_owned(), ..self.clone() }
    }

    /// A name for a file: no character in it means anything to a file system or a shell, and no two keys have one name.
    pub fn file_name(&self) -> String {
        let mut name = String::new();
        for (place, text) in [&self.host, &self.program, &self.thread].into_iter().enumerate() {
            if place > 0 {
                name.push('~');
            }
            for character in text.chars() {
                match character {
                    '.' if name.is_empty() => name.push_str("%2E"),
                    'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '.' => name.push(character),
                    other => {
                        let mut bytes = [0; 4];
                        for byte in other.encode_utf8(&mut bytes).bytes() {
                            name.push_str(&format!("%{byte:02X}"));
                        }
                    }
                }
                if name.len() > 200 {
                    // A file's name may have 255 bytes. What is cut tells itself apart by its sum.
                    return format!("{}%{:016x}", &name[..200], self.sum());
                }
            }
        }
        name
    }

    /// The same for the same key, on every machine.
    fn sum(&self) -> u64 {
        let texts = [&self.host, &self.program, &self.thread];
        let bytes = texts.into_iter().flat_map(|text| text.bytes().chain([0xFF]));
        bytes.fold(0xCBF2_9CE4_8422_2325, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3))
    }
}

/// The program that a command line means: its file, or the package whose `__main__` that is.
fn program(mut words: impl Iterator<Item = String>) -> String {
    let Some(first) = words.next().filter(|first| !first.is_empty()) else { return "python".to_owned() };
    let mut parts = first.rsplit(['/', '\\']);
    let name = parts.next().unwrap_or_default();
    match (name, parts.next()) {
        ("__main__.py", Some(package)) if !package.is_empty() => short(package),
        ("-c", _) => "python -c".to_owned(),
        ("" | "-", _) => "python".to_owned(),
        (name, _) => short(name),
    }
}

/// A thread's name without its numbers: the threads of a pool are one.
fn thread(name: &str) -> String {
    let mut thread = String::new();
    for character in short(name).chars() {
        match character.is_ascii_digit() {
            true if thread.ends_with('*') => {}
            true => thread.push('*'),
            false => thread.push(character),
        }
    }
    match thread.is_empty() {
        true => "thread".to_owned(),
        false => thread,
    }
}

/// A label set as it is kept: by name, each name once, in texts of bounded length. Nothing of one that has too many labels.
pub fn kept(labels: Labels) -> Option<Labels> {
    let cut = |text: Text| match text.as_bytes().len() <= MOST_OF_A_LABEL {
        true => text,
        false => {
            let whole = text.to_str_lossy();
            let end = whole.char_indices().nth(MOST_OF_A_LABEL).map(|(end, _)| end);
            end.map_or(text.clone(), |end| format!("{}…", &whole[..end]).as_str().into())
        }
    };
    let kept: BTreeMap<Text, Text> =
        labels.into_iter().map(|(name, value)| (cut(name), cut(value))).collect();
    (kept.len() <= MOST_IN_A_SET).then(|| kept.into_iter().collect())
}

fn short(text: &str) -> String {
    text.chars().take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_files_and_threads_of_a_pool_are_one() {
        let of = |words: &[&str]| program(words.iter().map(|word| (*word).to_owned()));
        assert_eq!(of(&["/srv/app/web.py", "-v"]), "web.py");
        assert_eq!(of(&["/lib/gunicorn/__main__.py"]), "gunicorn");
        assert_eq!(
            (of(&["-c"]), of(&[]), of(&["/"])),
            ("python -c".into(), "python".into(), "python".into())
        );
        assert_eq!(thread("ThreadPoolExecutor-0_12"), "ThreadPoolExecutor-*_*");
        assert_eq!((thread("MainThread"), thread("")), ("MainThread".into(), "thread".into()));
    }

    #[test]
    fn what_has_no_sum_has_keys_of_its_own() {
        let of = |facts: Facts| Key::of(&facts, &ThreadRow::default(), &Labels::new()).thread;
        let timer = Facts { clock: "timer".into(), compensated: true, ..Facts::default() };
        assert_eq!(of(timer), "thread (compensated) (own timer)");
        assert_eq!(of(Facts { counts: "samples".into(), ..Facts::default() }), "thread (samples)");
        assert_eq!(of(Facts { clock: "tsc".into(), ..Facts::default() }), "thread");
    }

    #[test]
    fn labels_are_no_part_of_a_name_and_are_bounded() {
        let labels = |pairs: &[(&str, &str)]| -> Labels {
            pairs.iter().map(|&(name, value)| (name.into(), value.into())).collect()
        };
        let route = labels(&[("route", "/v1")]);
        let named = |name: &str, labels: &[(Text, Text)]| {
            let row = ThreadRow { name: name.into(), ..ThreadRow::default() };
            Key::of(&Facts::default(), &row, labels).thread
        };
        assert_eq!(named("MainThread [route=/v1]", &route), "MainThread");
        assert_eq!(named("MainThread [route=/v1]", &Labels::new()), "MainThread [route=/v*]");
        assert_eq!(kept(route.clone()), Some(route));
        let twice = labels(&[("b", "1"), ("a", "2"), ("b", "3")]);
        assert_eq!(kept(twice), Some(labels(&[("a", "2"), ("b", "3")])));
        let long = "ü".repeat(5000);
        let long = kept(labels(&[("a", long.as_str())])).expect("one label");
        assert_eq!(long[0].1.to_str_lossy().chars().count(), MOST_OF_A_LABEL + 1);
        let names: Vec<String> = (0..=MOST_IN_A_SET).map(|number| number.to_string()).collect();
        let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
        assert_eq!(kept(labels(&many)), None);
        assert_eq!(kept(labels(&many[1..])).map(|labels| labels.len()), Some(MOST_IN_A_SET));
    }

    #[test]
    fn each_key_has_a_file_of_its_own() {
        let key = |host: &str, thread: &str| Key {
            host: host.into(),
            program: "a.py".into(),
            thread: thread.into(),
        };
        assert_eq!(key("node", "x").file_name(), "node~a.py~x");
        assert_eq!(key("..", "/etc/pass*").file_name(), "%2E.~a.py~%2Fetc%2Fpass%2A");
        assert_ne!(key("a~b", "x").file_name(), key("a", "b~x").file_name());
        let long = |end: char| key(&"ü".repeat(99), &end.to_string()).file_name();
        assert!(long('a').len() < 230 && long('a') != long('b'));
    }
}
