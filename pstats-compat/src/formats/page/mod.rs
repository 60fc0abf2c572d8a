//! The page: one file that tells all of a profile, with its flame graph, its functions and their callers. It needs no network.
//!
//! ```text
//!  page/src/*.ts ──(npm run build)──> page.html ──(here)──> page.html with data, and with the profile itself
//! ```
//!
//! The page draws, and is the same for every profile; here it gets its data: columns of numbers, bounded, for a page must open
//! whatever the profile's size. What was left out of them is said, and stands in the profile, which is in the page as a `.pikos`
//! file and is read from there.

mod functions;
mod heading;
mod labels;
mod lines;
mod objects;
mod places;
mod sources;
mod stacks;
mod tasks;

use std::io::{BufWriter, Write};

use base64::prelude::*;
use serde::Serialize;

use self::functions::{Chosen, Edges, Functions, Listed, shown_unit};
pub use self::functions::{Durations, Group, rounded, shown, shown_place};
use self::heading::Heading;
use self::labels::LabelRow;
pub use self::lines::LineFigures;
use self::objects::ObjectColumns;
use self::sources::Source;
pub use self::sources::{Lines, lines_of};
use self::stacks::{Columns, Kept};
use self::tasks::Followed;
pub use self::tasks::{CoroutineColumns, MOST_COROUTINES, MOST_SLOW, SlowRow};
use super::flamegraph::Difference;
use crate::error::{Error, Result};
use crate::formats::native;
use crate::model::{Counts, EdgeDetail, Profile};
use crate::stacks::Stacks;

/// Built from `page/`; `make check` builds it anew and compares.
const PAGE: &str = include_str!("page.html");
/// Where the data goes in the page.
const DATA: &str = "{{data}}";
/// Where the profile goes, if it has one.
const PROFILE: &str = "{{profile}}";
/// Stands around the profile. In the data, `<` is spelled out.
const ELEMENT: (&str, &str) = ("<script type=\"application/octet-stream\" id=\"profile\">", "</script>\n");

/// All that a page shows: `Data` in page/src/data.ts.
#[derive(Serialize)]
struct Data {
    heading: Heading,
    /// What times are in; none for seconds.
    unit: Option<String>,
    /// Whether calls were counted, and not samples or nothing.
    counted: bool,
    /// Whether times stand on the edges as well.
    timed_edges: bool,
    groups: Vec<Group>,
    functions: Functions,
    stacks: Columns,
    threads: Vec<(String, usize)>,
    edges: Edges,
    sources: Option<Vec<Source>>,
    /// Coroutines and slow steps, if they were followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    tasks: Option<Followed>,
    /// Objects by type, if they were counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    objects: Option<ObjectColumns>,
    /// Label sets, if there are any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    labels: Vec<LabelRow>,
}

/// Writes the page, without anybody's source.
pub fn write(profile: &Profile, stacks: &Stacks<'_>, out: &mut dyn Write) -> Result<()> {
    write_with(profile, stacks, None, out)
}

/// Writes the page with the source of the functions that matter, where their files can be read now, and with what is known of
/// its lines.
pub fn write_with_source(
    profile: &Profile,
    stacks: &Stacks<'_>,
    lines: Option<&LineFigures>,
    out: &mut dyn Write,
) -> Result<()> {
    write_with(profile, stacks, Some(lines), out)
}

