//! The commands from outside: what they print, where they write, what they end with.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A folder that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("pikos-cli-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary folder");
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pstats-compat/tests/fixtures").join(name)
}

fn profile() -> PathBuf {
    fixture("pstats/cprofile-3.13.pstats")
}

fn pikos<I: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = I>) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pikos")).args(args).output().expect("the command runs")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

macro_rules! args {
    ($($arg:expr),* $(,)?) => { [$(std::ffi::OsString::from($arg)),*] };
}

#[test]
fn export_guesses_from_names_and_says_what_is_lost() {
    let folder = Folder::new("export");
    for name in ["a.callgrind", "a.svg", "a.html", "a.speedscope.json", "a.pb.gz", "a.dot", "a.pstats"] {
        let out = folder.path(name);
        let result = pikos(args!["export", profile(), "-o", &out]);
        assert_eq!(result.status.code(), Some(0), "{name}: {}", text(&result.stderr));
        assert!(std::fs::metadata(&out).expect(name).len() > 0);
        let approximated = matches!(name, "a.svg" | "a.html" | "a.speedscope.json" | "a.pb.gz");
        assert_eq!(text(&result.stderr).contains("stacks are approximated"), approximated, "{name}");
    }
    assert_eq!(std::fs::read_dir(&folder.0).expect("the folder").count(), 7, "nothing is left over");
}

#[test]
fn a_pipe_is_an_input_and_an_output() {
    let bytes = std::fs::read(profile()).expect("the fixture");
    let mut child = Command::new(env!("CARGO_BIN_EXE_pikos"))
        .args(["export", "-", "-f", "csv"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the command runs");
    child.stdin.take().expect("piped").write_all(&bytes).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).starts_with("file,line,name,qualname,"));
    assert!(text(&output.stdout).contains("program.py,4,fib,,800,6,"));
}

#[test]
fn a_failure_keeps_the_old_file() {
    let folder = Folder::new("keep");
    let out = folder.path("old.pstats");
    std::fs::write(&out, "old").expect("written");
    let result = pikos(args!["merge", profile(), fixture("program.py"), "-o", &out]);
    assert_eq!(result.status.code(), Some(1));
    assert_eq!(std::fs::read(&out).expect("still there"), b"old");
}

