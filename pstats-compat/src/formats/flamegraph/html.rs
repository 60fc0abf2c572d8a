//! The page: one file that needs no network. The script is `page.html`'s own; here it gets its data. What is drawn is a part of the
//! profile, or an estimate; so the profile itself is in the page, too, as a `.pikos` file, and is read from there.

use std::io::{BufWriter, Write};

use base64::prelude::*;
use serde::Serialize;

use super::difference::{Difference, Times};
use super::layout::Layout;
use super::words::{amount, hue, place, told_of};
use crate::error::{Error, Result};
use crate::formats::native;
use crate::model::{Counts, Function, NodeId, Profile, Unit};
use crate::stacks::Stacks;

const PAGE: &str = include_str!("page.html");
/// Where the data goes in the page.
const DATA: &str = "{{data}}";
/// Where the profile goes, if it has one.
const PROFILE: &str = "{{profile}}";
/// Stands around the profile. In the data, `<` is spelled out.
const ELEMENT: (&str, &str) = ("<script type=\"application/octet-stream\" id=\"profile\">", "</script>\n");
/// A box this narrow is a pixel wide only after a zoom of some 100 times.
const MIN_WIDTH: f64 = 1e-5;

#[derive(Serialize)]
struct Data {
    title: String,
    /// A unit that the script should print as it is; none for seconds.
    unit: Option<String>,
    notes: Vec<String>,
    /// Name, place, hue.
    functions: Vec<(String, String, u32)>,
    views: Vec<View>,
}

/// One way to draw it; of a difference there are two.
#[derive(Serialize)]
struct View {
    name: &'static str,
    total: String,
    frames: Vec<FrameRow>,
    /// Parent or -1, depth, start, width, cumulative, how many: what is too narrow for a row of its own.
    narrow: Vec<(i64, usize, f64, f64, f64, u64)>,
}

/// Function, parent or -1, depth, start, width, cumulative, own, calls or null; of a difference also the same times in the
/// other profile, and how much it changed. A tuple, for a name in front of each number would double the page.
#[derive(Serialize)]
#[serde(untagged)]
enum FrameRow {
    Plain(usize, i64, usize, f64, f64, f64, f64, Option<u64>),
    Changed(usize, i64, usize, f64, f64, f64, f64, Option<u64>, f64, f64, f64),
}

/// Only functions that are drawn are named: a page of a large profile stays small.
struct Named {
    numbers: Vec<Option<usize>>,
    functions: Vec<(String, String, u32)>,
}

impl Named {
    fn new(count: usize) -> Self {
        Self { numbers: vec![None; count], functions: Vec::new() }
    }

    fn number(&mut self, place_of: usize, function: &Function) -> usize {
        *self.numbers[place_of].get_or_insert_with(|| {
            self.functions.push((function.display_name().into_owned(), place(function), hue(function)));
            self.functions.len() - 1
        })
    }
}

/// Writes the page.
pub fn write(profile: &Profile, stacks: &Stacks<'_>, out: &mut dyn Write) -> Result<()> {
    let tree = &stacks.tree;
    let cumulative = tree.cumtimes();
    let layout = Layout::of(tree, &cumulative, MIN_WIDTH);
    let counted = stacks.exact() && profile.metadata.counts == Counts::Calls;
    let mut named = Named::new(profile.functions.len());
    let mut frames = Vec::with_capacity(layout.boxes.len());
    for placed in &layout.boxes {
        let node = &tree.nodes[placed.node.index()];
        let number = named.number(node.function.index(), profile.function(node.function));
        frames.push(FrameRow::Plain(
            number,
            row_of(placed.parent),
            placed.depth,
            placed.start,
            placed.width,
            cumulative[placed.node.index()],
            node.tottime,
            counted.then_some(node.ncalls),
        ));
    }
    let unit = &profile.metadata.unit;
    let view = View { name: "", total: amount(unit, layout.total), frames, narrow: narrow_rows(&layout) };
    let data = Data {
        title: profile.metadata.shown_title(),
        unit: shown_unit(unit),
        notes: told_of(stacks),
        functions: named.functions,
        views: vec![view],
    };
    let mut packed = Vec::new();
    native::write(profile, &mut packed)?;
    let (open, close) = ELEMENT;
    write_page(&data, &[open, &BASE64_STANDARD.encode(packed), close].concat(), out)
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

/// Writes the page of a difference.
pub fn write_difference(difference: &Difference<'_>, title: &str, out: &mut dyn Write) -> Result<()> {
    let mut named = Named::new(difference.functions.len());
    let mut view = |name, times: &Times, other: &Times| {
        let layout = Layout::of(&difference.tree, &times.cumulative, MIN_WIDTH);
        let mut frame = |placed: &super::layout::Placed| {
            let at = placed.node.index();
            let function = difference.tree.nodes[at].function;
            FrameRow::Changed(
                named.number(function.index(), difference.function(NodeId(at as u32))),
                row_of(placed.parent),
                placed.depth,
                placed.start,
                placed.width,
                times.cumulative[at],
                times.own[at],
                None,
                other.cumulative[at],
                other.own[at],
                difference.heat(placed.node),
            )
        };
        let frames = layout.boxes.iter().map(&mut frame).collect();
        View { name, total: amount(difference.unit, layout.total), frames, narrow: narrow_rows(&layout) }
    };
    let views = vec![
        view("after", &difference.after, &difference.before),
        view("before", &difference.before, &difference.after),
    ];
    let data = Data {
        title: title.to_owned(),
        unit: shown_unit(difference.unit),
        notes: difference.notes.clone(),
        functions: named.functions,
        views,
    };
    write_page(&data, "", out)
}

fn row_of(parent: Option<usize>) -> i64 {
    parent.map_or(-1, |parent| parent as i64)
}

fn narrow_rows(layout: &Layout) -> Vec<(i64, usize, f64, f64, f64, u64)> {
    let rows = layout.narrow.iter();
    rows.map(|n| (row_of(n.parent), n.depth, n.start, n.width, n.cumulative, n.count)).collect()
}

fn shown_unit(unit: &Unit) -> Option<String> {
    match unit {
        Unit::Seconds => None,
        Unit::Other(unit) => Some(unit.clone()),
    }
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
