//! The text tables of `pstats.Stats`, character for character, but for those that a terminal would obey: they are shown, as
//! escapes. A pipe may end on a terminal, too.
//!
//! Where a profile says less than pstats assumes, the place stays empty: no count is printed that
//! nobody counted. Where it is known what functions waited for the GIL, that is a column in front of the names; so are
//! other figures that only some profiles have, in units that fit. Where single calls are known, these take the place of means.

use std::io::{self, Write};

use super::name::stdname;
use super::restrict::{Restriction, Selection};
use super::sort::{SortKey, order};
use crate::amounts::short;
use crate::details::Detail;
use crate::model::{Calls, Counts, Edge, EdgeDetail, FunctionId, Profile, Unit, sampling_error};
use crate::printable::escaped;

/// A sorted and restricted profile, ready to be printed.
pub struct Report<'p> {
    profile: &'p Profile,
    keys: Vec<SortKey>,
    selection: Selection,
    surface: Surface,
    figures: Figures,
}

/// How wide the columns of other figures are.
const DETAIL: usize = 9;

/// How times are printed.
#[derive(Clone, Copy, Debug)]
struct Figures {
    decimals: usize,
    width: usize,
}

impl Figures {
    /// Seconds as Python's `"%8.3f"`; bytes, samples, instructions without decimals if they are whole, in columns that are wide enough.
    fn of(profile: &Profile) -> Self {
        if profile.metadata.unit == Unit::Seconds {
            return Self { decimals: 3, width: 8 };
        }
        let times =
            || profile.rows().flat_map(|(_, function)| [function.calls.tottime, function.calls.cumtime]);
        let decimals = if times().all(|time| time.fract() == 0.0) { 0 } else { 3 };
        let width = times().map(|time| decimal(time, decimals).len()).max().unwrap_or(0);
        Self { decimals, width: width.max(8) }
    }

    fn column(self, value: f64) -> String {
        format!("{:>width$}", decimal(value, self.decimals), width = self.width)
    }

    fn per_call(self, time: f64, calls: u64) -> String {
        let figure = if calls == 0 { String::new() } else { decimal(time / calls as f64, 3) };
        format!("{figure:>width$}", width = self.width)
    }
}

/// What the report is printed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Surface {
    /// A file or a pipe.
    #[default]
    Plain,
    /// A terminal.
    Terminal {
        /// Whether rows are coloured by their part of the total.
        colours: bool,
    },
}

impl<'p> Report<'p> {
    /// Sorts the rows; no key leaves them in the order of the profile.
    pub fn new(profile: &'p Profile, keys: &[SortKey]) -> Self {
        Self::of_rows(profile, keys, order(profile, keys))
    }

    /// Rows that were sorted by these keys already.
    pub fn of_rows(profile: &'p Profile, keys: &[SortKey], rows: Vec<FunctionId>) -> Self {
        let (keys, figures) = (keys.to_vec(), Figures::of(profile));
        Self { profile, keys, selection: Selection::all(rows), surface: Surface::Plain, figures }
    }

    /// Says where it will be printed.
    pub fn on(mut self, surface: Surface) -> Self {
        self.surface = surface;
        self
    }

    /// Turns the order round.
    pub fn reversed(mut self) -> Self {
        self.selection.rows.reverse();
        self
    }

    /// Applies restrictions, one to what the other left.
    pub fn restricted(mut self, restrictions: &[Restriction]) -> Self {
        for restriction in restrictions {
            self.selection = self.selection.restrict(self.profile, restriction);
        }
        self
    }

    /// The rows that will be printed, in order.
    pub fn rows(&self) -> &[FunctionId] {
        &self.selection.rows
    }

