//! The command line. Doc comments here are the help texts.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, ValueEnum};
use pstats_compat::details::Detail;
use pstats_compat::formats::{Format, ReadOptions};
use pstats_compat::label_sets::Wanted;
use pstats_compat::report::SortKey;
use regex::Regex;

use crate::plot::{GREATEST, Memory, SMALLEST};
use crate::top::{Form, Options, SortBy};

/// Profile Python programs: see what they spend their time on, look around in it, compare it, watch it live.
#[derive(Debug, Parser)]
#[command(name = "pikos", version, arg_required_else_help = true)]
#[command(help_template = "\
{about}

  pikos run app.py           run a program, and see where its time went
  pikos FILE                 look around in the profile that this has saved
  pikos report FILE --open   see it in the browser, on one page to share
  pikos run --live app.py    run a program for others to watch …
  pikos top                  … and watch it, from another terminal

{usage-heading} {usage}

{all-args}{after-help}")]
#[command(
    after_help = "Each command has a --help of its own, with an example. As cProfile: python -m pikos.cprofile --help"
)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Subcommand,
}

#[derive(Debug, clap::Subcommand)]
pub enum Subcommand {
    /// Run a program, say where its time went, and save the profile
    #[command(disable_help_flag = true, after_help = "Example: pikos run app.py")]
    Run(RunArgs),
    /// Run a program, and see how often each of its lines runs and how long it takes
    #[command(disable_help_flag = true, after_help = "Example: pikos lines --report app.py")]
    Lines(RunArgs),
    /// Write one page that tells all: flame graph, functions, callers, source; to look at, and to share
    #[command(after_help = "Example: pikos report app.pikos --open")]
    Report(ReportArgs),
    /// Convert a profile to another format
    #[command(after_help = "Example: pikos export app.pstats -o app.html")]
    Export(ExportArgs),
    /// Add up profiles into one
    #[command(after_help = "Example: pikos merge worker-1.pstats worker-2.pstats -o all.pstats")]
    Merge(MergeArgs),
    /// Show what changed between two profiles
    #[command(after_help = "Example: pikos diff before.pstats after.pstats --fail-above 10%")]
    Diff(DiffArgs),
    /// Print the table of functions, as pstats does
    #[command(after_help = "Example: pikos stats app.pstats --sort time -n 20")]
    Stats(StatsArgs),
    /// Browse profiles full screen: sort, filter, drill down to callers and source
    #[command(after_help = "Example: pikos view app.pstats")]
    View(ViewArgs),
    /// Watch running processes full screen: sort, filter, drill down, pause, save
    #[command(after_help = "Example: pikos top 4711 --exclude site-packages")]
    Top(TopArgs),
    /// Show profiles in the browser: processes at work, and files of any format
    #[command(after_help = "Examples:
  pikos serve --open                    all of your live processes
  pikos serve 4711 before.pikos         one of them, and a file beside it
  pikos serve --bind tcp://*:5555       processes of other hosts, which connect here
  ssh -L 7456:localhost:7456 HOST       have the page of HOST's server on http://localhost:7456")]
    Serve(ServeArgs),
    /// List the processes that can be watched
    #[command(after_help = "Example: pikos ps")]
    Ps(PsArgs),
    /// Save the profiles of live processes when they end, even if they are killed; or the records that toolkit recorders send
    #[command(after_help = "Examples:
  pikos record 4711 -o app.pikos          the profile of a process
  pikos record 4711 -o records.parquet    what `pikos-run … --recording zmq` sends, record by record
  pikos record 4711 -o objects.pikos      what `pikos-run objects --recording zmq` counts, by type and line")]
    Record(RecordArgs),
    /// Gather the profiles of many processes and hosts: as one source to watch, and on disk, hour by hour
    #[command(after_help = "Examples:
  pikos collect --bind tcp://127.0.0.1:5555                      processes started with `--live tcp://127.0.0.1:5555 --connect`
  pikos collect --bind tcp://*:5555 -o profiles --every 15m      the same of other hosts, and every quarter of an hour on disk
  pikos collect --bind tcp://*:5555 --push http://pyro:4040      the same, sent on to a Pyroscope server

`pikos top` and `pikos serve` show what it has: each program on each host as one process, its threads by their names.")]
    Collect(CollectArgs),
    /// Sample a process that is already running, whatever it is: where its time goes, at next to no cost to it
    #[command(after_help = "Examples:
  pikos sample 4711                              until Ctrl-C; then it says where the time went
  pikos sample 4711 --duration 30 -o web.pikos   half a minute, into this file
  pikos sample 4711 --mode cpu --rate 1000       threads that run, looked at a thousand times a second

`pikos top --sample 4711` shows the same live on the whole screen. Both need the right to read the memory of the process, as debuggers do:
it is yours and the system allows that, or you are root.")]
    Sample(SampleArgs),
    /// Print where each thread of a process is now: its stack, with files and lines
    #[command(after_help = "Example: pikos stacks 4711 --locals")]
    Stacks(StacksArgs),
    /// Control live processes: pause, resume, clear, interval, rate, status, stop, dump
    #[command(after_help = "Example: pikos ctl pause 4711")]
    Ctl(CtlArgs),
    /// Profile a process that is already running (CPython 3.14 and later)
    #[command(after_help = "Example: pikos attach 4711 --fast")]
    Attach(AttachArgs),
    /// Undo `attach`: stop profiling, and leave the process as it was
    #[command(after_help = "Example: pikos detach 4711")]
    Detach(DetachArgs),
    /// Count the objects of a running process by type (CPython 3.14 and later)
    #[command(after_help = "Example: pikos objects 4711")]
    Objects(ObjectsArgs),
    /// Plot the memory in records of pikos-run over time, with its peaks labelled
    #[command(after_help = "Examples:
  pikos plot records.csv -o memory.png             one program
  pikos plot before.parquet after.parquet --dark   two runs, one over the other")]
    Plot(PlotArgs),
    /// Check whether a profile is sound, and say what is odd about it
    #[command(after_help = "Example: pikos check app.pstats")]
    Check(CheckArgs),
    /// List the formats: their names, file endings, and which are read, written and hold full stacks
    #[command(after_help = "Example: pikos formats")]
    Formats,
    /// Print what makes a shell complete commands, options, sort keys and live processes at Tab
    #[command(after_help = "Example: pikos completions bash

To have it in each new shell:
  bash  echo 'source <(pikos completions bash)' >> ~/.bashrc
  zsh   echo 'source <(pikos completions zsh)' >> ~/.zshrc      (below the line with compinit)
  fish  pikos completions fish > ~/.config/fish/completions/pikos.fish")]
    Completions(CompletionsArgs),
}

