//! A finished profile in Python's hands: read from a file, or taken from a Profiler. Sorted, searched and exported
//! here; Python gets the rows that it asks for.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use pstats_compat::details::Detail;
use pstats_compat::formats::{self, Format, Output, ReadOptions};
use pstats_compat::index::EdgeIndex;
use pstats_compat::label_sets::{self, Wanted};
use pstats_compat::merge::{Merger, named};
use pstats_compat::report::{Report, Restriction, SortKey, order};
use pstats_compat::summary::{self, Paper};
use pstats_compat::{
    CallTree, Calls, Counts, EdgeDetail, Error, Function, FunctionId, LabelSet, Profile, Text, Unit,
};
use pyo3::exceptions::{PyIndexError, PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};
use regex::Regex;

/// A profile, and some of its rows in some order.
#[pyclass(name = "_StoredProfile", module = "pikos._lsprof", frozen)]
pub struct StoredProfile {
    shared: Arc<Indexed>,
    rows: Vec<FunctionId>,
    /// What the rows were sorted by.
    keys: Vec<SortKey>,
}

struct Indexed {
    profile: Profile,
    callers: OnceLock<EdgeIndex>,
    callees: OnceLock<EdgeIndex>,
    /// What it has beyond what all profiles have.
    details: OnceLock<Vec<Detail>>,
}

impl StoredProfile {
    /// All rows, in the profile's own order.
    pub fn new(profile: Profile) -> Self {
        let rows = profile.rows().map(|(id, _)| id).collect();
        let shared =
            Indexed { profile, callers: OnceLock::new(), callees: OnceLock::new(), details: OnceLock::new() };
        Self { shared: Arc::new(shared), rows, keys: Vec::new() }
    }

    /// The whole of it.
    pub fn profile(&self) -> &Profile {
        &self.shared.profile
    }

    fn with_rows(&self, rows: Vec<FunctionId>, keys: Vec<SortKey>) -> Self {
        Self { shared: Arc::clone(&self.shared), rows, keys }
    }

    /// A count, if anybody counted.
    fn counted(&self, count: u64) -> Option<u64> {
        (self.profile().metadata.counts != Counts::Unknown).then_some(count)
    }

    fn row<'py>(
        &self,
        py: Python<'py>,
        texts: &mut FileNames<'py>,
        function: &Function,
        calls: &Calls,
        (gil_wait, id): (Option<f64>, FunctionId),
    ) -> PyResult<Bound<'py, PyTuple>> {
        let row = (
            texts.file(py, &function.file)?,
            function.line,
            string(py, &function.name)?,
            function.qualname.as_ref().map(|name| string(py, name)).transpose()?,
            self.counted(calls.ncalls),
            self.counted(calls.primitive_calls),
            calls.tottime,
            calls.cumtime,
            gil_wait,
            id.0,
        );
        row.into_pyobject(py)
    }

    /// The same, with what only some profiles have: of a function all of it, of a caller what a processor had.
    fn detailed_row<'py>(
        &self,
        py: Python<'py>,
        texts: &mut FileNames<'py>,
        function: &Function,
        calls: &Calls,
        (gil_wait, id): (Option<f64>, FunctionId),
    ) -> PyResult<Bound<'py, PyTuple>> {
        let row = self.row(py, texts, function, calls, (gil_wait, id))?;
        let details = self.shared.details.get_or_init(|| Detail::of_profile(self.profile()));
        if details.is_empty() {
            return Ok(row);
        }
        let is_whole = std::ptr::eq(calls, &raw const function.calls);
        let part = Function { calls: *calls, ..Function::default() };
        let figures = Detail::all().map(|detail| match details.contains(&detail) {
            true if detail.is_cpu() => detail.of(&part),
            true if is_whole => detail.of(function),
            _ => None,
        });
        let more = PyTuple::new(py, figures.collect::<Vec<_>>())?;
        row.as_sequence().concat(more.as_sequence())?.to_tuple()
    }

    fn id(&self, function: u32) -> PyResult<FunctionId> {
        let count = self.profile().functions.len();
        if function as usize >= count {
            return Err(PyIndexError::new_err(format!("no function {function}: there are {count}")));
        }
        Ok(FunctionId(function))
    }
}