    /// The table of functions. `headings` are the lines on top: where the profile came from.
    pub fn write_stats(&self, headings: &[String], out: &mut dyn Write) -> io::Result<()> {
        for heading in headings {
            writeln!(out, "{}", escaped(heading))?;
        }
        if !headings.is_empty() {
            writeln!(out)?;
        }
        writeln!(out, "         {}", self.summary())?;
        if let Some(sampled) = self.sampled() {
            writeln!(out, "         {sampled}")?;
        }
        writeln!(out)?;
        if self.rows().is_empty() {
            return Ok(());
        }
        self.write_order(out)?;
        let (figures, width) = (self.figures, self.figures.width);
        write!(out, "{:>9}", "ncalls")?;
        // Percentiles say more than means.
        let has_means = !self.profile.has_distributions();
        let columns: &[&str] = match has_means {
            true => &["tottime", "percall", "cumtime", "percall"],
            false => &["tottime", "cumtime"],
        };
        for column in columns {
            write!(out, " {column:>width$}")?;
        }
        let error_of = |seconds| self.profile.metadata.error_of(seconds);
        let has_errors = error_of(0.0).is_some();
        if has_errors {
            write!(out, " {:>width$}", "+/-")?;
        }
        let has_gil_waits = self.profile.has_gil_waits();
        if has_gil_waits {
            write!(out, " {:>width$}", "gil wait")?;
        }
        let details = self.details();
        for detail in &details {
            write!(out, " {:>DETAIL$}", detail.word())?;
        }
        writeln!(out, " filename:lineno(function)")?;
        let total = self.profile.tottime();
        let mean = |time: f64, calls: u64| match has_means {
            true => format!(" {}", figures.per_call(time, calls)),
            false => String::new(),
        };
        for &id in self.rows() {
            let function = self.profile.function(id);
            let Calls { ncalls, primitive_calls, tottime, cumtime, .. } = function.calls;
            let (colour, plain) = self.colour(tottime / total);
            let error = error_of(tottime).map(|error| format!(" {}", figures.column(error)));
            let error = error.unwrap_or_default();
            let waited =
                if has_gil_waits { format!(" {}", figures.column(function.gil_wait)) } else { String::new() };
            let detailed = details.iter().map(|detail| {
                let figure = detail.of(function).map(|seconds| short(&self.profile.metadata.unit, seconds));
                format!(" {:>DETAIL$}", figure.unwrap_or_default())
            });
            let detailed: String = detailed.collect();
            writeln!(
                out,
                "{colour}{:>9} {}{} {}{}{error}{waited}{detailed} {}{plain}",
                self.counted(&function.calls),
                figures.column(tottime),
                mean(tottime, ncalls),
                figures.column(cumtime),
                mean(cumtime, primitive_calls),
                self.name(id)
            )?;
        }
        writeln!(out, "\n")
    }

    /// What the profile has of each function besides; when the slowest call was is nothing for a column.
    fn details(&self) -> Vec<Detail> {
        Detail::of_profile(self.profile).into_iter().filter(|detail| *detail != Detail::SlowestAt).collect()
    }

    /// Where times were sampled: that they were, and what the errors are.
    fn sampled(&self) -> Option<String> {
        self.profile.metadata.error_of(0.0)?;
        let looks = self.profile.metadata.looks();
        let looks = looks.map(|looks| format!(" by {looks} looks")).unwrap_or_default();
        Some(format!("times were sampled{looks}: +/- is the standard error of tottime"))
    }

    /// Who called each function.
    pub fn write_callers(&self, out: &mut dyn Write) -> io::Result<()> {
        let callers = self.profile.edges_by_callee();
        self.write_calls(out, "was called by...", "<-", |id| {
            let edges = callers.of(&self.profile.edges, id);
            edges.map(|edge| (edge.caller, edge)).collect()
        })
    }

    /// Whom each function called.
    pub fn write_callees(&self, out: &mut dyn Write) -> io::Result<()> {
        let callees = self.profile.edges_by_caller();
        self.write_calls(out, "called...", "->", |id| {
            let edges = callees.of(&self.profile.edges, id);
            // A mere caller is nobody's callee, so every callee has a row.
            edges.map(|edge| (edge.callee, edge)).collect()
        })
    }

