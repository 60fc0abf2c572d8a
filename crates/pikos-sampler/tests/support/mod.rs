//! Programs that run until they are dropped, on each CPython that is here.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pikos_sampler::read::{Frame, Target, Unreadable};

const RELEASES: [&str; 5] = ["3.11", "3.12", "3.13", "3.14", "3.15"];

/// Tests on all that there are, and says which aren't.
pub fn on_each(test: impl Fn(&Python)) {
    let mut tested = 0;
    for release in RELEASES {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/find-python.sh");
        let found = Command::new(script).arg(release).output().expect("the script runs");
        let path = String::from_utf8(found.stdout).unwrap().trim().to_owned();
        if path.is_empty() {
            eprintln!("SKIPPED: there is no CPython {release} here");
            continue;
        }
        eprintln!("CPython {release}");
        test(&Python { path: path.into(), release });
        tested += 1;
    }
    assert!(tested > 0, "there is no CPython here: scripts/interpreters.sh brings some");
}

pub struct Python {
    path: PathBuf,
    release: &'static str,
}

/// A program that runs, and has said that it is ready.
pub struct Program {
    pub child: Child,
    pub release: &'static str,
    /// Where its source is.
    pub path: String,
    /// What it said before.
    pub said: Vec<String>,
}

impl Program {
    pub fn start(python: &Python, arguments: &[&str], source: &str) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("pikos-sampler-{}-{number}.py", std::process::id()));
        std::fs::write(&path, source).unwrap();
        let mut child = Command::new(&python.path)
            .arg(&path)
            .args(arguments)
            .env("PYTHONUTF8", "1")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = child.stdout.take().unwrap();
        let path = path.to_str().unwrap().to_owned();
        let mut program = Self { child, release: python.release, path, said: Vec::new() };
        for line in BufReader::new(output).lines() {
            let line = line.unwrap();
            if line == "ready" {
                return program;
            }
            program.said.push(line);
        }
        panic!("it ended before it was ready: {:?}", program.said);
    }

    /// It, as a target. A test may come while no thread of it has a frame that holds still.
    pub fn target(&self) -> Target {
        let mut target = None;
        wait_for(|| match Target::of(self.child.id()) {
            Ok(found) => {
                target = Some(found);
                Some(())
            }
            Err(Unreadable::Nonsense { .. }) => None,
            Err(error) => panic!("{error}"),
        });
        target.unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Tries again until there is something; a test that waits for what never comes is ended by whoever runs it.
pub fn wait_for(mut what: impl FnMut() -> Option<()>) {
    while what().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Frames with their lines; those of the standard library by name alone.
pub fn names(target: &Target, stack: &[Frame]) -> Vec<String> {
    let name = |frame: &Frame| {
        let code = target.code(frame.code);
        match target.line(*frame) {
            Some(line) if code.file.contains("pikos-sampler") => format!("{} {line}", code.qualname),
            _ => code.qualname.clone(),
        }
    };
    stack.iter().map(name).collect()
}
