//! The picture: SVG without script, so that it can stand in a README or a paper.

use std::io::{BufWriter, Write};

use super::difference::{Difference, Times};
use super::layout::{Layout, Placed};
use super::words::{amount, grouped, hue, place, told_of};
use crate::error::Result;
use crate::model::{Counts, Profile, Unit};
use crate::stacks::Stacks;

const WIDTH: f64 = 1200.0;
const ROW: f64 = 18.0;
const MARGIN: f64 = 10.0;
/// Above the boxes: the title and a line of notes.
const TOP: f64 = 56.0;
/// Above each of two graphs: a line that says which it is.
const HEADING: f64 = 26.0;
/// About what one letter takes in a 12-pixel sans-serif font.
const LETTER: f64 = 6.6;
/// Below a quarter of a pixel nothing is seen.
const MIN_PIXELS: f64 = 0.25;
const INNER: f64 = WIDTH - 2.0 * MARGIN;
const GREY: &str = "#c4c4c4";

/// Writes the picture.
pub fn write(profile: &Profile, stacks: &Stacks<'_>, out: &mut dyn Write) -> Result<()> {
    let tree = &stacks.tree;
    let cumulative = tree.cumtimes();
    let layout = Layout::of(tree, &cumulative, MIN_PIXELS / INNER);
    let unit = &profile.metadata.unit;
    let counted = stacks.exact() && profile.metadata.counts == Counts::Calls;
    let mut out = BufWriter::new(out);
    let mut notes = vec![format!("{} in total", amount(unit, layout.total))];
    notes.extend(told_of(stacks));
    notes.extend(narrow_note(layout.count_narrow()));
    let height = TOP + ROW * layout.depth as f64 + MARGIN;
    write_head(&profile.metadata.shown_title(), &notes, height, &mut out)?;
    for placed in &layout.boxes {
        let node = &tree.nodes[placed.node.index()];
        let function = profile.function(node.function);
        let name = function.display_name();
        let calls = match node.ncalls {
            _ if !counted => String::new(),
            1 => ", 1 call".to_owned(),
            ncalls => format!(", {ncalls} calls"),
        };
        let told = format!(
            "{name}\n{}\n{} ({:.2} %), own {}{calls}",
            place(function),
            amount(unit, cumulative[placed.node.index()]),
            100.0 * placed.width,
            amount(unit, node.tottime),
        );
        write_box(placed, TOP, &name, &told, &format!("hsl({},75%,68%)", hue(function)), &mut out)?;
    }
    write_narrow(&layout, unit, TOP, &mut out)?;
    writeln!(out, "</svg>")?;
    out.flush()?;
    Ok(())
}

/// Writes the picture of a difference: the newer profile, and below it the older one.
pub fn write_difference(difference: &Difference<'_>, title: &str, out: &mut dyn Write) -> Result<()> {
    let unit = difference.unit;
    let layout = |times: &Times| Layout::of(&difference.tree, &times.cumulative, MIN_PIXELS / INNER);
    let (after, before) = (layout(&difference.after), layout(&difference.before));
    let mut notes = vec![format!(
        "{} → {}; red: slower, blue: faster, each by its own time",
        amount(unit, difference.before.total()),
        amount(unit, difference.after.total())
    )];
    notes.extend(difference.notes.iter().cloned());
    notes.extend(narrow_note(after.count_narrow() + before.count_narrow()));
    let rows = (after.depth + before.depth) as f64;
    let height = TOP + 2.0 * HEADING + ROW * rows + MARGIN;
    let mut out = BufWriter::new(out);
    write_head(title, &notes, height, &mut out)?;
    let mut top = TOP;
    for (name, layout) in [("after", &after), ("before", &before)] {
        let heading = format!("Widths: {name}, {}", amount(unit, layout.total));
        writeln!(
            out,
            "<text x=\"{MARGIN}\" y=\"{:.0}\" fill=\"#555\">{}</text>",
            top + 14.0,
            escaped(&heading)
        )?;
        top += HEADING;
        for placed in &layout.boxes {
            let at = placed.node.index();
            let name = difference.name(placed.node);
            let change = |before: &[f64], after: &[f64]| {
                let (was, is) = (before[at], after[at]);
                let sign = if is > was { "+" } else { "" };
                format!("{} → {} ({sign}{})", amount(unit, was), amount(unit, is), amount(unit, is - was))
            };
            let told = format!(
                "{name}\n{}\n{}\nown {}",
                place(difference.function(placed.node)),
                change(&difference.before.cumulative, &difference.after.cumulative),
                change(&difference.before.own, &difference.after.own),
            );
            write_box(placed, top, &name, &told, &heat_colour(difference.heat(placed.node)), &mut out)?;
        }
        write_narrow(layout, unit, top, &mut out)?;
        top += ROW * layout.depth as f64;
    }
    writeln!(out, "</svg>")?;
    out.flush()?;
    Ok(())
}