    fn write_calls(
        &self,
        out: &mut dyn Write,
        title: &str,
        arrow: &str,
        calls_of: impl Fn(FunctionId) -> Vec<(FunctionId, &'p Edge)>,
    ) -> io::Result<()> {
        if self.rows().is_empty() {
            return Ok(());
        }
        self.write_order(out)?;
        let name = |id: FunctionId| self.name(id);
        let width = self.rows().iter().map(|&id| name(id).chars().count()).max().unwrap_or(0) + 2;
        writeln!(out, "{:width$}{title}", "Function ")?;
        let with_times = self.profile.metadata.edges != EdgeDetail::CountsOnly;
        if with_times && !self.profile.edges.is_empty() {
            let column = self.figures.width;
            writeln!(out, "{:width$}    ncalls {:>column$} {:>column$}", "", "tottime", "cumtime")?;
        }
        for &id in self.rows() {
            write!(out, "{:width$}{arrow} ", name(id))?;
            let mut calls = calls_of(id);
            if calls.is_empty() {
                writeln!(out)?;
                continue;
            }
            calls.sort_by_key(|&(other, _)| {
                let function = self.profile.function(other);
                (&function.file, function.line, &function.name)
            });
            for (place, (other, edge)) in calls.into_iter().enumerate() {
                let indent = if place == 0 { 0 } else { 1 };
                if with_times {
                    let left = indent * (width + 1);
                    let counted = self.counted(&edge.calls);
                    let columns = 7 + 2 * indent;
                    let (own, all) =
                        [edge.calls.tottime, edge.calls.cumtime].map(|time| self.figures.column(time)).into();
                    let other = name(other);
                    writeln!(out, "{:left$}{counted:>columns$} {own} {all}  {other}", "")?;
                } else {
                    let left = indent * (width + 3);
                    let count = edge.calls.ncalls;
                    let function = self.profile.function(other);
                    let all = match function.caller_only {
                        true => String::new(),
                        false => self.figures.column(function.calls.cumtime),
                    };
                    writeln!(out, "{:left$}{}({count}) {all}", "", name(other))?;
                }
            }
        }
        writeln!(out, "\n")
    }

    fn write_order(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.keys.is_empty() {
            writeln!(out, "   Random listing order was used")?;
        } else {
            let keys: Vec<&str> = self.keys.iter().map(|key| key.description()).collect();
            writeln!(out, "   Ordered by: {}", keys.join(", "))?;
        }
        for message in &self.selection.messages {
            writeln!(out, "{message}")?;
        }
        writeln!(out)
    }

    /// `N function calls (N primitive calls) in N seconds`.
    fn summary(&self) -> String {
        let mut total = Calls::default();
        for (_, function) in self.profile.rows() {
            total.add(&function.calls);
        }
        let unit = match &self.profile.metadata.unit {
            Unit::Seconds => "seconds",
            Unit::Other(unit) => &escaped(unit),
        };
        let time = decimal(total.tottime, self.figures.decimals);
        let Calls { ncalls, primitive_calls, .. } = total;
        match self.profile.metadata.counts {
            Counts::Unknown => format!("{time} {unit}; calls were not counted"),
            // Each has one function on top, and any number below.
            Counts::Samples => {
                let error = decimal(100.0 * sampling_error(0.5, primitive_calls), 2);
                format!(
                    "{primitive_calls} samples in {time} {unit} (standard error of a share: at most {error} %)"
                )
            }
            Counts::Calls if ncalls == primitive_calls => {
                format!("{ncalls} function calls in {time} {unit}")
            }
            Counts::Calls => {
                format!("{ncalls} function calls ({primitive_calls} primitive calls) in {time} {unit}")
            }
        }
    }

    fn name(&self, id: FunctionId) -> String {
        escaped(&stdname(self.profile.function(id))).into_owned()
    }

    /// Switches a colour on and off: red for a tenth of all own time and more, yellow for a
    /// fiftieth.
    fn colour(&self, part: f64) -> (&'static str, &'static str) {
        match self.surface {
            Surface::Terminal { colours: true } if part >= 0.1 => ("\x1b[31m", "\x1b[0m"),
            Surface::Terminal { colours: true } if part >= 0.02 => ("\x1b[33m", "\x1b[0m"),
            _ => ("", ""),
        }
    }

    fn counted(&self, calls: &Calls) -> String {
        if self.profile.metadata.counts == Counts::Unknown {
            return "-".to_owned();
        }
        match calls.ncalls == calls.primitive_calls {
            true => calls.ncalls.to_string(),
            false => format!("{}/{}", calls.ncalls, calls.primitive_calls),
        }
    }
}

/// Python's `"%.3f"`, with so many decimals.
fn decimal(value: f64, decimals: usize) -> String {
    if value.is_nan() { "nan".to_owned() } else { format!("{value:.decimals$}") }
}
