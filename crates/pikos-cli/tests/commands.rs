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
fn export_leaves_out_what_is_not_wanted_and_keeps_the_time() {
    let folder = Folder::new("export-parts");
    let stacks = folder.path("a.folded");
    std::fs::write(
        &stacks,
        "main (/srv/a.py:1);wrap (/srv/w.py:2);work (/srv/a.py:5) 60\nmain (/srv/a.py:1);wrap (/srv/w.py:2) 30\n\
         main (/srv/a.py:1);work (/srv/a.py:5);main (/srv/a.py:1) 9\nmain (/srv/a.py:1);tiny (/srv/a.py:9) 1\n",
    )
    .expect("written");
    let exported = |options: &[&str]| {
        let mut all: Vec<std::ffi::OsString> = args!["export", &stacks, "-f", "collapsed"].into();
        all.extend(options.iter().map(Into::into));
        let result = pikos(all);
        assert_eq!(result.status.code(), Some(0), "{options:?}: {}", text(&result.stderr));
        let mut lines: Vec<String> = text(&result.stdout).lines().map(str::to_owned).collect();
        lines.sort();
        (lines.join("\n").replace("/srv/", ""), text(&result.stderr).to_owned())
    };
    let hidden = "main (a.py:1) 30\nmain (a.py:1);tiny (a.py:9) 1\nmain (a.py:1);work (a.py:5) 60\n\
                  main (a.py:1);work (a.py:5);main (a.py:1) 9";
    assert_eq!(exported(&["--hide", r"w\.py"]), (hidden.to_owned(), String::new()));
    assert_eq!(exported(&["--only", r"/a\.py"]).0, hidden);
    let large = exported(&["--min", "5%"]).0;
    assert!(large.contains("main (a.py:1) 1\n") && !large.contains("tiny"), "{large}");
    let flat = exported(&["--collapse-recursion"]).0;
    assert!(flat.contains("main (a.py:1) 9\n") && !flat.contains("work (a.py:5);main"), "{flat}");
    assert!(!exported(&["--strip-dirs"]).0.contains('/'));
    let (rest, told) = exported(&["--hide", "main"]);
    assert!(!rest.contains("main") && told.is_empty(), "{rest}{told}");
    let (_, told) = exported(&["--only", "tiny"]);
    assert!(told.contains("note: 99.0 % of the time is left out"), "{told}");
    let titled = |options: &[&str]| {
        let mut all: Vec<std::ffi::OsString> = args!["export", &stacks, "-f", "svg"].into();
        all.extend(options.iter().map(Into::into));
        text(&pikos(all).stdout).to_owned()
    };
    assert!(titled(&["--title", "A & B"]).contains(">A &amp; B</text>"));
    assert!(titled(&[]).contains(">a.folded, 20"), "the file's name and date");
    let dot = |min: &str| text(&pikos(args!["export", &stacks, "-f", "dot", "--min", min]).stdout).to_owned();
    assert!(dot("0.1%").contains("tiny") && !dot("5%").contains("tiny"));
}

#[test]
fn threads_can_be_taken_and_kept_apart() {
    let folder = Folder::new("threads");
    let path = folder.path("two.speedscope.json");
    let thread = |name: &str, frame: u32, weight: u32| {
        format!(
            r#"{{"type": "sampled", "name": "{name}", "unit": "seconds", "startValue": 0, "endValue": {weight},
                "samples": [[0, {frame}]], "weights": [{weight}]}}"#
        )
    };
    let document = format!(
        r#"{{"shared": {{"frames": [{{"name": "run"}}, {{"name": "a"}}, {{"name": "b"}}]}}, "profiles": [{}, {}]}}"#,
        thread("MainThread", 1, 3),
        thread("worker", 2, 5)
    );
    std::fs::write(&path, document).expect("written");
    let one = |thread: &str| pikos(args!["export", &path, "-f", "collapsed", "--thread", thread]);
    assert_eq!(text(&one("worker").stdout), "run;b 5000000000\n");
    assert_eq!(text(&one("1").stdout), "run;a 3000000000\n");
    let none = one("other");
    assert_eq!(none.status.code(), Some(2));
    assert!(text(&none.stderr).contains("there is no thread `other`; there are: MainThread, worker"));
    let pstats = pikos(args!["export", profile(), "-f", "collapsed", "--thread", "1"]);
    assert!(text(&pstats.stderr).contains("it doesn't tell threads apart; .pikos files of `--tree` do"));
    // So it is with all formats that keep them apart.
    for name in ["two.pikos", "two.firefox.json", "two.trace.json", "two.pb.gz"] {
        let other = folder.path(name);
        let written = pikos(args!["export", &path, "-o", &other]);
        assert_eq!(written.status.code(), Some(0), "{name}: {}", text(&written.stderr));
        let stacks = pikos(args!["export", &other, "-f", "collapsed", "--thread", "worker"]);
        assert_eq!(text(&stacks.stdout), "run;b 5000000000\n", "{name}");
    }
    let out = folder.path("apart.folded");
    let result = pikos(args!["merge", &path, "--by", "thread", "-o", &out]);
    assert_eq!(result.status.code(), Some(0), "{}", text(&result.stderr));
    let apart = std::fs::read_to_string(&out).expect("written");
    assert!(apart.contains("MainThread;run [MainThread];a [MainThread] 3000000000\n"), "{apart}");
    assert!(apart.contains("worker;run [worker];b [worker] 5000000000\n"), "{apart}");
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
    assert!(text(&mixed.stderr).contains("can't be combined"));
}