/// All of it is Python's to read: it runs the program.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Options, then the program with its own: `pikos run --help` lists them
    #[arg(value_name = "OPTION | PROGRAM", trailing_var_arg = true, allow_hyphen_values = true)]
    pub words: Vec<OsString>,
}

#[derive(Debug, Args)]
pub struct PlotArgs {
    /// Memory records, CSV or Parquet, from `pikos-run line_memory -o records.csv` or `pikos-run function_memory -o
    /// records.parquet`; `-` is standard input. Several are drawn as several curves
    #[arg(required = true, value_name = "RECORDS")]
    pub inputs: Vec<PathBuf>,
    /// Where to write; the ending of the name sets the format; `-` is standard output
    #[arg(short, long, value_name = "OUT", default_value = "memory.svg")]
    pub output: PathBuf,
    /// The format of the picture
    #[arg(short, long)]
    pub format: Option<PlotFormat>,
    /// Which memory to plot
    #[arg(long, value_enum, default_value_t = Memory::Rss)]
    pub memory: Memory,
    /// Draw on dark ground; without, an SVG follows its viewer, and a PNG is light
    #[arg(long)]
    pub dark: bool,
    /// Width and height, in points; a PNG has twice as many pixels each way
    #[arg(long, value_name = "WIDTHxHEIGHT", default_value = "1000x480", value_parser = size)]
    pub size: (u32, u32),
}

/// A kind of picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PlotFormat {
    Svg,
    Png,
}

impl PlotFormat {
    /// What a file's name says.
    pub fn of_name(path: &std::path::Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?;
        Self::from_str(extension, true).ok()
    }
}

/// What every command that reads profiles takes.
#[derive(Clone, Debug, Default, Args)]
pub struct InputArgs {
    /// The format of the input, if its content and name don't say
    #[arg(long, value_name = "FORMAT", value_parser = format_that(|format| format.reader().is_some()))]
    pub from: Option<Format>,
    /// Which figures to read, of a file that has several: an event of callgrind, a sample type of pprof
    #[arg(long, value_name = "NAME")]
    pub event: Option<String>,
    /// Which profile to read, of a speedscope file that has several: a number, from 1, or a name
    #[arg(long, value_name = "N|NAME")]
    pub profile: Option<String>,
    /// Only what ran under this label, of profiles with labels; NAME alone: any value of it. May be repeated: of one name either,
    /// of different names both
    #[arg(long, value_name = "NAME=VALUE")]
    pub label: Vec<Wanted>,
}

impl InputArgs {
    /// The same for whoever reads.
    pub fn options(&self) -> ReadOptions {
        ReadOptions {
            format: self.from,
            event: self.event.clone(),
            profile: self.profile.clone(),
            labels: self.label.clone(),
        }
    }
}

/// Which functions stay; the time of the others goes to those that called them.
#[derive(Clone, Debug, Args)]
pub struct ShownArgs {
    /// Keep only your own code: no function of the standard library or an installed package, no built-in; their time goes to
    /// your functions that called them
    #[arg(long)]
    pub mine: bool,
    /// Keep only functions whose `file:line(name)` matches this regular expression; the time of others goes to their callers;
    /// may be repeated
    #[arg(long, value_name = "REGEX")]
    pub only: Vec<Regex>,
    /// Leave out functions whose `file:line(name)` matches this regular expression; their time goes to their callers; may be
    /// repeated
    #[arg(long, value_name = "REGEX")]
    pub hide: Vec<Regex>,
}