#[test]
fn merge_adds_calls_up() {
    let folder = Folder::new("merge");
    let out = folder.path("sum.pstats");
    let result = pikos(args!["merge", profile(), profile(), profile(), "-o", &out]);
    assert_eq!(result.status.code(), Some(0), "{}", text(&result.stderr));
    let stats = pikos(args!["stats", &out, "--json", "-g", "fib"]);
    assert!(text(&stats.stdout).contains(r#""ncalls":2400,"primitive_calls":18"#));
    let mixed = pikos(args!["merge", profile(), fixture("pstats/sampled-3.15.pstats"), "-o", &out]);
    assert_eq!(mixed.status.code(), Some(1));
    assert!(text(&mixed.stderr).contains("don't go together"));
}

#[test]
fn stats_sorts_and_restricts() {
    let result = pikos(args!["stats", profile(), "-s", "calls", "-n", "2", "-g", "program"]);
    assert_eq!(result.status.code(), Some(0));
    let out = text(&result.stdout);
    assert!(out.contains("   Ordered by: call count\n"), "{out}");
    assert!(out.contains("due to restriction <'program'>\n"), "{out}");
    let rows: Vec<&str> = out.lines().filter(|line| line.contains("program.py:")).collect();
    assert_eq!(rows.len(), 2, "{out}");
    assert!(rows[0].contains("800/6") && rows[0].ends_with("program.py:4(fib)"), "{out}");
    assert!(!out.contains('\x1b'), "no colours in a pipe");
    let coloured = pikos(args!["stats", profile(), "--colour", "always"]);
    assert!(text(&coloured.stdout).contains("\x1b[31m"));
    let callers = pikos(args!["stats", profile(), "--callers", "-g", "odd"]);
    assert!(text(&callers.stdout).contains("was called by..."));
    let callees = pikos(args!["stats", profile(), "--callees", "-g", "odd"]);
    assert!(text(&callees.stdout).contains("called..."));
}

#[test]
fn names_do_not_command_the_terminal() {
    let folder = Folder::new("escape");
    let path = folder.path("evil.collapsed");
    std::fs::write(&path, "main;\x1b]0;evil\x07 (a\x1b[2J.py:3) 5\n").expect("written");
    let quoted = folder.path("evil.speedscope.json");
    let document = r#"{"shared": {"frames": []}, "profiles": [{"type": "\u001b[2J"}]}"#;
    std::fs::write(&quoted, document).expect("written");
    let refused = pikos(args!["stats", &quoted]);
    assert!(text(&refused.stderr).contains("unknown variant"), "{}", text(&refused.stderr));
    assert!(!text(&refused.stderr).contains('\x1b'));
    let result = pikos(args!["stats", &path, "--colour", "always"]);
    let out = text(&result.stdout).replace("\x1b[31m", "").replace("\x1b[33m", "").replace("\x1b[0m", "");
    assert!(out.contains("a\\u{1b}[2J.py:3") && !out.contains('\x1b'), "{out}");
}

#[test]
fn diff_compares_and_fails_above_a_limit() {
    let folder = Folder::new("diff");
    let doubled = folder.path("doubled.pstats");
    pikos(args!["merge", profile(), profile(), "-o", &doubled]);
    let same = pikos(args!["diff", profile(), profile(), "--fail-above", "0%"]);
    assert_eq!(same.status.code(), Some(0));
    assert!(text(&same.stdout).contains("20 did not change"), "{}", text(&same.stdout));
    let slower = pikos(args!["diff", profile(), &doubled, "--fail-above", "50%"]);
    assert_eq!(slower.status.code(), Some(1));
    assert!(text(&slower.stdout).contains("(+100.0 %)"), "{}", text(&slower.stdout));
    assert!(text(&slower.stdout).contains("+800  program.py:4(fib)"), "{}", text(&slower.stdout));
    let allowed = pikos(args!["diff", profile(), &doubled, "--fail-above", "100.1%"]);
    assert_eq!(allowed.status.code(), Some(0));
    let faster = pikos(args!["diff", &doubled, profile(), "--fail-above", "0s"]);
    assert_eq!(faster.status.code(), Some(0));
    let json = pikos(args!["diff", profile(), &doubled, "--json", "-n", "1"]);
    assert!(text(&json.stdout).contains("\"not_shown\": 19"), "{}", text(&json.stdout));
}

#[test]
fn check_tells_sound_from_unsound() {
    let sound = pikos(args!["check", profile()]);
    assert_eq!(sound.status.code(), Some(0), "{}", text(&sound.stdout));
    assert!(text(&sound.stdout).contains(": sound, 20 functions"));
    let yappi = pikos(args!["check", fixture("pstats/yappi.pstats")]);
    assert_eq!(yappi.status.code(), Some(1));
    assert!(
        text(&yappi.stdout).contains("unsound: program.py:4(fib): more primitive calls (800) than calls (6)")
    );
}

#[test]
fn what_cannot_be_read_is_named_with_its_place() {
    let folder = Folder::new("errors");
    let pickle = folder.path("evil.pstats");
    std::fs::write(&pickle, b"\x80\x04cos\nsystem\n").expect("written");
    let code = folder.path("code.pstats");
    std::fs::write(&code, b"\xe3\0\0\0\0").expect("written");
    let missing = folder.path("missing.pstats");
    for (path, expected) in [
        (pickle, "byte 0: expected the dict of a profile, found a pickle, which can run code"),
        (code, "byte 0: expected the dict of a profile, found a code object"),
        (missing, "No such file"),
        (fixture("program.py"), "unknown format; pikos reads pstats"),
    ] {
        let result = pikos(args!["stats", &path]);
        assert_eq!(result.status.code(), Some(1));
        let error = text(&result.stderr);
        assert!(error.starts_with(&format!("pikos: {}: ", path.display())), "{error}");
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn one_of_several_profiles_is_read_and_the_rest_is_told() {
    let folder = Folder::new("several");
    let callgrind = folder.path("callgrind.out.1");
    std::fs::write(&callgrind, "events: Ir Dr\nfl=a.c\nfn=f\n1 5 900\ntotals: 5 900\n").expect("written");
    let first = pikos(args!["stats", &callgrind]);
    assert!(text(&first.stdout).contains("in 5.000 Ir"), "{}", text(&first.stdout));
    assert!(text(&first.stderr).contains("the figures are Ir; --event NAME reads another: Dr"));
    let second = pikos(args!["stats", &callgrind, "--event", "Dr"]);
    assert!(text(&second.stdout).contains("in 900.000 Dr"), "{}", text(&second.stdout));
    assert_eq!(text(&second.stderr), "");
    let none = pikos(args!["stats", &callgrind, "--event", "Dw"]);
    assert_eq!(none.status.code(), Some(1));
    assert!(text(&none.stderr).contains("there is no event `Dw` in the file; it has Ir, Dr"));
    let check = pikos(args!["check", &callgrind]);
    assert_eq!(check.status.code(), Some(0), "{}", text(&check.stdout));
    assert!(text(&check.stdout).contains("odd: the figures are Ir"), "{}", text(&check.stdout));
    assert_eq!(text(&check.stderr), "");
    std::fs::write(&callgrind, "events: Ir\nfl=a.c\nfn=f\n1 5\ntotals: 900\n").expect("written");
    let cut = pikos(args!["stats", &callgrind]);
    assert_eq!(cut.status.code(), Some(1));
    assert!(text(&cut.stderr).contains("cut short or damaged"), "{}", text(&cut.stderr));
    let speedscope = folder.path("two.speedscope.json");
    let one = |name: &str, unit: &str, weight: u32| {
        format!(
            r#"{{"type": "sampled", "name": "{name}", "unit": "{unit}", "samples": [[0]], "weights": [{weight}]}}"#
        )
    };
    let document = format!(
        r#"{{"shared": {{"frames": [{{"name": "a"}}]}}, "profiles": [{}, {}]}}"#,
        one("cpu", "seconds", 3),
        one("heap", "bytes", 70)
    );
    std::fs::write(&speedscope, document).expect("written");
    let shown = pikos(args!["stats", &speedscope]);
    assert!(text(&shown.stdout).contains("in 3.000 seconds"), "{}", text(&shown.stdout));
    assert!(text(&shown.stderr).contains("--profile NUMBER reads another: 2 `heap` (bytes)"));
    let heap = pikos(args!["stats", &speedscope, "--profile", "heap"]);
    assert!(text(&heap.stdout).contains("in 70.000 bytes"), "{}", text(&heap.stdout));
}

#[test]
fn a_wrong_command_line_ends_with_2() {
    for args in [
        &["stats"][..],
        &["frobnicate"],
        &["stats", "x", "-s", "speed"],
        &["export", "x", "-f", "xml"],
        &["diff", "a", "b", "--noise", "5"],
        &["stats", "x", "-g", "("],
    ] {
        let result = pikos(args);
        assert_eq!(result.status.code(), Some(2), "{args:?}");
        assert!(!result.stderr.is_empty(), "{args:?}");
    }
    let unclear = pikos(args!["export", profile(), "-o", "profile.xyz"]);
    assert_eq!(unclear.status.code(), Some(2));
    assert!(text(&unclear.stderr).contains("which format?"));
    let unreadable = pikos(args!["stats", profile(), "--from", "svg"]);
    assert_eq!(unreadable.status.code(), Some(2));
    assert_eq!(pikos(["--help"]).status.code(), Some(0));
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_pikos"))
        .args(args!["export", profile(), "-f", "html"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn formats_lists_all_of_them() {
    let list = pikos(["formats"]);
    assert_eq!(list.status.code(), Some(0));
    let list = text(&list.stdout);
    let row = |name: &str| {
        list.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {list}"))
    };
    assert_eq!(
        row("pprof").split_whitespace().collect::<Vec<_>>(),
        ["pprof", ".pb.gz", ".pprof", "yes", "yes", "full"]
    );
    assert_eq!(row("csv").split_whitespace().collect::<Vec<_>>(), ["csv", ".csv", "yes"]);
    assert_eq!(list.lines().filter(|line| line.contains(" .")).count(), 15, "{list}");
}

#[test]
fn completions_name_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let result = pikos(["completions", shell]);
        assert_eq!(result.status.code(), Some(0));
        assert!(text(&result.stdout).contains("merge"), "{shell}");
    }
}
