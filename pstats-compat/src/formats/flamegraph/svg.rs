//! The picture: SVG without script, so that it can stand in a README or a paper.

use std::io::{BufWriter, Write};

use super::layout::{Layout, amount, hue, place};
use crate::error::Result;
use crate::model::Profile;

const WIDTH: f64 = 1200.0;
const ROW: f64 = 18.0;
const MARGIN: f64 = 10.0;
/// Above the boxes: the title and a line of notes.
const TOP: f64 = 56.0;
/// About what one letter takes in a 12-pixel sans-serif font.
const LETTER: f64 = 6.6;
/// Below a quarter of a pixel nothing is seen.
const MIN_PIXELS: f64 = 0.25;

/// Writes the picture.
pub fn write(profile: &Profile, out: &mut dyn Write) -> Result<()> {
    let inner = WIDTH - 2.0 * MARGIN;
    let layout = Layout::of(profile, MIN_PIXELS / inner);
    let height = TOP + ROW * layout.depth as f64 + MARGIN;
    let mut out = BufWriter::new(out);
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\">"
    )?;
    writeln!(out, "<rect width=\"100%\" height=\"100%\" fill=\"#fdfdfb\"/>")?;
    let total = amount(profile, layout.total);
    let title = escaped(&layout.title);
    writeln!(out, "<text x=\"{MARGIN}\" y=\"24\" font-size=\"16\">{title}</text>")?;
    let notes: Vec<String> = std::iter::once(format!("{total} in total")).chain(layout.notes).collect();
    let notes = escaped(&notes.join("; "));
    writeln!(out, "<text x=\"{MARGIN}\" y=\"44\" fill=\"#555\">{notes}</text>")?;
    for frame in &layout.boxes {
        let function = profile.function(frame.function);
        let (x, y) = (MARGIN + frame.start * inner, TOP + ROW * frame.depth as f64);
        let width = frame.width * inner;
        let name = function.display_name();
        let calls = match frame.ncalls {
            Some(1) => ", 1 call".to_owned(),
            Some(ncalls) => format!(", {ncalls} calls"),
            None => String::new(),
        };
        let told = format!(
            "{name}\n{}\n{} ({:.2} %), own {}{calls}",
            place(function),
            amount(profile, frame.cumulative),
            100.0 * frame.width,
            amount(profile, frame.own),
        );
        writeln!(
            out,
            "<g><title>{}</title><rect x=\"{x:.2}\" y=\"{y}\" width=\"{:.2}\" height=\"{}\" \
             rx=\"1\" fill=\"hsl({},75%,68%)\"/>",
            escaped(&told),
            (width - 0.5).max(MIN_PIXELS),
            ROW - 1.0,
            hue(function),
        )?;
        let letters = ((width - 6.0) / LETTER) as usize;
        if letters >= 3 {
            let text = escaped(&shortened(&name, letters));
            writeln!(out, "<text x=\"{:.2}\" y=\"{}\">{text}</text>", x + 3.0, y + 13.0)?;
        }
        writeln!(out, "</g>")?;
    }
    writeln!(out, "</svg>")?;
    out.flush()?;
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
