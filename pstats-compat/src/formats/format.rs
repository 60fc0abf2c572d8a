//! The list of formats: their names, file endings, readers and writers, and what each can't say.

use std::cell::OnceCell;
use std::io::Write;
use std::path::Path;
use std::str::FromStr;

use super::{
    callgrind, collapsed, cpuprofile, csv, dot, firefox, flamegraph, json, markdown, native, page, perf,
    pprof, pstats, pyinstrument, speedscope, text, trace,
};
use crate::error::{Error, Result};
use crate::label_sets;
use crate::model::{EdgeDetail, Profile, Unit};
use crate::stacks::Stacks;

/// A file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// cProfile's own.
    Pstats,
    /// Ours.
    Pikos,
    /// KCachegrind's.
    Callgrind,
    /// flamegraph.pl's.
    Collapsed,
    /// speedscope's.
    Speedscope,
    /// A page: flame graph, functions, callers.
    Html,
    /// A flame graph as a picture.
    Svg,
    /// Go's.
    Pprof,
    /// The Firefox Profiler's.
    Firefox,
    /// V8's.
    Cpuprofile,
    /// Chrome's trace events.
    Trace,
    /// pyinstrument's.
    Pyinstrument,
    /// What `perf script` prints.
    Perf,
    /// Graphviz'.
    Dot,
    /// Everything, for programs.
    Json,
    /// The table of functions.
    Csv,
    /// The table of functions, for people on the web.
    Markdown,
    /// The table of functions, as pstats prints it.
    Text,
}

/// What reads a format.
pub type ReadFn = fn(&[u8]) -> Result<Profile>;

/// Name, and the endings by which a file name is known (the longest that fits counts).
const FORMATS: [(Format, &str, &[&str]); 18] = [
    (Format::Pstats, "pstats", &[".pstats", ".prof", ".profile"]),
    (Format::Pikos, "pikos", &[".pikos"]),
    (Format::Callgrind, "callgrind", &[".callgrind", ".cachegrind"]),
    (Format::Collapsed, "collapsed", &[".collapsed", ".folded"]),
    (Format::Speedscope, "speedscope", &[".speedscope", ".speedscope.json"]),
    (Format::Html, "html", &[".html", ".htm"]),
    (Format::Svg, "svg", &[".svg"]),
    (Format::Pprof, "pprof", &[".pb.gz", ".pprof"]),
    (Format::Firefox, "firefox", &[".firefox.json", ".gecko.json"]),
    (Format::Cpuprofile, "cpuprofile", &[".cpuprofile"]),
    (Format::Trace, "trace", &[".trace", ".trace.json"]),
    (Format::Pyinstrument, "pyinstrument", &[".pyisession"]),
    (Format::Perf, "perf", &[".perf"]),
    (Format::Dot, "dot", &[".dot", ".gv"]),
    (Format::Json, "json", &[".json"]),
    (Format::Csv, "csv", &[".csv"]),
    (Format::Markdown, "markdown", &[".md", ".markdown"]),
    (Format::Text, "text", &[".txt"]),
];

/// Endings of files that are cProfile's, by what people call them, beside those of [`Format::Pstats`].
const CPROFILES: [&str; 10] =
    ["cprof", "cprofile", "out", "p", "pr", "prf", "profiling", "pstat", "stat", "stats"];

/// What else they are called.
const ALIASES: [(Format, &str); 3] =
    [(Format::Html, "flamegraph"), (Format::Firefox, "gecko"), (Format::Trace, "chrome")];

