//! The command line. Doc comments here are the help texts.

use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, ValueEnum};
use clap_complete::Shell;
use pstats_compat::formats::Format;
use pstats_compat::report::SortKey;
use regex::Regex;

use crate::plot::Memory;
use crate::top::{Form, Options, SortBy};

/// Look at profiles of Python programs: convert, add, compare and check them.
#[derive(Debug, Parser)]
#[command(name = "pikos", version, arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Subcommand,
}

#[derive(Debug, clap::Subcommand)]
pub enum Subcommand {
    /// Convert a profile to another format
    Export(ExportArgs),
    /// Add profiles up into one
    Merge(MergeArgs),
    /// Show what changed between two profiles
    Diff(DiffArgs),
    /// Print the table of functions, as pstats does
    Stats(StatsArgs),
    /// Look at profiles on the whole screen: sort, filter, drill down to callers and source
    View(ViewArgs),
    /// Watch processes while they run: sort, filter, drill down, pause, save
    Top(TopArgs),
    /// List the processes that can be watched
    Ps(PsArgs),
    /// Save what processes send when they end, also when they are killed
    Record(RecordArgs),
    /// Tell processes what to do: pause, resume, clear, interval, status, stop, dump
    Ctl(CtlArgs),
    /// Profile a process that runs already, live: CPython 3.14 and later
    Attach(AttachArgs),
    /// End what `attach` began, and leave the process as it was
    Detach(DetachArgs),
    /// Draw the memory in records of pikos-run, with the peaks named
    Plot(PlotArgs),
    /// Tell whether a profile is sound, and what is odd about it
    Check(CheckArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
}

#[derive(Debug, Args)]
pub struct PlotArgs {
    /// Records of memory, as CSV: what `pikos-run line_memory --recording csv` or `function_memory` writes; `-` is
    /// standard input
    #[arg(value_name = "RECORDS")]
    pub input: PathBuf,
    /// Where to write; the name tells the format; `-` is standard output
    #[arg(short, long, value_name = "OUT", default_value = "memory.svg")]
    pub output: PathBuf,
    /// The kind of picture
    #[arg(short, long)]
    pub format: Option<PlotFormat>,
    /// Which memory to draw
    #[arg(long, value_enum, default_value_t = Memory::Rss)]
    pub memory: Memory,
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
#[derive(Debug, Args)]
pub struct InputArgs {
    /// The format of the input, where its content and name don't tell
    #[arg(long, value_name = "FORMAT", value_parser = format_that(|format| format.reader().is_some()))]
    pub from: Option<Format>,
}

/// Formats by their names, which help and completions list.
fn format_that(is_meant: impl Fn(Format) -> bool) -> impl TypedValueParser<Value = Format> {
    let format = |name: &str| name.parse::<Format>().expect("only names of formats are possible values");
    let meant = Format::names().into_iter().filter(|name| is_meant(format(name)));
    let values = meant.map(|name| PossibleValue::new(name).aliases(format(name).aliases()));
    PossibleValuesParser::new(values.collect::<Vec<_>>()).map(move |name| format(&name))
}

#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Profiles to read; several are added up; `-` is standard input
    #[arg(required = true, value_name = "IN")]
    pub inputs: Vec<PathBuf>,
    /// The format to write, where OUT's name doesn't tell; html and svg are flame graphs
    #[arg(short, long, value_parser = format_that(|_| true))]
    pub format: Option<Format>,
    /// Where to write; `-` is standard output
    #[arg(short, long, value_name = "OUT", default_value = "-")]
    pub output: PathBuf,
    #[command(flatten)]
    pub input: InputArgs,
}

#[derive(Debug, Args)]
pub struct MergeArgs {
    /// Profiles to add up; `-` is standard input
    #[arg(required = true, value_name = "IN")]
    pub inputs: Vec<PathBuf>,
    /// Where to write; the name tells the format, and pstats is the default
    #[arg(short, long, value_name = "OUT")]
    pub output: PathBuf,
    /// The format to write
    #[arg(short, long, value_parser = format_that(|_| true))]
    pub format: Option<Format>,
    #[command(flatten)]
    pub input: InputArgs,
}

#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The older profile
    pub before: PathBuf,
    /// The newer profile
    pub after: PathBuf,
    /// A time that changed by less than this did not change: a part of itself (`5%`) or an amount
    /// (`0.001s`); may be given once for each
    #[arg(long, value_name = "AMOUNT", default_values = ["5%", "0.001s"])]
    pub noise: Vec<Amount>,
    /// End with code 1 if the total, or one function with what it calls, takes longer by more than
    /// this: a part of the older total (`10%`) or an amount (`0.5s`)
    #[arg(long, value_name = "AMOUNT")]
    pub fail_above: Option<Amount>,
    /// Show only so many changes
    #[arg(short = 'n', long, value_name = "N", default_value_t = 40)]
    pub top: usize,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub input: InputArgs,
}