#[pymethods]
impl StoredProfile {
    /// Reads a profile from the bytes of a file. name: the file's, for messages and for the format where the content
    /// doesn't tell. event and profile: which of several. Raises ValueError if it can't be understood.
    #[staticmethod]
    #[pyo3(signature = (data, name, format=None, event=None, profile=None, labels=Vec::new()))]
    fn read(
        py: Python<'_>,
        data: &[u8],
        name: PathBuf,
        format: Option<&str>,
        event: Option<String>,
        profile: Option<String>,
        labels: Vec<(String, Option<String>)>,
    ) -> PyResult<Self> {
        let labels = labels.into_iter().map(|(name, value)| Wanted { name, value }).collect();
        let options = ReadOptions { format: format.map(parse_format).transpose()?, event, profile, labels };
        let wrong = |error: Error| {
            let named = matches!(error, Error::UnknownFormat { .. });
            let way_out = if named { ": name the format with format=" } else { "" };
            PyValueError::new_err(format!("{}: {error}{way_out}", name.display()))
        };
        let profile = py.detach(|| {
            let mut profile = formats::read_from(data, Some(&name), &options)?;
            profile.merge_labels();
            Ok::<_, Error>(profile)
        });
        profile.map(Self::new).map_err(wrong)
    }

    /// The sum of several, all rows of each. One that comes with a name has its functions below that name, apart from those of
    /// others. Raises ValueError if they can't be added up.
    #[staticmethod]
    fn merged(py: Python<'_>, parts: Vec<(Py<Self>, Option<String>)>) -> PyResult<Self> {
        let sum = py.detach(|| {
            let mut merger = Merger::new();
            for (part, name) in &parts {
                let profile = part.get().profile().clone();
                merger.add(match name {
                    Some(name) => named(profile, name),
                    None => profile,
                })?;
            }
            Ok::<_, Error>(merger.finish())
        });
        sum.map(Self::new).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    fn __len__(&self) -> usize {
        self.rows.len()
    }

    /// The same rows, sorted by pstats' keys; without a key in the profile's own order.
    fn sort(&self, py: Python<'_>, keys: Vec<String>, reverse: bool) -> PyResult<Self> {
        let keys = parse_keys(&keys)?;
        Ok(py.detach(|| {
            let mut rows = order(self.profile(), &keys);
            if self.rows.len() < rows.len() {
                let mut kept = vec![false; self.profile().functions.len()];
                self.rows.iter().for_each(|id| kept[id.index()] = true);
                rows.retain(|id| kept[id.index()]);
            }
            if reverse {
                rows.reverse();
            }
            self.with_rows(rows, keys)
        }))
    }

    /// The rows whose printed name (`file:line(name)`) the regular expression finds.
    fn filter(&self, py: Python<'_>, pattern: &str) -> PyResult<Self> {
        let pattern = Regex::new(pattern).map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(py.detach(|| {
            let name = |id: FunctionId| pstats_compat::report::stdname(self.profile().function(id));
            let rows = self.rows.iter().copied().filter(|&id| pattern.is_match(&name(id)));
            self.with_rows(rows.collect(), self.keys.clone())
        }))
    }

    /// The rows from start to end.
    fn slice(&self, start: usize, end: usize) -> Self {
        let end = end.min(self.rows.len());
        self.with_rows(self.rows[start.min(end)..end].to_vec(), self.keys.clone())
    }

    /// All functions, with folders cut off file names; what then has the same label is added up.
    fn strip_dirs(&self, py: Python<'_>) -> Self {
        py.detach(|| {
            let mut profile = self.profile().clone();
            profile.strip_dirs();
            Self::new(profile)
        })
    }

    /// The rows as tuples: (file, line, name, qualname, ncalls, primitive_calls, tottime, cumtime, gil_wait, number). Calls that nobody
    /// counted are None, and so is gil_wait where nobody waited. Where any of them is known: cpu_tottime, cpu_cumtime, min, p50, p90, p99,
    /// p999, max, slowest_at behind it.
    fn rows<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        let mut texts = FileNames::default();
        let has_gil_waits = self.profile().has_gil_waits();
        for &id in &self.rows {
            let function = self.profile().function(id);
            let gil_wait = has_gil_waits.then_some(function.gil_wait);
            list.append(self.detailed_row(py, &mut texts, function, &function.calls, (gil_wait, id))?)?;
        }
        Ok(list)
    }