/// A name that is no format's.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a format: choose one of {names}", names = Format::names().join(", "))]
pub struct UnknownFormat(String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        let mut names = FORMATS.iter().map(|(format, known, _)| (*format, *known)).chain(ALIASES);
        let found = names.find(|(_, known)| *known == name);
        found.map(|(format, _)| format).ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

impl Format {
    /// Every format.
    pub fn all() -> impl Iterator<Item = Self> {
        FORMATS.iter().map(|(format, ..)| *format)
    }

    /// The names of those that are written.
    pub fn names() -> Vec<&'static str> {
        Self::all().filter(|format| format.is_written()).map(Self::name).collect()
    }

    /// The names of those that can be read.
    pub fn readable() -> Vec<&'static str> {
        Self::all().filter(|format| format.reader().is_some()).map(Self::name).collect()
    }

    /// Its name, as [`FromStr`] takes it.
    pub fn name(self) -> &'static str {
        let (_, name, _) = FORMATS.iter().find(|(format, ..)| *format == self).expect("all listed");
        name
    }

    /// The endings by which a file name is known.
    pub fn endings(self) -> &'static [&'static str] {
        let (.., endings) = FORMATS.iter().find(|(format, ..)| *format == self).expect("all listed");
        endings
    }

    /// Its other names, which [`FromStr`] takes, too.
    pub fn aliases(self) -> impl Iterator<Item = &'static str> {
        ALIASES.into_iter().filter(move |(format, _)| *format == self).map(|(_, name)| name)
    }

    /// What a file name says. valgrind puts its word in front: `callgrind.out.1234`.
    pub fn from_path(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_string_lossy().to_lowercase();
        if name.starts_with("callgrind.out") || name.starts_with("cachegrind.out") {
            return Some(Format::Callgrind);
        }
        FORMATS
            .iter()
            .flat_map(|(format, _, endings)| endings.iter().map(move |ending| (*format, *ending)))
            .filter(|(_, ending)| name.ends_with(ending))
            .max_by_key(|(_, ending)| ending.len())
            .map(|(format, _)| format)
    }

    /// What the first bytes of a file say; only of formats that can be read, and not of collapsed stacks, which are known by
    /// there being nothing else.
    pub fn from_content(bytes: &[u8]) -> Option<Self> {
        let start = &bytes[..bytes.len().min(1 << 14)];
        let has = |word: &[u8]| start.windows(word.len()).any(|window| window == word);
        match start.trim_ascii_start() {
            start if start.starts_with(&native::MAGIC) => Some(Format::Pikos),
            // A dict in marshal, or a bare `{`; JSON continues with a quote.
            [b'{' | 0xFB, 0xA9 | b')' | b'(' | 0xA8 | b'0', ..] => Some(Format::Pstats),
            [b'{', ..] if has(b"//www.speedscope.app/file-format-schema.json") => Some(Format::Speedscope),
            [b'{' | b'[', ..] => None,
            text if text.starts_with(b"# callgrind") => Some(Format::Callgrind),
            _ if has(b"\nevents:") || start.starts_with(b"events:") => Some(Format::Callgrind),
            _ => None,
        }
    }

    /// Reads a profile, if this format has a reader.
    pub fn reader(self) -> Option<ReadFn> {
        match self {
            Format::Pstats => Some(pstats::read),
            Format::Pikos => Some(native::read),
            Format::Callgrind => Some(callgrind::read),
            Format::Collapsed => Some(collapsed::read),
            Format::Speedscope => Some(speedscope::read),
            Format::Pprof => Some(pprof::read),
            Format::Cpuprofile => Some(cpuprofile::read),
            Format::Firefox => Some(firefox::read),
            Format::Trace => Some(trace::read),
            Format::Pyinstrument => Some(pyinstrument::read),
            Format::Perf => Some(perf::read),
            Format::Json => Some(json::read),
            Format::Html => Some(page::read),
            _ => None,
        }
    }

    fn writer(self) -> Option<Writer> {
        Some(match self {
            Format::Pstats => Writer::Tables(pstats::write),
            Format::Pikos => Writer::Tables(native::write),
            Format::Callgrind => Writer::Tables(callgrind::write),
            Format::Collapsed => Writer::Stacks(collapsed::write),
            Format::Speedscope => Writer::Stacks(speedscope::write),
            Format::Html => Writer::Stacks(page::write),
            Format::Svg => Writer::Stacks(flamegraph::write),
            Format::Pprof => Writer::Stacks(pprof::write),
            Format::Firefox => Writer::Stacks(firefox::write),
            Format::Cpuprofile => Writer::Stacks(cpuprofile::write),
            Format::Trace => Writer::Stacks(trace::write),
            Format::Pyinstrument | Format::Perf => return None,
            Format::Dot => Writer::Tables(dot::write),
            Format::Json => Writer::Tables(json::write),
            Format::Csv => Writer::Tables(csv::write),
            Format::Markdown => Writer::Tables(markdown::write),
            Format::Text => Writer::Tables(text::write),
        })
    }

    /// Writes a profile, for whoever has nobody to tell what [`Output::notes`] says.
    pub fn write(self, profile: &Profile, out: &mut dyn Write) -> Result<()> {
        Output::new(profile, self).write(out)
    }

    /// Whether it is written, and not only read.
    pub fn is_written(self) -> bool {
        self.writer().is_some()
    }

    /// What a profile is written as, as its file's name says.
    pub fn of_target(path: &Path) -> Option<Self> {
        Self::from_path(path).filter(|format| format.is_written())
    }

    /// Whether people give this ending, in small letters, to files of cProfile's, and to others that are no format's.
    pub fn is_of_cprofile(ending: &str) -> bool {
        CPROFILES.contains(&ending)
            || matches!(ending, "bin" | "dat" | "data" | "dump" | "profile" | "raw" | "tmp")
    }

    /// What a recorded profile is written as: what the file's name says, pstats if it is a name that people give to cProfile's files,
    /// else `untold`.
    pub fn of_recorded(path: &Path, untold: Self) -> Self {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        let is_cprofiles = || ending.is_some_and(|ending| CPROFILES.contains(&&*ending));
        Self::of_target(path).unwrap_or_else(|| if is_cprofiles() { Self::Pstats } else { untold })
    }

    /// What a profile is written as whose file's name says nothing: pstats, unless it has full stacks, for which that has no place.
    pub fn untold(has_tree: bool) -> Self {
        if has_tree { Self::Pikos } else { Self::Pstats }
    }

    /// Whether the format is made of full stacks.
    pub fn needs_stacks(self) -> bool {
        matches!(self.writer(), Some(Writer::Stacks(_)))
    }

    /// Whether its stacks are those of threads, where these are told apart.
    fn tells_threads_apart(self) -> bool {
        matches!(self, Format::Html | Format::Speedscope | Format::Pprof | Format::Firefox | Format::Trace)
    }

    /// Whether its stacks are those of label sets, where there are such.
    fn tells_labels_apart(self) -> bool {
        matches!(self, Format::Speedscope | Format::Pprof)
    }

    /// Whether it has a place for objects by type. `are_alone`: where there is nothing else.
    pub fn keeps_objects(self, are_alone: bool) -> bool {
        match self {
            Format::Pikos | Format::Json | Format::Html | Format::Text => true,
            Format::Csv => are_alone,
            _ => false,
        }
    }

    /// Whether what is written is not text for a terminal.
    pub fn is_binary(self) -> bool {
        matches!(self, Format::Pstats | Format::Pikos | Format::Pprof)
    }
}