#[derive(Debug, Args)]
pub struct StatsArgs {
    /// Profiles to read; several are added up; `-` is standard input
    #[arg(required = true, value_name = "IN")]
    pub inputs: Vec<PathBuf>,
    /// calls, cumulative, filename, line, name, nfl, pcalls, stdname or time; several decide one
    /// after another
    #[arg(short, long, value_name = "KEY", default_value = "cumulative", value_delimiter = ',')]
    pub sort: Vec<SortKey>,
    /// Turn the order round
    #[arg(short, long)]
    pub reverse: bool,
    /// Only functions whose printed name this regular expression finds; may be given again
    #[arg(short, long, value_name = "REGEX")]
    pub grep: Vec<Regex>,
    /// Only the first rows
    #[arg(short = 'n', long, value_name = "N")]
    pub top: Option<usize>,
    /// Cut folders off file names
    #[arg(long)]
    pub strip_dirs: bool,
    /// Print who called each function
    #[arg(long, conflicts_with_all = ["callees", "json"])]
    pub callers: bool,
    /// Print whom each function called
    #[arg(long, conflicts_with = "json")]
    pub callees: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Colour the rows that matter
    #[arg(long, alias = "color", value_name = "WHEN", default_value = "auto")]
    pub colour: When,
    #[command(flatten)]
    pub input: InputArgs,
}

#[derive(Debug, Args)]
pub struct ViewArgs {
    /// Profiles to read; Tab chooses one of several, or their sum; `-` is standard input
    #[arg(required = true, value_name = "IN")]
    pub inputs: Vec<PathBuf>,
    #[command(flatten)]
    pub table: TableArgs,
    #[command(flatten)]
    pub input: InputArgs,
}

/// What the table of functions begins with.
#[derive(Debug, Args)]
pub struct TableArgs {
    /// The column to sort by: ncalls, calls/s, tottime, share, tot/call, cumtime, cum/call,
    /// in-flight, function or file; of a recorder own, growth, peak, hits, file, function or source
    #[arg(short, long, value_name = "COLUMN")]
    pub sort: Option<SortBy>,
    /// Turn the order round
    #[arg(short, long)]
    pub reverse: bool,
    /// Only functions that this regular expression finds in `file:line(name)`
    #[arg(short, long, value_name = "REGEX")]
    pub grep: Option<Regex>,
    /// Without functions that this regular expression finds
    #[arg(short = 'x', long, value_name = "REGEX")]
    pub exclude: Option<Regex>,
    /// Print the table once and end, as also happens where standard output is no terminal
    #[arg(long)]
    pub once: bool,
    /// Print JSON once and end
    #[arg(long)]
    pub json: bool,
    /// Print only the first rows
    #[arg(short = 'n', long, value_name = "N")]
    pub top: Option<usize>,
}