impl ShownArgs {
    /// Whether names matter.
    pub fn has_patterns(&self) -> bool {
        !self.only.is_empty() || !self.hide.is_empty()
    }

    /// Whether a function of this name is left out.
    pub fn hides(&self, name: &str) -> bool {
        let is_only = self.only.is_empty() || self.only.iter().any(|pattern| pattern.is_match(name));
        !is_only || self.hide.iter().any(|pattern| pattern.is_match(name))
    }
}

/// Formats by their names, which help and completions list.
fn format_that(is_meant: impl Fn(Format) -> bool) -> impl TypedValueParser<Value = Format> {
    let meant = Format::all().filter(|format| is_meant(*format));
    let values = meant.map(|format| PossibleValue::new(format.name()).aliases(format.aliases()));
    let format = |name: String| name.parse().expect("only names of formats are possible values");
    PossibleValuesParser::new(values.collect::<Vec<_>>()).map(format)
}

#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Profiles to read, which are added up; a folder stands for all in it, `@LIST` for the paths in that file, `-` for
    /// standard input
    #[arg(required = true, value_name = "IN")]
    pub inputs: Vec<PathBuf>,
    /// The format to write, if OUT's name doesn't say; html and svg are flame graphs
    #[arg(short, long, value_parser = format_that(Format::is_written))]
    pub format: Option<Format>,
    /// Where to write; `-` is standard output
    #[arg(short, long, value_name = "OUT", default_value = "-")]
    pub output: PathBuf,
    /// Strip folders from file names
    #[arg(long)]
    pub strip_dirs: bool,
    #[command(flatten)]
    pub shown: ShownArgs,
    /// Leave out functions with less cumulative time than this: a share of the total (`1%`) or an amount (`5ms`)
    #[arg(long, value_name = "AMOUNT")]
    pub min: Option<Amount>,
    /// Draw a function that is on the stack already as its one box there
    #[arg(long)]
    pub collapse_recursion: bool,
    /// Only this thread, of files that tell threads apart: its name or, from 1 on, its number
    #[arg(long, value_name = "NAME")]
    pub thread: Option<String>,
    /// The title; by default the file's name and date
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    #[command(flatten)]
    pub input: InputArgs,
}

#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Profiles to read, which are added up; a folder stands for all in it, `@LIST` for the paths in that file, `-` for
    /// standard input
    #[arg(required = true, value_name = "FILE")]
    pub inputs: Vec<PathBuf>,
    /// Where to write; `-` is standard output; by default NAME.html in this folder, for the first file's name
    #[arg(short, long, value_name = "OUT.html")]
    pub output: Option<PathBuf>,
    /// Show the page in a browser
    #[arg(long)]
    pub open: bool,
    /// Show what changed between two profiles, the older one and the newer one
    #[arg(long)]
    pub diff: bool,
    /// Leave out the source of functions
    #[arg(long)]
    pub no_source: bool,
    /// Figures to show beside the source: what `pikos lines --report -o lines.json app.py` writes; `pikos-run line_memory` likewise
    #[arg(long, value_name = "LINES.json", conflicts_with_all = ["no_source", "diff"])]
    pub lines: Option<PathBuf>,
    /// The title; by default the command that ran, and when
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    #[command(flatten)]
    pub input: InputArgs,
}

#[derive(Debug, Args)]
pub struct MergeArgs {
    /// Profiles to add up; a folder stands for all in it, `@LIST` for the paths in that file, `-` for standard input
    #[arg(required = true, value_name = "IN")]
    pub inputs: Vec<PathBuf>,
    /// Where to write; the ending of the name sets the format; by default it is pstats, or .pikos with full stacks
    #[arg(short, long, value_name = "OUT")]
    pub output: PathBuf,
    /// The format to write
    #[arg(short, long, value_parser = format_that(Format::is_written))]
    pub format: Option<Format>,
    /// Add up profiles of different detail: the sum has what all of them have
    #[arg(long)]
    pub lossy: bool,
    /// Keep the functions of each process (by the number in the file's name), thread (of files that tell them apart) or file
    /// apart: `f` is `f [process 4711]`, below `process 4711`
    #[arg(long, value_enum)]
    pub by: Option<Parts>,
    #[command(flatten)]
    pub input: InputArgs,
}

/// What a sum keeps apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Parts {
    Process,
    Thread,
    File,
}