/// What writes a format: from the tables alone, or from full stacks as well.
enum Writer {
    Tables(fn(&Profile, &mut dyn Write) -> Result<()>),
    Stacks(fn(&Profile, &Stacks<'_>, &mut dyn Write) -> Result<()>),
}

/// A profile on its way into a format: what is written, and what is to be told with it. Stacks are found once for both.
pub struct Output<'p> {
    profile: &'p Profile,
    format: Format,
    stacks: OnceCell<Stacks<'p>>,
}

impl<'p> Output<'p> {
    /// Does nothing yet.
    pub fn new(profile: &'p Profile, format: Format) -> Self {
        Self { profile, format, stacks: OnceCell::new() }
    }

    /// Writes it.
    pub fn write(&self, out: &mut dyn Write) -> Result<()> {
        match self.format.writer() {
            Some(Writer::Tables(write)) => write(self.profile, out),
            Some(Writer::Stacks(write)) => write(self.profile, self.stacks(), out),
            None => Err(Error::NoWriter(self.format.name())),
        }
    }

    /// What is written as a page, with the source of the functions that matter: it reads the files that the profile names.
    /// `lines` are figures to stand beside it.
    pub fn write_page_with_source(
        &self,
        lines: Option<&page::LineFigures>,
        out: &mut dyn Write,
    ) -> Result<()> {
        page::write_with_source(self.profile, self.stacks(), lines, out)
    }

    fn stacks(&self) -> &Stacks<'p> {
        self.stacks.get_or_init(|| match self.format.tells_threads_apart() {
            true if self.format.tells_labels_apart() && !self.profile.label_sets.is_empty() => {
                label_sets::stacks(self.profile)
            }
            true => Stacks::by_thread(self.profile),
            false => Stacks::of(self.profile),
        })
    }