    /// Who called a function, as rows; counts and times are the part of the called function's that came this way.
    fn callers<'py>(&self, py: Python<'py>, function: u32) -> PyResult<Bound<'py, PyList>> {
        let index = self.shared.callers.get_or_init(|| self.profile().edges_by_callee());
        let list = PyList::empty(py);
        let mut texts = FileNames::default();
        for edge in index.of(&self.profile().edges, self.id(function)?) {
            let caller = self.profile().function(edge.caller);
            list.append(self.detailed_row(py, &mut texts, caller, &edge.calls, (None, edge.caller))?)?;
        }
        Ok(list)
    }

    /// Whom a function called, likewise.
    fn callees<'py>(&self, py: Python<'py>, function: u32) -> PyResult<Bound<'py, PyList>> {
        let index = self.shared.callees.get_or_init(|| self.profile().edges_by_caller());
        let list = PyList::empty(py);
        let mut texts = FileNames::default();
        for edge in index.of(&self.profile().edges, self.id(function)?) {
            let callee = self.profile().function(edge.callee);
            list.append(self.detailed_row(py, &mut texts, callee, &edge.calls, (None, edge.callee))?)?;
        }
        Ok(list)
    }

    /// Where the slowest call of a function was, as rows from the outermost function on, the function itself last; of a deep stack the end.
    /// Empty where nobody knows.
    fn slowest_stack<'py>(&self, py: Python<'py>, function: u32) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        let mut texts = FileNames::default();
        let distribution = self.profile().function(self.id(function)?).distribution.as_ref();
        for &id in distribution.iter().flat_map(|distribution| &distribution.slowest.stack) {
            let function = self.profile().function(id);
            list.append(self.detailed_row(py, &mut texts, function, &function.calls, (None, id))?)?;
        }
        Ok(list)
    }

    /// The figures of each label set: (names and values, a profile).
    fn by_label<'py>(&self, py: Python<'py>) -> PyResult<Vec<(Bound<'py, PyDict>, Self)>> {
        let set = |set: &LabelSet| {
            let labels = PyDict::new(py);
            set.labels
                .iter()
                .try_for_each(|(name, value)| labels.set_item(string(py, name)?, string(py, value)?))?;
            let metadata = self.profile().metadata.clone();
            Ok((labels, Self::new(Profile { metadata, ..set.profile.clone() })))
        };
        self.profile().label_sets.iter().map(set).collect()
    }

    /// What ran under these labels: (name, value), with None for any value. Raises ValueError if nothing did.
    fn with_labels(&self, py: Python<'_>, labels: Vec<(String, Option<String>)>) -> PyResult<Self> {
        let wanted: Vec<Wanted> = labels.into_iter().map(|(name, value)| Wanted { name, value }).collect();
        let profile = py.detach(|| label_sets::only(self.profile().clone(), &wanted));
        profile.map(Self::new).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// The full stacks of all threads together as tuples, those below before those above: (parent, file, line, name, qualname, ncalls, tottime,
    /// cumtime, number); None if there are none. parent: the place of the stack without its top.
    fn tree<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyList>>> {
        let profile = self.profile();
        let Some(tree) = profile.tree.as_ref().map(CallTree::added_up) else { return Ok(None) };
        let mut files = FileNames::default();
        let label = |function: &Function| {
            let qualname = function.qualname.as_ref().map(|name| string(py, name)).transpose()?;
            let name = string(py, &function.name)?;
            PyResult::Ok((files.file(py, &function.file)?, function.line, name, qualname))
        };
        // A function stands in many stacks: its strings are made once.
        let labels = profile.functions.iter().map(label).collect::<PyResult<Vec<_>>>()?;
        let list = PyList::empty(py);
        for (node, cumtime) in tree.nodes.iter().zip(tree.cumtimes()) {
            let (file, line, name, qualname) = &labels[node.function.index()];
            let parent = node.parent.map(|parent| parent.0);
            let number = node.function.0;
            let ncalls = self.counted(node.ncalls);
            list.append((parent, file, line, name, qualname, ncalls, node.tottime, cumtime, number))?;
        }
        Ok(Some(list))
    }

    /// The table as pstats prints it. pattern, top: pstats' restrictions.
    #[pyo3(signature = (patterns=Vec::new(), top=None))]
    fn report(&self, py: Python<'_>, patterns: Vec<String>, top: Option<usize>) -> PyResult<String> {
        let patterns: Result<Vec<Regex>, _> = patterns.iter().map(|pattern| Regex::new(pattern)).collect();
        let patterns = patterns.map_err(|error| PyValueError::new_err(error.to_string()))?;
        let mut restrictions: Vec<Restriction> = patterns.into_iter().map(Restriction::Pattern).collect();
        restrictions.extend(top.map(Restriction::Rows));
        py.detach(|| {
            let report = Report::of_rows(self.profile(), &self.keys, self.rows.clone());
            let mut text = Vec::new();
            report
                .restricted(&restrictions)
                .write_stats(&[], &mut text)
                .map(|()| String::from_utf8_lossy(&text).into_owned())
                .map_err(PyErr::from)
        })
    }

    /// What the run was, on one screen. width: no line has more characters; colours: whether there are any, as a terminal takes
    /// them.
    fn summary(&self, py: Python<'_>, width: usize, colours: bool) -> PyResult<String> {
        py.detach(|| {
            let mut text = Vec::new();
            summary::write(self.profile(), &Paper { width, colours }, &mut text)?;
            Ok(String::from_utf8_lossy(&text).into_owned())
        })
    }

    /// The whole profile in a format, as bytes.
    fn dumps<'py>(&self, py: Python<'py>, format: &str) -> PyResult<Bound<'py, PyBytes>> {
        let format = parse_format(format)?;
        let mut bytes = Vec::new();
        py.detach(|| format.write(self.profile(), &mut bytes))
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// Writes the whole profile to a file, or leaves the file as it was. format: where the name doesn't tell. Returns
    /// what the format could not say, one sentence each.
    #[pyo3(signature = (path, format=None))]
    fn export(&self, py: Python<'_>, path: PathBuf, format: Option<&str>) -> PyResult<Vec<String>> {
        let format = target_format(&path, format)?;
        py.detach(|| {
            let output = Output::new(self.profile(), format);
            formats::save(&output, &path).map(|()| output.notes())
        })
        .map_err(|error| file_error(py, error, &path))
    }

    /// What is known of the profile as a whole.
    fn metadata<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let profile = self.profile();
        let metadata = &profile.metadata;
        let mut total = Calls::default();
        profile.rows().for_each(|(_, function)| total.add(&function.calls));
        let facts = PyDict::new(py);
        facts.set_item("functions", profile.rows().count())?;
        facts.set_item("edges", profile.edges.len())?;
        facts.set_item("ncalls", self.counted(total.ncalls))?;
        facts.set_item("primitive_calls", self.counted(total.primitive_calls))?;
        facts.set_item("tottime", total.tottime)?;
        facts.set_item(
            "counts",
            match metadata.counts {
                Counts::Calls => "calls",
                Counts::Samples => "samples",
                Counts::Unknown => "unknown",
            },
        )?;
        facts.set_item(
            "callers",
            match metadata.edges {
                EdgeDetail::Full => "counts and times",
                EdgeDetail::CountsOnly => "counts",
                EdgeDetail::CallsAndCumtime => "calls and cumulative time",
            },
        )?;
        facts.set_item(
            "unit",
            match &metadata.unit {
                Unit::Seconds => "seconds",
                Unit::Other(unit) => unit,
            },
        )?;
        facts.set_item("compensated", metadata.compensated)?;
        facts.set_item("unfinished", metadata.unfinished)?;
        facts.set_item("notes", &metadata.notes)?;
        let run = PyDict::new(py);
        metadata.facts.iter().try_for_each(|(name, value)| run.set_item(name, value))?;
        facts.set_item("facts", run)?;
        facts.set_item("stacks", profile.tree.as_ref().map(|tree| tree.added_up().nodes.len()))?;
        facts.set_item("stacks_cut_calls", profile.tree.as_ref().map_or(0, |tree| tree.cut.calls))?;
        facts.set_item("stacks_cut_seconds", profile.tree.as_ref().map_or(0.0, |tree| tree.cut.seconds))?;
        Ok(facts)
    }
}