#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The older profile
    pub before: PathBuf,
    /// The newer profile
    pub after: PathBuf,
    /// Ignore times that changed by less than this: a share of the time (`5%`) or an amount
    /// (`0.001s`); may be given once for each [default: 5% and 0.001s; with --by 5% alone]
    #[arg(long, value_name = "AMOUNT")]
    pub noise: Vec<Amount>,
    /// Compare by how long single calls took: min, p50, p90, p99, p99.9 or max, of profiles recorded with --distribution
    #[arg(long, value_name = "FIGURE", value_parser = duration)]
    pub by: Option<Detail>,
    /// Exit with code 1 if the total grew by more than this, or if it grew at all and the cumulative time of a function
    /// in both profiles by more than this: a share of the older total (`10%`) or an amount (`0.5s`). With --by, if that figure of a
    /// function in both profiles grew by more: a share of what it was, or an amount
    #[arg(long, value_name = "AMOUNT")]
    pub fail_above: Option<Amount>,
    /// Take files below the folder FROM for those below TO; may be repeated. Folders that have their last parts in common
    /// are matched anyway
    #[arg(long, value_name = "FROM=TO", value_parser = folders)]
    pub map: Vec<(String, String)>,
    /// Strip folders from file names
    #[arg(long)]
    pub strip_dirs: bool,
    /// Sort by the change in time, cumulative or calls, or by name, filename, line, nfl or stdname; further keys break ties
    #[arg(short, long, value_name = "KEY", default_value = "time", value_delimiter = ',')]
    pub sort: Vec<SortKey>,
    /// Reverse the order
    #[arg(short, long)]
    pub reverse: bool,
    /// Show only functions whose `file:line(name)` matches this regular expression; may be repeated
    #[arg(short, long, value_name = "REGEX")]
    pub grep: Vec<Regex>,
    /// Leave out functions whose `file:line(name)` matches this regular expression; may be repeated
    #[arg(short = 'x', long, value_name = "REGEX")]
    pub exclude: Vec<Regex>,
    #[command(flatten)]
    pub shown: ShownArgs,
    /// Show at most N changes [default: 40; of GitHub's annotations 10]
    #[arg(short = 'n', long, value_name = "N", value_parser = rows, allow_negative_numbers = true)]
    pub top: Option<usize>,
    /// Print only totals and counts
    #[arg(long)]
    pub summary: bool,
    /// What to write; by default what OUT's name says, else text. html and svg are differential flame graphs
    #[arg(short, long, value_enum)]
    pub format: Option<DiffFormat>,
    /// Print JSON
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// Where to write; `-` is standard output
    #[arg(short, long, value_name = "OUT", default_value = "-")]
    pub output: PathBuf,
    /// The title of a flame graph
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    /// Cut lines of the table to N columns, by default to the terminal's
    #[arg(long, value_name = "N", value_parser = width)]
    pub width: Option<usize>,
    /// Colour what is slower and what is faster
    #[arg(long, alias = "color", value_name = "WHEN", default_value = "auto")]
    pub colour: When,
    #[command(flatten)]
    pub input: InputArgs,
}

/// What a difference is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DiffFormat {
    /// A table
    Text,
    /// For programs
    Json,
    /// For a comment or a job's summary
    Markdown,
    /// Annotations of GitHub's actions
    Github,
    /// A differential flame graph, as a page
    Html,
    /// A differential flame graph, as a picture
    Svg,
}

impl DiffFormat {
    /// What a file's name says.
    pub fn of_name(path: &std::path::Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "txt" => Some(Self::Text),
            "json" => Some(Self::Json),
            "md" | "markdown" => Some(Self::Markdown),
            "html" | "htm" => Some(Self::Html),
            "svg" => Some(Self::Svg),
            _ => None,
        }
    }
}

#[derive(Debug, Args)]
pub struct StatsArgs {
    /// Profiles to read, which are added up; a folder stands for all in it, `@LIST` for the paths in that file, `-` for
    /// standard input
    #[arg(required = true, value_name = "IN")]
    pub inputs: Vec<PathBuf>,
    /// Sort by calls (or ncalls), cumulative (cumtime), filename (module), line, name, nfl, pcalls, stdname or time (tottime);
    /// further keys break ties
    #[arg(short, long, value_name = "KEY", default_value = "cumulative", value_delimiter = ',')]
    pub sort: Vec<SortKey>,
    /// Reverse the order
    #[arg(short, long)]
    pub reverse: bool,
    /// Show only functions whose printed name matches this regular expression; may be repeated
    #[arg(short, long, value_name = "REGEX")]
    pub grep: Vec<Regex>,
    /// Leave out functions whose printed name matches this regular expression; may be repeated
    #[arg(short = 'x', long, value_name = "REGEX")]
    pub exclude: Vec<Regex>,
    #[command(flatten)]
    pub shown: ShownArgs,
    /// Show only the first N rows
    #[arg(short = 'n', long, value_name = "N", value_parser = rows, allow_negative_numbers = true)]
    pub top: Option<usize>,
    /// Strip folders from file names
    #[arg(long)]
    pub strip_dirs: bool,
    /// Print who called each function
    #[arg(long, conflicts_with_all = ["callees", "json"])]
    pub callers: bool,
    /// Print what each function called
    #[arg(long, conflicts_with = "json")]
    pub callees: bool,
    /// Print one row for each label set of `pikos.label` instead: its calls and its time
    #[arg(long, value_enum, conflicts_with_all = ["callers", "callees"])]
    pub by: Option<StatsBy>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Colour the costliest rows
    #[arg(long, alias = "color", value_name = "WHEN", default_value = "auto")]
    pub colour: When,
    #[command(flatten)]
    pub input: InputArgs,
}

