//! What figures are kept apart by.

use pikos_client::{Facts, ThreadRow};

/// Of a name so many characters count.
const MOST: usize = 100;

/// A host, a program on it, and a part of that program.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The host's name.
    pub host: String,
    /// The program, without its folder and arguments.
    pub program: String,
    /// The name of the thread, with `*` for its numbers; a task of Dask.
    pub label: String,
}

impl Key {
    /// Of a thread of a process.
    pub fn of(facts: &Facts, thread: &ThreadRow) -> Self {
        let words = facts.argv.iter().map(|word| word.0.to_str_lossy().into_owned());
        let mut label = label(&thread.name.0.to_str_lossy());
        if facts.is_sampled() {
            // They have no sum with calls.
            label += " (samples)";
        }
        Self { host: short(&facts.host), program: program(words), label }
    }

    /// Another part of the same.
    pub fn with_label(&self, label: &str) -> Self {
        Self { label: label.to_owned(), ..self.clone() }
    }

    /// A name for a file: no character in it means anything to a file system or a shell, and no two keys have one name.
    pub fn file_name(&self) -> String {
        let mut name = String::new();
        for (place, text) in [&self.host, &self.program, &self.label].into_iter().enumerate() {
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
        let texts = [&self.host, &self.program, &self.label];
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
fn label(name: &str) -> String {
    let mut label = String::new();
    for character in short(name).chars() {
        match character.is_ascii_digit() {
            true if label.ends_with('*') => {}
            true => label.push('*'),
            false => label.push(character),
        }
    }
    match label.is_empty() {
        true => "thread".to_owned(),
        false => label,
    }
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
        assert_eq!(label("ThreadPoolExecutor-0_12"), "ThreadPoolExecutor-*_*");
        assert_eq!((label("MainThread"), label("")), ("MainThread".into(), "thread".into()));
    }

    #[test]
    fn each_key_has_a_file_of_its_own() {
        let key =
            |host: &str, label: &str| Key { host: host.into(), program: "a.py".into(), label: label.into() };
        assert_eq!(key("node", "x").file_name(), "node~a.py~x");
        assert_eq!(key("..", "/etc/pass*").file_name(), "%2E.~a.py~%2Fetc%2Fpass%2A");
        assert_ne!(key("a~b", "x").file_name(), key("a", "b~x").file_name());
        let long = |end: char| key(&"ü".repeat(99), &end.to_string()).file_name();
        assert!(long('a').len() < 230 && long('a') != long('b'));
    }
}
