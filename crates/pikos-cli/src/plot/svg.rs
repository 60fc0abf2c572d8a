//! The drawing: scalable vector graphics. Without a theme it follows its viewer's: light, or dark.

use std::fmt::Write;

use super::escape::escape;
use super::theme::{Colour, Theme};
use super::typeface::{FAMILY, Weight};

/// Which point of a text is given.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// How a text looks.
#[derive(Clone, Copy)]
pub struct Style {
    pub size: f64,
    pub weight: Weight,
    pub colour: Colour,
    pub anchor: Anchor,
}

/// A drawing in SVG. Units are points, from the upper left corner.
pub struct Svg(String);

impl Svg {
    /// An empty one of this size, in this theme.
    pub fn new((width, height): (f64, f64), theme: Option<Theme>) -> Self {
        let mut text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
             font-family=\"{FAMILY}\">\n<style>\n\
             polyline, line {{ fill: none; stroke-linejoin: round }}\n\
             .halo {{ paint-order: stroke; stroke-width: 4px; stroke-linejoin: round }}\n"
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
    pub fn finish(mut self) -> String {
        self.0.push_str("</svg>\n");
        self.0
    }

    pub fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), colour: Colour) {
        let colour = colour.name();
        self.push(format_args!(
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" class=\"{colour}-line\"/>"
        ));
    }

    /// A curve; a broken one is told from others of its colour.
    pub fn path(&mut self, points: &[(f64, f64)], colour: Colour, is_broken: bool) {
        let broken = if is_broken { " stroke-dasharray=\"5 3\"" } else { "" };
        self.push(format_args!(
            "<polyline points=\"{}\" class=\"{}-line\" stroke-width=\"1.6\"{broken}/>",
            list(points),
            colour.name()
        ));
    }

    /// Closed, and filled.
    pub fn area(&mut self, points: &[(f64, f64)], colour: Colour, opacity: f64) {
        self.push(format_args!(
            "<polygon points=\"{}\" class=\"{}\" opacity=\"{opacity}\"/>",
            list(points),
            colour.name()
        ));
    }

    /// A rounded bar.
    pub fn bar(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), colour: Colour) {
        let colour = colour.name();
        self.push(format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"1.5\" class=\"{colour}\"/>"
        ));
    }

    /// A dot with a rim of paper; `title` is what a viewer says of it.
    pub fn dot(&mut self, (x, y): (f64, f64), colour: Colour, title: &str) {
        let (colour, title) = (colour.name(), escape(title));
        self.push(format_args!(
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4.5\" class=\"{colour} paper-line\" stroke-width=\"1.5\"><title>{title}</title></circle>"
        ));
    }

    /// `at` is on the base line. One with a halo can be read on a curve, too.
    pub fn text(&mut self, (x, y): (f64, f64), style: Style, has_halo: bool, text: &str) {
        let Style { size, weight, colour, anchor } = style;
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let weight = match weight {
            Weight::Regular => String::new(),
            Weight::SemiBold => format!(" font-weight=\"{}\"", weight.number()),
        };
        let halo = if has_halo { " halo paper-line" } else { "" };
        let (colour, text) = (colour.name(), escape(text));
        self.push(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-size=\"{size}\"{weight} class=\"{colour}{halo}\">{text}</text>"
        ));
    }

    fn push(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a string doesn't fail.
        _ = writeln!(self.0, "{element}");
    }
}

/// Two classes for each colour: of what is filled, and of lines.
fn rules(text: &mut String, theme: Theme, indent: &str) {
    for colour in Colour::all() {
        let (value, name) = (colour.of(theme), colour.name());
        _ = writeln!(text, "{indent}.{name} {{ fill: {value} }}");
        _ = writeln!(text, "{indent}.{name}-line {{ stroke: {value} }}");
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