/// What a table has a row for, in place of functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StatsBy {
    Label,
}

#[derive(Debug, Args)]
pub struct ViewArgs {
    /// Profiles to read; Tab switches between them and their sum; `-` is standard input
    #[arg(required = true, value_name = "IN")]
    pub inputs: Vec<PathBuf>,
    /// Show them in the browser instead: `pikos serve IN… --open`
    #[arg(long)]
    pub web: bool,
    #[command(flatten)]
    pub table: TableArgs,
    #[command(flatten)]
    pub input: InputArgs,
}

/// What the table of functions begins with.
#[derive(Debug, Args)]
pub struct TableArgs {
    /// The column to sort by: ncalls, calls/s, tottime, share, tot/call, cumtime, cum/call,
    /// in-flight, gil-wait, cpu, p50, p99, max, function or file; for records own, growth, spike, peak, hits, file, function or source
    #[arg(short, long, value_name = "COLUMN")]
    pub sort: Option<SortBy>,
    /// Reverse the order
    #[arg(short, long)]
    pub reverse: bool,
    /// Show only functions whose `file:line(name)` matches this regular expression
    #[arg(short, long, value_name = "REGEX")]
    pub grep: Option<Regex>,
    /// Leave out functions whose `file:line(name)` matches this regular expression
    #[arg(short = 'x', long, value_name = "REGEX")]
    pub exclude: Option<Regex>,
    #[command(flatten)]
    pub shown: ShownArgs,
    /// Print the table once and exit, as is done anyway if standard output is not a terminal, or one that can't show a screen
    #[arg(long)]
    pub once: bool,
    /// Print JSON once and exit
    #[arg(long)]
    pub json: bool,
    /// Print only the first N rows
    #[arg(short = 'n', long, value_name = "N", value_parser = rows, allow_negative_numbers = true)]
    pub top: Option<usize>,
}

impl TableArgs {
    /// The same for whoever shows the table.
    pub fn options(&self) -> Options {
        Options {
            sort: self.sort.unwrap_or_default(),
            is_reversed: self.reverse,
            is_mine: self.shown.mine,
            include: self.grep.clone(),
            exclude: self.exclude.clone(),
            form: match () {
                () if self.json => Form::Json,
                () if self.once => Form::Table,
                () => Form::Screen,
            },
            top: self.top,
        }
    }
}

/// Whom to listen to.
#[derive(Debug, Args)]
pub struct FromArgs {
    /// Process IDs, or endpoints (ipc://PATH, tcp://HOST:PORT); by default, all your processes on this host
    #[arg(value_name = "PID|ENDPOINT")]
    pub targets: Vec<String>,
    /// Bind this endpoint instead, for processes started with `--live ENDPOINT --connect`
    #[arg(long, value_name = "ENDPOINT", conflicts_with = "targets")]
    pub bind: Option<String>,
}

/// How to sample.
#[derive(Debug, Args)]
pub struct SamplingArgs {
    /// How often to look, in looks a second, from 0.1 to 10000 [default: 100]
    #[arg(long, value_name = "HZ", allow_negative_numbers = true)]
    pub rate: Option<f64>,
    /// Which threads count: all of them (wall), those that run or wait for a processor (cpu), or the one that has the GIL (gil);
    /// times are those of the clock
    #[arg(long, value_enum, default_value_t = Mode::Wall)]
    pub mode: Mode,
    /// How much of one processor looking may take: where it would be more, looks come less often [default: 5%, or all of it with --rate]
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub budget: Option<f64>,
}

/// Which threads count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    Wall,
    Cpu,
    Gil,
}

impl From<Mode> for pikos_sampler::record::Mode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Wall => Self::Wall,
            Mode::Cpu => Self::Cpu,
            Mode::Gil => Self::Gil,
        }
    }
}

#[derive(Debug, Args)]
pub struct SampleArgs {
    /// The process ID
    #[arg(value_name = "PID", value_parser = process, allow_negative_numbers = true)]
    pub pid: u32,
    /// Where to write; the ending of the name sets the format; by default PID.pikos in this folder
    #[arg(short, long, value_name = "OUT")]
    pub output: Option<PathBuf>,
    /// The format to write
    #[arg(short, long, value_parser = format_that(Format::is_written))]
    pub format: Option<Format>,
    /// End after this many seconds
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub duration: Option<f64>,
    /// Sample the Python processes that it starts as well: OUT has the sum, and each gets a file with its process ID in the name
    #[arg(long)]
    pub children: bool,
    #[command(flatten)]
    pub sampling: SamplingArgs,
}

#[derive(Debug, Args)]
pub struct StacksArgs {
    /// The process ID
    #[arg(value_name = "PID", value_parser = process, allow_negative_numbers = true)]
    pub pid: u32,
    /// Show the local variables of each call: numbers and short strings as they are, of all else the type
    #[arg(long)]
    pub locals: bool,
}