impl TableArgs {
    /// The same for whoever shows the table.
    pub fn options(&self) -> Options {
        Options {
            sort: self.sort.unwrap_or_default(),
            is_reversed: self.reverse,
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
    /// Process numbers, or endpoints (ipc://PATH, tcp://HOST:PORT); default: all processes of yours on this host
    #[arg(value_name = "PID|ENDPOINT")]
    pub targets: Vec<String>,
    /// Bind this endpoint instead, for processes that were started with `--live ENDPOINT --connect`
    #[arg(long, value_name = "ENDPOINT", conflicts_with = "targets")]
    pub bind: Option<String>,
}

#[derive(Debug, Args)]
pub struct TopArgs {
    #[command(flatten)]
    pub from: FromArgs,
    #[command(flatten)]
    pub table: TableArgs,
}

impl TopArgs {
    /// Whether one table is all that is wanted.
    pub fn is_printed(&self) -> bool {
        self.table.once || self.table.json || !std::io::IsTerminal::is_terminal(&std::io::stdout())
    }
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
    /// Where to write; the name tells the format, and pstats is the default. Of several processes, each gets a file with its
    /// number in the name
    #[arg(short, long, value_name = "OUT")]
    pub output: PathBuf,
    /// The format to write
    #[arg(short, long, value_parser = format_that(|_| true))]
    pub format: Option<Format>,
    /// Add several processes up into one file
    #[arg(long)]
    pub merge: bool,
}

#[derive(Debug, Args)]
pub struct CtlArgs {
    #[command(subcommand)]
    pub action: Action,
}

#[derive(Debug, Args)]
pub struct AttachArgs {
    /// Seconds from one message to the next, 0.02 to 60
    #[arg(long, value_name = "S", default_value = "0.5", value_parser = interval)]
    pub interval: f64,
    /// Count Python functions only, not built-ins: costs less
    #[arg(long)]
    pub fast: bool,
    /// Keep full stacks, for the tree of calls and flame graphs
    #[arg(long)]
    pub tree: bool,
    #[command(flatten)]
    pub to: DetachArgs,
}

#[derive(Debug, Args)]
pub struct DetachArgs {
    /// The process's number
    #[arg(value_name = "PID", value_parser = clap::value_parser!(u32).range(1..))]
    pub pid: u32,
    /// Give up after so many seconds: a process that is in a long call of C can't listen
    #[arg(long, value_name = "S", default_value = "10", value_parser = seconds)]
    pub timeout: f64,
}

/// Process numbers, or endpoints (ipc://….pub or .ctl).
#[derive(Debug, Args)]
pub struct ToArgs {
    /// Process numbers, or endpoints of their sockets
    #[arg(required = true, value_name = "PID|ENDPOINT")]
    pub targets: Vec<String>,
}

#[derive(Debug, clap::Subcommand)]
pub enum Action {
    /// Record no more until told to; calls that are open end now
    Pause(ToArgs),
    /// Record again
    Resume(ToArgs),
    /// Forget what was recorded
    Clear(ToArgs),
    /// Say how things are
    Status(ToArgs),
    /// End the profile; the program goes on
    Stop(ToArgs),
    /// Send this often from now on
    Interval {
        /// From one message to the next, 0.02 to 60
        seconds: f64,
        #[command(flatten)]
        to: ToArgs,
    },
    /// Write the profile so far, as pstats; of one process
    Dump {
        /// The file
        file: PathBuf,
        /// The process's number, or the endpoint of its socket
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
    /// bash, zsh, fish, elvish or powershell
    pub shell: Shell,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum When {
    Auto,
    Always,
    Never,
}

/// `5%` or `0.01s`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    /// As a fraction: 0.05.
    Part(f64),
    Seconds(f64),
}

#[derive(Debug, thiserror::Error)]
#[error("an amount is a part (`5%`), seconds (`0.5s`) or milliseconds (`20ms`), and not negative")]
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

fn interval(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.02..=60.0).contains(&seconds) => Ok(seconds),
        _ => Err("it must be from 0.02 to 60 seconds".to_owned()),
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds.is_finite() => Ok(seconds),
        _ => Err("it must be a number of seconds above 0".to_owned()),
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
