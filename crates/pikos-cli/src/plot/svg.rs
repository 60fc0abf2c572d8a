//! Scalable vector graphics.

use std::fmt::Write;

use super::{Anchor, Canvas, Colour, HEIGHT, WIDTH};

/// A drawing in SVG.
pub struct Svg(String);

impl Svg {
    /// An empty one.
    pub fn new() -> Self {
        Self(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        ))
    }

    /// The file.
    pub fn finish(mut self) -> Vec<u8> {
        self.0.push_str("</svg>\n");
        self.0.into_bytes()
    }

    fn push(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a string doesn't fail.
        _ = writeln!(self.0, "{element}");
    }
}

impl Canvas for Svg {
    fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: Colour) {
        let ((x1, y1), (x2, y2), colour) = (from, to, hex(colour));
        self.push(format_args!(
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{colour}\"/>"
        ));
    }

    fn path(&mut self, points: &[(f64, f64)], colour: Colour) {
        let colour = hex(colour);
        let mut text = String::new();
        for (x, y) in points {
            _ = write!(text, "{x:.1},{y:.1} ");
        }
        self.push(format_args!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>",
            text.trim_end()
        ));
    }

    fn dot(&mut self, (x, y): (f64, f64), colour: Colour) {
        let colour = hex(colour);
        self.push(format_args!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{colour}\"/>"));
    }

    fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, colour: Colour, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let (colour, text) = (hex(colour), escape(text));
        self.push(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{colour}\">{text}</text>"
        ));
    }
}

fn hex(Colour(red, green, blue): Colour) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

fn escape(text: &str) -> String {
    let is_text = |sign: &char| !sign.is_control();
    text.chars()
        .filter(is_text)
        .collect::<String>()
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
