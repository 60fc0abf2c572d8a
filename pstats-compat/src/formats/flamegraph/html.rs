//! The page: one file that needs no network. The script is `page.html`'s own; here it gets its data.

use std::io::{BufWriter, Write};

use serde::Serialize;

use super::layout::{Layout, amount, hue, place};
use crate::error::Result;
use crate::model::{Profile, Unit};

const PAGE: &str = include_str!("page.html");
/// Where the data goes in the page.
const DATA: &str = "{{data}}";
/// A box this narrow is a pixel wide only after a zoom of some 100 times.
const MIN_WIDTH: f64 = 1e-5;

#[derive(Serialize)]
struct Data {
    title: String,
    total: String,
    /// A unit that the script should print as it is; none for seconds.
    unit: Option<String>,
    notes: Vec<String>,
    /// Name, place, hue.
    functions: Vec<(String, String, u32)>,
    frames: Vec<BoxRow>,
}

/// Function, parent or -1, depth, start, width, cumulative, own, calls or null. A tuple, for a name
/// in front of each number would double the page.
type BoxRow = (usize, i64, usize, f64, f64, f64, f64, Option<u64>);

/// Writes the page.
pub fn write(profile: &Profile, out: &mut dyn Write) -> Result<()> {
    let layout = Layout::of(profile, MIN_WIDTH);
    // Only functions that are drawn are named: a page of a large profile stays small.
    let mut numbers = vec![None; profile.functions.len()];
    let mut functions = Vec::new();
    let mut frames = Vec::with_capacity(layout.boxes.len());
    for frame in &layout.boxes {
        let number = *numbers[frame.function.index()].get_or_insert_with(|| {
            let function = profile.function(frame.function);
            functions.push((function.display_name().into_owned(), place(function), hue(function)));
            functions.len() - 1
        });
        frames.push((
            number,
            frame.parent.map_or(-1, |parent| parent as i64),
            frame.depth,
            frame.start,
            frame.width,
            frame.cumulative,
            frame.own,
            frame.ncalls,
        ));
    }
    let data = Data {
        title: layout.title,
        total: amount(profile, layout.total),
        unit: match &profile.metadata.unit {
            Unit::Seconds => None,
            Unit::Other(unit) => Some(unit.clone()),
        },
        notes: layout.notes,
        functions,
        frames,
    };
    let (before, after) = PAGE.split_once(DATA).expect("the page has a place for its data");
    let data = serde_json::to_string(&data).map_err(std::io::Error::from)?;
    let mut out = BufWriter::new(out);
    out.write_all(before.as_bytes())?;
    // A name may hold `</script>`: with `<` spelled out the data can't leave its element.
    out.write_all(data.replace('<', "\\u003c").as_bytes())?;
    out.write_all(after.as_bytes())?;
    out.flush()?;
    Ok(())
}