    /// What is lost or estimated in it.
    pub fn notes(&self) -> Vec<String> {
        let Self { profile, format, .. } = self;
        let mut notes = Vec::new();
        if format.needs_stacks() {
            notes.extend(self.stacks().told());
        }
        if *format == Format::Collapsed && profile.metadata.unit == Unit::Seconds {
            notes.push("the numbers are nanoseconds; the format has no place to say so".to_owned());
        }
        if *format == Format::Pstats {
            if profile.tree.is_some() {
                notes.push(
                    "pstats has no place for full stacks: name the file `.pikos` to keep them".to_owned(),
                );
            }
            if let Unit::Other(unit) = &profile.metadata.unit {
                notes.push(format!("this profile is in {unit}, which pstats will show as seconds"));
            }
            if profile.metadata.edges == EdgeDetail::CallsAndCumtime {
                notes.push("own times per caller are not known: they are written as 0".to_owned());
            }
        }
        if profile.objects.is_some() && !format.keeps_objects(profile.has_objects_alone()) {
            notes.push(format!(
                "{} has no place for objects: name the file `.pikos` to keep them, or `.json`",
                format.name()
            ));
        }
        if *format == Format::Callgrind && profile.metadata.edges == EdgeDetail::CountsOnly {
            notes.push("times per caller are not known: they are written as 0".to_owned());
        }
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_endings_lead_to_formats() {
        let by_path = |name: &str| Format::from_path(Path::new(name));
        assert_eq!(by_path("a/b.prof"), Some(Format::Pstats));
        assert_eq!(by_path("callgrind.out.123"), Some(Format::Callgrind));
        assert_eq!(by_path("x.speedscope.json"), Some(Format::Speedscope));
        assert_eq!(by_path("x.json"), Some(Format::Json));
        assert_eq!(by_path("x"), None);
        for name in Format::names() {
            assert_eq!(name.parse::<Format>().expect(name).name(), name);
        }
        for (format, alias) in ALIASES {
            assert_eq!(alias.parse::<Format>().ok(), Some(format));
        }
        assert!("xml".parse::<Format>().is_err());
    }

    #[test]
    fn a_recorded_profile_is_what_its_name_says_and_pstats_under_cprofiles_names() {
        let recorded = |name: &str| Format::of_recorded(Path::new(name), Format::untold(true));
        for name in ["a.pstats", "a.prof", "a.OUT", "x/a.b.stats", "a.cprof"] {
            assert_eq!(recorded(name), Format::Pstats, "{name}");
        }
        for name in ["a", "a.pikos", ".out", "out/a", "a.bin", "a.4711", "a.perf", "a."] {
            assert_eq!(recorded(name), Format::Pikos, "{name}");
        }
        assert_eq!(recorded("a.html"), Format::Html);
        assert_eq!(recorded("callgrind.out.1"), Format::Callgrind);
        assert_eq!(Format::of_recorded(Path::new("a"), Format::untold(false)), Format::Pstats);
    }

    #[test]
    fn content_tells_what_a_file_is() {
        assert_eq!(Format::from_content(b"{0"), Some(Format::Pstats));
        assert_eq!(Format::from_content(b"\xfb\xa9\x03"), Some(Format::Pstats));
        assert_eq!(Format::from_content(b"version: 1\nevents: ns\n"), Some(Format::Callgrind));
        assert_eq!(
            Format::from_content(b"{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\"}"),
            Some(Format::Speedscope)
        );
        assert_eq!(Format::from_content(b"a;b 3\n"), None);
    }

    #[test]
    fn stacks_are_found_once_for_what_is_written_and_what_is_told() {
        let profile = Profile::default();
        let output = Output::new(&profile, Format::Svg);
        assert!(output.stacks.get().is_none());
        output.write(&mut std::io::sink()).expect("a sink takes every byte");
        let found = std::ptr::from_ref(output.stacks.get().expect("drawn from them"));
        assert_eq!(output.notes().len(), 1);
        assert_eq!(output.stacks.get().map(std::ptr::from_ref), Some(found));
        let output = Output::new(&profile, Format::Csv);
        assert_eq!(output.notes(), Vec::<String>::new());
        assert!(output.stacks.get().is_none(), "they are costly");
    }
}