#[derive(Debug, Args)]
pub struct TopArgs {
    #[command(flatten)]
    pub from: FromArgs,
    /// Sample these processes, which needn't be profiled; `pikos sample --help` says what that needs
    #[arg(long, requires = "targets")]
    pub sample: bool,
    #[command(flatten)]
    pub sampling: SamplingArgs,
    #[command(flatten)]
    pub table: TableArgs,
    /// Print the table once, after listening for so many seconds
    #[arg(long = "for", value_name = "S", value_parser = seconds, conflicts_with = "until_end")]
    pub seconds: Option<f64>,
    /// Print the table once, when all processes have ended, or at Ctrl-C
    #[arg(long)]
    pub until_end: bool,
}

impl TopArgs {
    /// What the view begins with.
    pub fn options(&self) -> Options {
        let options = self.table.options();
        match options.form {
            Form::Screen if self.is_awaited() => Options { form: Form::Table, ..options },
            _ => options,
        }
    }

    /// Whether it is printed even where there is a screen.
    pub fn is_printed(&self) -> bool {
        self.options().form != Form::Screen
    }

    /// Whether there is something to wait for before anything is shown.
    pub fn is_awaited(&self) -> bool {
        self.seconds.is_some() || self.until_end
    }
}

#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Process IDs, endpoints (ipc://PATH, tcp://HOST:PORT), and profiles to read; by default, all your processes on this host
    #[arg(value_name = "PID|ENDPOINT|FILE")]
    pub inputs: Vec<PathBuf>,
    /// Bind this endpoint, for processes started with `--live ENDPOINT --connect`
    #[arg(long, value_name = "ENDPOINT")]
    pub bind: Option<String>,
    /// The port of the page; by default 7456, or any that is free
    #[arg(long, value_name = "N")]
    pub port: Option<u16>,
    /// Show the page in a browser
    #[arg(long)]
    pub open: bool,
    /// Let nobody control a process
    #[arg(long)]
    pub read_only: bool,
    /// Listen on this address instead of 127.0.0.1 and ::1
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<IpAddr>,
    /// Let others reach that address: who has the token sees these profiles and controls these processes, and who reads the
    /// network's traffic has the token
    #[arg(long, requires = "listen")]
    pub remote: bool,
    /// End when all processes have, and nobody looks any more
    #[arg(long, hide = true)]
    pub beside: bool,
    #[command(flatten)]
    pub input: InputArgs,
}