/// Source is read if there is a place for `lines`.
fn write_with(
    profile: &Profile,
    stacks: &Stacks<'_>,
    lines: Option<Option<&LineFigures>>,
    out: &mut dyn Write,
) -> Result<()> {
    let metadata = &profile.metadata;
    let mut listed = Listed::of(profile);
    listed.folded = functions::folded(profile, stacks);
    let kept = Kept::of(&stacks.tree, None);
    let tasks = profile.tasks.as_ref().map(tasks::Kept::of);
    let needed = kept.functions(&stacks.tree).chain(tasks.iter().flat_map(tasks::Kept::functions));
    let chosen = Chosen::of(&listed, needed);
    let counted = metadata.counts == Counts::Calls;
    let (columns, threads) = kept.columns(&stacks.tree, None, &chosen, counted && stacks.exact());
    let (functions, groups) = chosen.columns(&listed);
    let data = Data {
        heading: Heading::of(profile, stacks.told().into_iter().collect()),
        unit: shown_unit(&metadata.unit),
        counted,
        timed_edges: metadata.edges != EdgeDetail::CountsOnly,
        groups,
        functions,
        stacks: columns,
        threads,
        edges: chosen.edges(profile),
        sources: lines.map(|lines| sources::read(&listed, &chosen, metadata, lines)),
        tasks: tasks.map(|tasks| tasks.told(&chosen)),
        objects: profile.objects.as_ref().map(ObjectColumns::of),
        labels: labels::rows(profile),
    };
    let mut packed = Vec::new();
    native::write(profile, &mut packed)?;
    let (open, close) = ELEMENT;
    write_page(&data, &[open, &BASE64_STANDARD.encode(packed), close].concat(), out)
}

/// Writes the page of a difference. It holds no profile.
pub fn write_difference(difference: &Difference<'_>, title: &str, out: &mut dyn Write) -> Result<()> {
    let (before, after) = (difference.profiles.0, difference.profiles.1);
    let listed = Listed::of_both(before, after, &difference.pairs);
    let own = Some(&difference.before.own[..]);
    let kept = Kept::of(&difference.tree, own);
    let chosen = Chosen::of(&listed, kept.functions(&difference.tree));
    let (columns, threads) = kept.columns(&difference.tree, own, &chosen, false);
    let (functions, groups) = chosen.columns(&listed);
    let is_timed = |profile: &Profile| profile.metadata.edges != EdgeDetail::CountsOnly;
    let is_counted = |profile: &Profile| profile.metadata.counts == Counts::Calls;
    let data = Data {
        heading: Heading::of_both(before, after, title, &difference.notes),
        unit: shown_unit(difference.unit),
        counted: is_counted(before) && is_counted(after),
        timed_edges: is_timed(before) && is_timed(after),
        groups,
        functions,
        stacks: columns,
        threads,
        edges: chosen.edges_of_both(before, after, &difference.numbers()),
        sources: None,
        tasks: None,
        objects: None,
        labels: Vec::new(),
    };
    write_page(&data, "", out)
}

/// Reads the profile that is in a page.
pub fn read(bytes: &[u8]) -> Result<Profile> {
    let (open, close) = ELEMENT;
    let start = bytes.windows(open.len()).position(|window| window == open.as_bytes());
    let packed = start.map(|start| &bytes[start + open.len()..]).ok_or_else(|| {
        let what = "a page of Pikos without a profile in it, as of a difference: open it in a browser";
        Error::Unread(what.to_owned())
    })?;
    let end = packed.iter().position(|byte| *byte == close.as_bytes()[0]).unwrap_or(packed.len());
    // Of a page that is cut short, what there is of it.
    let whole = &packed[..end - end % 4];
    let profile = BASE64_STANDARD.decode(whole).map_err(|error| Error::Incomplete {
        problem: format!("the profile in this page is damaged: {error}"),
    })?;
    native::read(&profile)
}

fn write_page(data: &Data, profile: &str, out: &mut dyn Write) -> Result<()> {
    let (before, rest) = PAGE.split_once(DATA).expect("the page has a place for its data");
    let (between, after) = rest.split_once(PROFILE).expect("the page has a place for a profile");
    let data = serde_json::to_string(data).map_err(std::io::Error::from)?;
    let mut out = BufWriter::new(out);
    out.write_all(before.as_bytes())?;
    // A name may hold `</script>`: with `<` spelled out the data can't leave its element.
    out.write_all(data.replace('<', "\\u003c").as_bytes())?;
    for part in [between, profile, after] {
        out.write_all(part.as_bytes())?;
    }
    out.flush()?;
    Ok(())
}