#[test]
fn folders_and_lists_stand_for_many_files() {
    let folder = Folder::new("many");
    for name in ["out-1.pstats", "out-22.pstats", "plain"] {
        std::fs::copy(profile(), folder.path(name)).expect("copied");
    }
    std::fs::write(folder.path("notes.md"), "no profile").expect("written");
    std::fs::write(folder.path(".hidden.pstats"), "no profile").expect("written");
    std::fs::create_dir(folder.path("below")).expect("made");
    let fib = |inputs: &[std::ffi::OsString]| {
        let mut all = args!["stats", "--json", "-g", "fib"].to_vec();
        all.extend_from_slice(inputs);
        let result = pikos(all);
        assert_eq!(result.status.code(), Some(0), "{}", text(&result.stderr));
        text(&result.stdout).to_owned()
    };
    assert!(fib(&args![&folder.0]).contains(r#""ncalls":2400"#));
    let list = folder.path("list");
    let paths = format!("# two\n{}\n\n{}\n", folder.path("out-1.pstats").display(), profile().display());
    std::fs::write(&list, paths).expect("written");
    assert!(fib(&args![format!("@{}", list.display())]).contains(r#""ncalls":1600"#));
    std::fs::write(&list, format!("{}\0{}\0", profile().display(), folder.0.display())).expect("written");
    assert!(fib(&args![format!("@{}", list.display()), profile()]).contains(r#""ncalls":4000"#));
    let empty = pikos(args!["merge", folder.path("below"), "-o", folder.path("sum.pstats")]);
    assert_eq!(empty.status.code(), Some(1));
    assert!(text(&empty.stderr).contains("there are no profiles in this folder"));
    std::fs::write(&list, "\n").expect("written");
    let empty = pikos(args!["stats", format!("@{}", list.display())]);
    assert!(text(&empty.stderr).contains("this list names no files"), "{}", text(&empty.stderr));
    let apart = folder.path("apart.pstats");
    let files = [folder.path("out-1.pstats"), folder.path("out-22.pstats")];
    let result = pikos(args!["merge", &files[0], &files[1], "--by", "process", "-o", &apart]);
    assert_eq!(result.status.code(), Some(0), "{}", text(&result.stderr));
    let names = pikos(args!["stats", &apart, "--json", "-g", "fib|process"]);
    let names = text(&names.stdout);
    for name in ["fib [process 1]", "fib [process 22]", r#""process 1""#, r#""process 22""#] {
        assert!(names.contains(name), "{names}");
    }
    assert_eq!(pikos(args!["check", &apart]).status.code(), Some(0));
}

#[test]
fn merge_adds_different_kinds_if_asked() {
    let folder = Folder::new("lossy");
    let out = folder.path("sum.pstats");
    let other = folder.path("other.callgrind");
    pikos(args!["export", profile(), "-o", &other]);
    let refused = pikos(args!["merge", profile(), &other, "-o", &out]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        text(&refused.stderr).contains("`--lossy` leaves out what only some"),
        "{}",
        text(&refused.stderr)
    );
    let added = pikos(args!["merge", profile(), &other, "--lossy", "-o", &out]);
    assert_eq!(added.status.code(), Some(0), "{}", text(&added.stderr));
    assert!(text(&added.stderr).contains("no own times for single callers"), "{}", text(&added.stderr));
    let stacks = folder.path("stacks.folded");
    std::fs::write(&stacks, "a;b 3\n").expect("written");
    let units = pikos(args!["merge", profile(), &stacks, "--lossy", "-o", &out]);
    assert_eq!(units.status.code(), Some(1));
    assert!(!text(&units.stderr).contains("--lossy"), "{}", text(&units.stderr));
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
    assert!(text(&slower.stderr).contains("Most of it: program.py:"), "{}", text(&slower.stderr));
    let allowed = pikos(args!["diff", profile(), &doubled, "--fail-above", "100.1%"]);
    assert_eq!(allowed.status.code(), Some(0));
    let faster = pikos(args!["diff", &doubled, profile(), "--fail-above", "0s"]);
    assert_eq!(faster.status.code(), Some(0));
    let json = pikos(args!["diff", profile(), &doubled, "--json", "-n", "1"]);
    assert!(text(&json.stdout).contains("\"not_shown\": 19"), "{}", text(&json.stdout));
}

#[test]
fn diff_is_written_in_many_forms() {
    let folder = Folder::new("diff-forms");
    let doubled = folder.path("doubled.pstats");
    pikos(args!["merge", profile(), profile(), "-o", &doubled]);
    let written = |options: &[&str]| {
        let mut all: Vec<std::ffi::OsString> = args!["diff", profile(), &doubled].into();
        all.extend(options.iter().map(Into::into));
        let result = pikos(all);
        assert_eq!(result.status.code(), Some(0), "{options:?}: {}", text(&result.stderr));
        text(&result.stdout).to_owned()
    };
    let rows = |out: &str| out.lines().filter(|line| line.contains("program.py:")).count();
    assert_eq!(rows(&written(&["-g", "fib|odd", "-x", "odd"])), 1);
    assert!(written(&["-g", "fib"]).contains("19 changes are left out by --grep and --exclude"));
    assert_eq!(rows(&written(&["-n", "3", "-g", "program"])), 3);
    let by_calls = written(&["-s", "calls", "-n", "1"]);
    assert!(by_calls.contains("(fib)"), "{by_calls}");
    let narrow = written(&["--width", "71", "-g", "fib"]);
    assert!(
        narrow.lines().skip(3).all(|line| line.chars().count() <= 71) && narrow.contains('…'),
        "{narrow}"
    );
    let coloured = written(&["--colour", "always"]);
    assert!(coloured.contains("\x1b[31m") && !coloured.contains("\x1b[32m"), "{coloured}");
    assert!(!written(&[]).contains('\x1b'));
    let summary = written(&["--summary"]);
    assert!(summary.contains("slower, 0 faster, 0 new, 0 gone") && rows(&summary) == 1, "{summary}");
    let markdown = written(&["-f", "markdown", "-n", "2"]);
    assert!(markdown.starts_with("**") && markdown.contains("|---:|"), "{markdown}");
    assert!(markdown.contains("18 more changed."), "{markdown}");
    let github = written(&["-f", "github"]);
    assert!(github.starts_with("::notice title=Profile::"), "{github}");
    assert!(github.contains("::warning file=program.py,line=4,title="), "{github}");
    for name in ["d.svg", "d.html", "d.md", "d.json", "d.txt"] {
        let out = folder.path(name);
        assert_eq!(written(&["-o", out.to_str().expect("UTF-8")]), "");
        assert!(std::fs::metadata(&out).expect(name).len() > 0);
    }
    let unknown = pikos(args!["diff", profile(), &doubled, "-o", "d.xyz"]);
    assert_eq!(unknown.status.code(), Some(2));
}

#[test]
fn check_tells_sound_from_unsound() {
    let sound = pikos(args!["check", profile()]);
    assert_eq!(sound.status.code(), Some(0), "{}", text(&sound.stdout));
    assert!(text(&sound.stdout).contains(": sound, 20 functions"));
    let yappi = pikos(args!["check", fixture("pstats/yappi.pstats")]);
    assert_eq!(yappi.status.code(), Some(0), "{}", text(&yappi.stdout));
    assert!(text(&yappi.stdout).contains("odd: calls and primitive calls stand in each other's place"));
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
    assert!(text(&first.stdout).contains("in 5 Ir"), "{}", text(&first.stdout));
    assert!(text(&first.stderr).contains("the figures are Ir; --event NAME reads another: Dr"));
    let second = pikos(args!["stats", &callgrind, "--event", "Dr"]);
    assert!(text(&second.stdout).contains("in 900 Dr"), "{}", text(&second.stdout));
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
    assert!(text(&shown.stdout).contains("3.000 seconds; calls were not counted"), "{}", text(&shown.stdout));
    assert!(text(&shown.stderr).contains("--profile NUMBER reads another: 2 `heap` (bytes)"));
    let heap = pikos(args!["stats", &speedscope, "--profile", "heap"]);
    assert!(text(&heap.stdout).contains("70 bytes; calls were not counted"), "{}", text(&heap.stdout));
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
    assert_eq!(list.lines().filter(|line| line.contains(" .")).count(), 18, "{list}");
}

#[test]
fn completions_ask_for_what_they_offer() {
    for shell in ["bash", "zsh", "fish"] {
        let result = pikos(["completions", shell]);
        assert_eq!(result.status.code(), Some(0));
        assert!(text(&result.stdout).contains("pikos __complete"), "{shell}");
    }
    let offered = pikos(["__complete", "pikos", "me"]);
    assert_eq!(
        (offered.status.code(), text(&offered.stdout)),
        (Some(0), "merge\tAdd up profiles into one\n")
    );
}

#[test]
fn what_can_not_be_sampled_is_said() {
    let folder = Folder::new("sample");
    let here = std::process::id().to_string();
    let out = folder.path("a.xyz").display().to_string();
    let cases: [(Vec<&str>, i32, &str); 17] = [
        (vec!["sample", "4194304"], 1, "process 4194304 has ended, or was never there"),
        (vec!["stacks", "4194304"], 1, "process 4194304 has ended, or was never there"),
        (vec!["top", "--sample", "--once", "4194304"], 1, "process 4194304 has ended, or was never there"),
        (vec!["sample", "0"], 2, "give a process ID"),
        (vec!["stacks", "-1"], 2, "give a process ID"),
        (vec!["sample", "web"], 2, "give a process ID"),
        (vec!["sample", "1", "--rate", "0"], 2, "rate must be from 0.1 to 10000 looks a second, got 0"),
        (
            vec!["sample", "1", "--rate", "1e6"],
            2,
            "rate must be from 0.1 to 10000 looks a second, got 1000000",
        ),
        (vec!["sample", "1", "--rate", "nan"], 2, "rate must be from 0.1 to 10000 looks a second, got NaN"),
        (vec!["sample", "1", "--budget", "0%"], 2, "budget must be from 0.01 to 100 % of a processor, got 0"),
        (vec!["sample", "1", "--budget", "much"], 2, "give a percentage of one processor"),
        (vec!["sample", "1", "--mode", "idle"], 2, "[possible values: wall, cpu, gil]"),
        (vec!["sample", "1", "--duration", "0"], 2, "give a number of seconds above 0"),
        (vec!["sample", "1", "-o", &out], 2, "which format?"),
        (vec!["top", "--sample"], 2, "PID|ENDPOINT"),
        (vec!["top", "--sample", "--once", "tcp://localhost:5555"], 2, "takes process IDs of this host"),
        (vec!["ctl", "rate", "0", "1"], 2, "rate must be from 0.1 to 10000 looks a second, got 0"),
    ];
    for (args, code, words) in cases {
        let result = Command::new(env!("CARGO_BIN_EXE_pikos")).args(&args).current_dir(&folder.0).output();
        let result = result.expect("the command runs");
        let told = text(&result.stderr);
        assert_eq!(result.status.code(), Some(code), "{args:?}: {told}");
        assert!(told.contains(words), "{args:?}: {told}");
    }
    // Where no other process may be read, not even its own user's is.
    let told = pikos(args!["stacks", &here]);
    let told = text(&told.stderr);
    assert!(told.contains("has no CPython in it") || told.contains("no right to read"), "{told}");
    assert_eq!(std::fs::read_dir(&folder.0).expect("the folder").count(), 0, "nothing was saved");
}