fn narrow_note(count: u64) -> Option<String> {
    (count > 0)
        .then(|| format!("{} boxes are too narrow to draw; grey stands for them", grouped(count as f64)))
}

/// Nearly white where nothing changed. Small changes are seen, too.
fn heat_colour(heat: f64) -> String {
    if heat == 0.0 {
        return "#eeeeec".to_owned();
    }
    let hue = if heat > 0.0 { 4 } else { 215 };
    format!("hsl({hue},85%,{:.0}%)", 94.0 - 32.0 * heat.abs().sqrt())
}

fn write_head(title: &str, notes: &[String], height: f64, out: &mut dyn Write) -> Result<()> {
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\">"
    )?;
    writeln!(out, "<rect width=\"100%\" height=\"100%\" fill=\"#fdfdfb\"/>")?;
    writeln!(out, "<text x=\"{MARGIN}\" y=\"24\" font-size=\"16\">{}</text>", escaped(title))?;
    let notes = escaped(&notes.join("; "));
    writeln!(out, "<text x=\"{MARGIN}\" y=\"44\" fill=\"#555\">{notes}</text>")?;
    Ok(())
}

fn write_box(
    placed: &Placed,
    top: f64,
    name: &str,
    told: &str,
    colour: &str,
    out: &mut dyn Write,
) -> Result<()> {
    let (x, y) = (MARGIN + placed.start * INNER, top + ROW * placed.depth as f64);
    write_rectangle(x, y, placed.width * INNER, name, told, colour, out)
}

/// The grey boxes.
fn write_narrow(layout: &Layout, unit: &Unit, top: f64, out: &mut dyn Write) -> Result<()> {
    for narrow in &layout.narrow {
        let width = narrow.width * INNER;
        if width < MIN_PIXELS {
            continue;
        }
        let name = format!("{} more", grouped(narrow.count as f64));
        let told = format!("{name}\n{} ({:.2} %)", amount(unit, narrow.cumulative), 100.0 * narrow.width);
        let (x, y) = (MARGIN + narrow.start * INNER, top + ROW * narrow.depth as f64);
        write_rectangle(x, y, width, &name, &told, GREY, out)?;
    }
    Ok(())
}

fn write_rectangle(
    x: f64,
    y: f64,
    width: f64,
    name: &str,
    told: &str,
    colour: &str,
    out: &mut dyn Write,
) -> Result<()> {
    writeln!(
        out,
        "<g><title>{}</title><rect x=\"{x:.2}\" y=\"{y}\" width=\"{:.2}\" height=\"{}\" \
         rx=\"1\" fill=\"{colour}\"/>",
        escaped(told),
        (width - 0.5).max(MIN_PIXELS),
        ROW - 1.0,
    )?;
    let letters = ((width - 6.0) / LETTER) as usize;
    if letters >= 3 {
        let text = escaped(&shortened(name, letters));
        writeln!(out, "<text x=\"{:.2}\" y=\"{}\">{text}</text>", x + 3.0, y + 13.0)?;
    }
    writeln!(out, "</g>")?;
    Ok(())
}

fn shortened(name: &str, letters: usize) -> String {
    if name.chars().count() <= letters {
        return name.to_owned();
    }
    name.chars().take(letters - 1).chain(['…']).collect()
}

/// Text that no XML reader takes for markup; what XML can't hold becomes U+FFFD.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push('\n'),
            '\u{FFFE}' | '\u{FFFF}' => escaped.push('\u{FFFD}'),
            _ if character.is_control() => escaped.push('\u{FFFD}'),
            _ => escaped.push(character),
        }
    }
    escaped
}