#[derive(Debug, Args)]
pub struct PsArgs {
    #[command(flatten)]
    pub from: FromArgs,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct RecordArgs {
    #[command(flatten)]
    pub from: FromArgs,
    /// Where to write; the ending of the name sets the format, .pikos by default, which holds everything. A name that ends in .parquet takes the
    /// records of the toolkit instead of profiles. If there are several processes, each gets a file with its process ID in the name
    #[arg(short, long, value_name = "OUT")]
    pub output: PathBuf,
    /// The format to write
    #[arg(short, long, value_parser = format_that(Format::is_written))]
    pub format: Option<Format>,
    /// Add up several processes into one file
    #[arg(long)]
    pub merge: bool,
}

#[derive(Debug, Args)]
pub struct CollectArgs {
    /// Bind this endpoint, for processes started with `--live ENDPOINT --connect`
    #[arg(long, value_name = "ENDPOINT")]
    pub bind: String,
    /// Keep what was collected in this folder: so far, and slice by slice. The next `pikos collect` goes on from there
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// How long a slice is: 90s, 15m, 1h, 1d
    #[arg(long, value_name = "TIME", default_value = "1h", requires = "output")]
    pub every: Span,
    /// Keep slices of this size in all; the oldest make room for the newest: 500MB, 2GB
    #[arg(long, value_name = "SIZE", default_value = "1GB", requires = "output")]
    pub keep: Size,
    /// Send what was added to a server that takes what Pyroscope takes (http://HOST:PORT), as pprof
    #[arg(long, value_name = "URL")]
    pub push: Option<pikos_collect::Push>,
    /// How often to send it
    #[arg(long, value_name = "TIME", default_value = "15s", requires = "push")]
    pub push_every: Span,
}

#[derive(Debug, Args)]
pub struct CtlArgs {
    #[command(subcommand)]
    pub action: Action,
}

#[derive(Debug, Args)]
pub struct AttachArgs {
    /// Seconds between messages, from 0.02 to 60
    #[arg(long, value_name = "S", default_value = "0.5", value_parser = interval)]
    pub interval: f64,
    /// Count only Python functions, not built-ins: costs less
    #[arg(long)]
    pub fast: bool,
    /// Keep full stacks, for the call tree and flame graphs
    #[arg(long)]
    pub tree: bool,
    #[command(flatten)]
    pub to: DetachArgs,
}

#[derive(Debug, Args)]
pub struct ObjectsArgs {
    /// Show this many types
    #[arg(short = 'n', long = "top", value_name = "N", default_value = "15")]
    pub rows: usize,
    /// Add up by the module of the types
    #[arg(long)]
    pub modules: bool,
    #[command(flatten)]
    pub of: DetachArgs,
}

#[derive(Debug, Args)]
pub struct DetachArgs {
    /// The process ID
    #[arg(value_name = "PID", value_parser = process, allow_negative_numbers = true)]
    pub pid: u32,
    /// Give up after this many seconds: a process inside a long C call can't respond
    #[arg(long, value_name = "S", default_value = "10", value_parser = seconds)]
    pub timeout: f64,
}

/// Process IDs, or endpoints (ipc://….pub or .ctl).
#[derive(Debug, Args)]
pub struct ToArgs {
    /// Process IDs, or the endpoints of their sockets
    #[arg(required = true, value_name = "PID|ENDPOINT")]
    pub targets: Vec<String>,
}

#[derive(Debug, clap::Subcommand)]
pub enum Action {
    /// Stop recording until resumed; calls in progress end now
    #[command(after_help = "Example: pikos ctl pause 4711")]
    Pause(ToArgs),
    /// Resume recording
    #[command(after_help = "Example: pikos ctl resume 4711")]
    Resume(ToArgs),
    /// Discard what was recorded so far
    #[command(after_help = "Example: pikos ctl clear 4711")]
    Clear(ToArgs),
    /// Show the state of the profile
    #[command(after_help = "Example: pikos ctl status 4711")]
    Status(ToArgs),
    /// End the profile; the program keeps running
    #[command(after_help = "Example: pikos ctl stop 4711")]
    Stop(ToArgs),
    /// Change how often messages are sent
    #[command(after_help = "Example: pikos ctl interval 2 4711")]
    Interval {
        /// Seconds between messages, from 0.02 to 60
        seconds: f64,
        #[command(flatten)]
        to: ToArgs,
    },
    /// Change how often a sampled process is looked at
    #[command(after_help = "Example: pikos ctl rate 250 4711")]
    Rate {
        /// Looks a second, from 0.1 to 10000
        #[arg(allow_negative_numbers = true)]
        hz: f64,
        #[command(flatten)]
        to: ToArgs,
    },
    /// Write one process's profile so far, in the format that the file's name says; by default as pstats, or .pikos with
    /// full stacks
    #[command(after_help = "Example: pikos ctl dump now.pstats 4711")]
    Dump {
        /// Where to write
        file: PathBuf,
        /// The process ID, or the endpoint of its socket
        #[arg(value_name = "PID|ENDPOINT")]
        target: String,
    },
}

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Profiles to check; `-` is standard input
    #[arg(required = true, value_name = "IN")]
    pub inputs: Vec<PathBuf>,
    #[command(flatten)]
    pub input: InputArgs,
}

#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell that is to complete `pikos` and `pikos-run`
    pub shell: Shell,
}

/// A shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum When {
    Auto,
    Always,
    Never,
}

/// Whether nobody said that there should be none: <https://no-color.org>.
pub fn allows_colours() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// `5%` or `0.01s`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    /// As a fraction: 0.05.
    Part(f64),
    Seconds(f64),
}

#[derive(Debug, thiserror::Error)]
#[error("give a percentage (`5%`), seconds (`0.5s`) or milliseconds (`20ms`), not negative")]
pub struct BadAmount;

impl FromStr for Amount {
    type Err = BadAmount;

    fn from_str(text: &str) -> Result<Self, BadAmount> {
        let number = |digits: &str| match digits.trim().parse::<f64>() {
            Ok(number) if number.is_finite() && number >= 0.0 => Ok(number),
            _ => Err(BadAmount),
        };
        if let Some(digits) = text.strip_suffix('%') {
            Ok(Amount::Part(number(digits)? / 100.0))
        } else if let Some(digits) = text.strip_suffix("ms") {
            Ok(Amount::Seconds(number(digits)? / 1000.0))
        } else {
            Ok(Amount::Seconds(number(text.strip_suffix('s').ok_or(BadAmount)?)?))
        }
    }
}

/// A number with a unit behind it, of those that are given with what they stand for.
fn with_unit(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let (_, factor) = units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit.trim()))?;
    digits.parse::<f64>().ok().map(|number| number * factor)
}

/// `15m`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let units = [("s", 1.0), ("m", 60.0), ("min", 60.0), ("h", 3600.0), ("d", 86_400.0)];
        match with_unit(text, &units).filter(|seconds| (1.0..=366.0 * 86_400.0).contains(seconds)) {
            Some(seconds) => Ok(Self(Duration::from_secs_f64(seconds))),
            None => Err("give a time from a second to a year: `90s`, `15m`, `1h`, `1d`".to_owned()),
        }
    }
}

/// `500MB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let units = [("kb", 1e3), ("mb", 1e6), ("gb", 1e9), ("tb", 1e12)];
        match with_unit(text, &units).filter(|bytes| (1e3..=1e15).contains(bytes)) {
            Some(bytes) => Ok(Self(bytes as u64)),
            None => Err("give a size from 1KB on: `500MB`, `2GB`".to_owned()),
        }
    }
}

