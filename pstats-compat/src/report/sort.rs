//! pstats' sort keys, under pstats' names.

use std::cmp::Ordering;
use std::str::FromStr;

use super::name::stdname;
use crate::details::Detail;
use crate::model::{Function, FunctionId, Profile};

/// What a table is sorted by. Figures go from the greatest down, names and lines from the least up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortKey {
    /// All calls.
    Calls,
    /// Time in the function and what it called.
    Cumulative,
    /// File name.
    Filename,
    /// Line number.
    Line,
    /// Function name.
    Name,
    /// Name, then file, then line.
    Nfl,
    /// Calls that were not recursive.
    Pcalls,
    /// The name as it is printed.
    Stdname,
    /// Time in the function itself.
    Time,
    /// A figure that only some profiles have; from the greatest down, too.
    Detail(Detail),
}

/// Every word that pstats takes.
const WORDS: [(&str, SortKey); 13] = [
    ("calls", SortKey::Calls),
    ("ncalls", SortKey::Calls),
    ("cumtime", SortKey::Cumulative),
    ("cumulative", SortKey::Cumulative),
    ("filename", SortKey::Filename),
    ("line", SortKey::Line),
    ("module", SortKey::Filename),
    ("name", SortKey::Name),
    ("nfl", SortKey::Nfl),
    ("pcalls", SortKey::Pcalls),
    ("stdname", SortKey::Stdname),
    ("time", SortKey::Time),
    ("tottime", SortKey::Time),
];

/// A word that is no sort key.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is not a sort key: choose one of calls (or ncalls), cumulative (cumtime), filename (module), line, name, \
     nfl, pcalls, stdname and time (tottime), or, where they were recorded, cpu, cpu-cumtime, min, p50, p90, p99, p99.9, max and \
     slowest-at"
)]
pub struct UnknownSortKey(String);

impl FromStr for SortKey {
    type Err = UnknownSortKey;

    /// A word, a prefix of words that all mean the same, or one of the old profiler's numbers.
    fn from_str(word: &str) -> Result<Self, UnknownSortKey> {
        match word {
            "-1" => return Ok(SortKey::Stdname),
            "0" => return Ok(SortKey::Calls),
            "1" => return Ok(SortKey::Time),
            "2" => return Ok(SortKey::Cumulative),
            _ => {}
        }
        if let Some((_, key)) = WORDS.iter().find(|(whole, _)| *whole == word) {
            return Ok(*key);
        }
        // By their whole names: what is short for pstats' words stays so.
        if let Some(detail) = Detail::of_word(word) {
            return Ok(SortKey::Detail(detail));
        }
        let mut longer = WORDS.iter().filter(|(whole, _)| whole.starts_with(word));
        match longer.next() {
            Some((_, key)) if longer.all(|(_, other)| other == key) => Ok(*key),
            _ => Err(UnknownSortKey(word.to_owned())),
        }
    }
}

impl SortKey {
    /// Every word that names one.
    pub fn words() -> impl Iterator<Item = &'static str> {
        WORDS.iter().map(|(word, _)| *word).chain(Detail::all().map(Detail::word))
    }

    /// As pstats says it after "Ordered by:".
    pub fn description(self) -> &'static str {
        match self {
            SortKey::Calls => "call count",
            SortKey::Cumulative => "cumulative time",
            SortKey::Filename => "file name",
            SortKey::Line => "line number",
            SortKey::Name => "function name",
            SortKey::Nfl => "name/file/line",
            SortKey::Pcalls => "primitive call count",
            SortKey::Stdname => "standard name",
            SortKey::Time => "internal time",
            SortKey::Detail(detail) => detail.word(),
        }
    }

    fn compare(self, a: &Function, b: &Function) -> Ordering {
        match self {
            SortKey::Calls => b.calls.ncalls.cmp(&a.calls.ncalls),
            SortKey::Cumulative => descending(a.calls.cumtime, b.calls.cumtime),
            SortKey::Filename => a.file.cmp(&b.file),
            SortKey::Line => a.line.cmp(&b.line),
            SortKey::Name => a.name.cmp(&b.name),
            SortKey::Nfl => (&a.name, &a.file, a.line).cmp(&(&b.name, &b.file, b.line)),
            SortKey::Pcalls => b.calls.primitive_calls.cmp(&a.calls.primitive_calls),
            SortKey::Stdname => stdname(a).cmp(&stdname(b)),
            SortKey::Time => descending(a.calls.tottime, b.calls.tottime),
            // Where it isn't known it is less than all others.
            SortKey::Detail(detail) => {
                let figure = |function| detail.of(function).unwrap_or(f64::NEG_INFINITY);
                descending(figure(a), figure(b))
            }
        }
    }
}

/// The rows of a profile, sorted; where the keys say nothing, in the profile's own order.
pub fn order(profile: &Profile, keys: &[SortKey]) -> Vec<FunctionId> {
    let mut order: Vec<FunctionId> = profile.rows().map(|(id, _)| id).collect();
    if keys == [SortKey::Stdname] {
        order.sort_by_cached_key(|&id| stdname(profile.function(id)));
        return order;
    }
    order.sort_by(|&a, &b| {
        let (a, b) = (profile.function(a), profile.function(b));
        keys.iter().map(|key| key.compare(a, b)).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
    });
    order
}

/// -0.0 and 0.0 are one time, and a total order keeps a stray NaN from upsetting the sort.
fn descending(a: f64, b: f64) -> Ordering {
    (b + 0.0).total_cmp(&(a + 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_prefixes_and_numbers_are_keys() {
        let key = |word: &str| word.parse::<SortKey>().ok();
        assert_eq!(key("tottime"), Some(SortKey::Time));
        assert_eq!(key("cumu"), Some(SortKey::Cumulative));
        assert_eq!(key("2"), Some(SortKey::Cumulative));
        assert_eq!(key("cum"), Some(SortKey::Cumulative), "cumtime and cumulative are the same");
        assert_eq!(key("c"), None, "calls and cumulative");
        assert_eq!(key("p"), Some(SortKey::Pcalls), "as pstats has it");
        assert_eq!(key("p99.9"), Some(SortKey::Detail(Detail::P999)));
        assert_eq!(key(""), None);
    }
}