/// The format that a target's name says, or the one named.
pub fn target_format(path: &Path, format: Option<&str>) -> PyResult<Format> {
    match format {
        Some(name) => parse_format(name),
        None => Format::of_target(path).ok_or_else(|| {
            PyValueError::new_err(format!(
                "{}: which format? The name doesn't say: name one, format='pstats' for instance",
                path.display()
            ))
        }),
    }
}

fn parse_format(name: &str) -> PyResult<Format> {
    name.parse().map_err(|error: formats::UnknownFormat| PyValueError::new_err(error.to_string()))
}

fn parse_keys(keys: &[String]) -> PyResult<Vec<SortKey>> {
    let key = |word: &String| {
        word.parse::<SortKey>()
            .map_err(|error: pstats_compat::report::UnknownSortKey| PyValueError::new_err(error.to_string()))
    };
    keys.iter().map(key).collect()
}

/// Why a file could not be written.
pub fn file_error(py: Python<'_>, error: Error, path: &Path) -> PyErr {
    match error {
        Error::Io(error) => os_error(py, &error, path),
        other => PyValueError::new_err(format!("{}: {other}", path.display())),
    }
}

/// With errno and file name, so that Python makes FileNotFoundError or the like of it.
fn os_error(py: Python<'_>, error: &std::io::Error, path: &Path) -> PyErr {
    match error.raw_os_error() {
        Some(number) => {
            let text = py.import("os").and_then(|os| os.call_method1("strerror", (number,)));
            let text = text.map_or_else(|_| error.to_string(), |text| text.to_string());
            PyOSError::new_err((number, text, path.as_os_str().to_os_string()))
        }
        None => PyOSError::new_err(format!("{}: {error}", path.display())),
    }
}

/// One file name stands in many rows: one Python string for each that comes twice in a row.
#[derive(Default)]
struct FileNames<'py> {
    last: Option<(Text, Bound<'py, PyString>)>,
}

impl<'py> FileNames<'py> {
    fn file(&mut self, py: Python<'py>, text: &Text) -> PyResult<Bound<'py, PyString>> {
        match &self.last {
            Some((known, string)) if known == text => Ok(string.clone()),
            _ => {
                let string = string(py, text)?;
                self.last = Some((text.clone(), string.clone()));
                Ok(string)
            }
        }
    }
}

fn string<'py>(py: Python<'py>, text: &Text) -> PyResult<Bound<'py, PyString>> {
    match std::str::from_utf8(text.as_bytes()) {
        Ok(text) => Ok(PyString::new(py, text)),
        Err(_) => {
            let bytes = PyBytes::new(py, text.as_bytes());
            Ok(bytes.call_method1("decode", ("utf-8", "surrogatepass"))?.cast_into()?)
        }
    }
}