/// A part of one processor: `1%`, or `1`.
fn percent(text: &str) -> Result<f64, String> {
    match text.strip_suffix('%').unwrap_or(text).trim().parse::<f64>() {
        Ok(percent) if percent.is_finite() => Ok(percent / 100.0),
        _ => Err("give a percentage of one processor, as `1%`".to_owned()),
    }
}

/// A number of rows.
fn rows(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(rows) if rows > 0 => Ok(rows),
        _ => Err("give a number of rows, 1 or more".to_owned()),
    }
}

/// A number of a process.
fn process(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(pid) if pid > 0 => Ok(pid),
        _ => Err("give a process ID, as `pikos ps` and `ps` show it".to_owned()),
    }
}

/// How long calls took.
fn duration(text: &str) -> Result<Detail, String> {
    let detail = Detail::of_word(text).filter(|detail| detail.is_duration());
    detail.ok_or_else(|| {
        let words: Vec<&str> =
            Detail::all().filter(|detail| detail.is_duration()).map(Detail::word).collect();
        format!("choose one of {}", words.join(", "))
    })
}

/// `FROM=TO`.
fn folders(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((from, to)) if !from.is_empty() => Ok((from.to_owned(), to.to_owned())),
        _ => Err("give two folders, as in `/home/ci/app=/srv/app`".to_owned()),
    }
}

fn width(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(columns) if columns > 0 => Ok(columns),
        _ => Err("give a number of columns above 0".to_owned()),
    }
}

/// `1000x480`.
fn size(text: &str) -> Result<(u32, u32), String> {
    let sides = text.split_once(['x', 'X', '×']);
    let size =
        sides.and_then(|(width, height)| Some((width.trim().parse().ok()?, height.trim().parse().ok()?)));
    let (width, height) = SMALLEST;
    let fits =
        |(wide, high): &(u32, u32)| (width..=GREATEST).contains(wide) && (height..=GREATEST).contains(high);
    size.filter(fits).ok_or_else(|| {
        format!("give width and height, as in `1000x480`; from {width}x{height} to {GREATEST}x{GREATEST}")
    })
}

fn interval(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.02..=60.0).contains(&seconds) => Ok(seconds),
        _ => Err("give a number of seconds from 0.02 to 60".to_owned()),
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds.is_finite() => Ok(seconds),
        _ => Err("give a number of seconds above 0".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_help_of_each_command_ends_with_an_example_that_parses() {
        fn check(command: &clap::Command, name: &str) {
            for command in command.get_subcommands().filter(|command| command.get_name() != "help") {
                let name = format!("{name} {}", command.get_name());
                let help =
                    command.get_after_help().unwrap_or_else(|| panic!("no example: {name}")).to_string();
                let one = help.lines().next().and_then(|line| line.strip_prefix("Example: "));
                // Several, each with what it does.
                let several = help.strip_prefix("Examples:\n").unwrap_or_default().lines();
                let several = several.filter_map(|line| line.trim().split("   ").next());
                let several = several.filter(|line| line.starts_with("pikos "));
                let examples: Vec<&str> = one.into_iter().chain(several).collect();
                assert!(!examples.is_empty(), "{name} begins with an example");
                for example in examples {
                    assert!(example.starts_with(&name), "{example}");
                    let parsed = Arguments::try_parse_from(example.split(' '));
                    assert!(parsed.is_ok(), "{example}: {}", parsed.expect_err("checked"));
                }
                check(command, &name);
            }
        }
        check(&Arguments::command(), "pikos");
    }

    #[test]
    fn times_and_sizes_have_units() {
        let span = |text: &str| text.parse::<Span>().ok().map(|span| span.0.as_secs());
        assert_eq!((span("90s"), span("1.5h"), span("2 d")), (Some(90), Some(5400), Some(172_800)));
        assert_eq!(
            (span("90"), span("0s"), span("-1h"), span("h"), span("9999d")),
            (None, None, None, None, None)
        );
        let size = |text: &str| text.parse::<Size>().ok().map(|size| size.0);
        assert_eq!(
            (size("500MB"), size("2gb"), size("1.5 kb")),
            (Some(500_000_000), Some(2_000_000_000), Some(1500))
        );
        assert_eq!((size("5"), size("0GB"), size("1XB"), size("1e9GB")), (None, None, None, None));
    }

    #[test]
    fn amounts_are_parts_or_times() {
        let amount = |text: &str| text.parse::<Amount>().ok();
        assert_eq!(amount("5%"), Some(Amount::Part(0.05)));
        assert_eq!(amount("20ms"), Some(Amount::Seconds(0.02)));
        assert_eq!(amount("1.5s"), Some(Amount::Seconds(1.5)));
        assert_eq!(amount("5"), None);
        assert_eq!(amount("-5%"), None);
        assert_eq!(amount("nan%"), None);
    }
}
