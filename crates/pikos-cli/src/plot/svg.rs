//! Scalable vector graphics. Without a theme it follows its viewer's: light, or dark.

use std::fmt::Write;

use super::canvas::{Anchor, Canvas, Colour, HEIGHT, Theme, WIDTH};

/// A drawing in SVG.
pub struct Svg(String);

impl Svg {
    /// An empty one, in this theme.
    pub fn new(theme: Option<Theme>) -> Self {
        let mut text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             font-family=\"system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif\">\n<style>\n"
        );
        rules(&mut text, theme.unwrap_or(Theme::Light), "");
        if theme.is_none() {
            text.push_str("@media (prefers-color-scheme: dark) {\n");
            rules(&mut text, Theme::Dark, "  ");
            text.push_str("}\n");
        }
        text.push_str("</style>\n<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n");
        Self(text)
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

/// Two classes for each colour: of what is filled, and of lines.
fn rules(text: &mut String, theme: Theme, indent: &str) {
    for colour in Colour::ALL {
        let ((red, green, blue), name) = (colour.of(theme), colour.name());
        _ = writeln!(text, "{indent}.{name} {{ fill: #{red:02x}{green:02x}{blue:02x} }}");
        _ = writeln!(text, "{indent}.{name}-line {{ stroke: #{red:02x}{green:02x}{blue:02x}; fill: none }}");
    }
}

impl Canvas for Svg {
    fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: Colour) {
        let ((x1, y1), (x2, y2), colour) = (from, to, colour.name());
        self.push(format_args!(
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" class=\"{colour}-line\"/>"
        ));
    }

    fn path(&mut self, points: &[(f64, f64)], colour: Colour) {
        self.push(format_args!(
            "<polyline points=\"{}\" class=\"{}-line\" stroke-width=\"1.5\"/>",
            list(points),
            colour.name()
        ));
    }

    fn area(&mut self, points: &[(f64, f64)], colour: Colour, opacity: f64) {
        self.push(format_args!(
            "<polygon points=\"{}\" class=\"{}\" opacity=\"{opacity}\"/>",
            list(points),
            colour.name()
        ));
    }

    fn dot(&mut self, (x, y): (f64, f64), colour: Colour) {
        let colour = colour.name();
        self.push(format_args!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" class=\"{colour}\"/>"));
    }

    fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, colour: Colour, size: f64, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let (colour, text) = (colour.name(), escape(text));
        self.push(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-size=\"{size}\" class=\"{colour}\">{text}</text>"
        ));
    }
}

fn list(points: &[(f64, f64)]) -> String {
    let mut text = String::new();
    for (x, y) in points {
        _ = write!(text, "{x:.1},{y:.1} ");
    }
    text.truncate(text.trim_end().len());
    text
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
