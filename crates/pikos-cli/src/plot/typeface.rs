//! The typeface of plots, and how wide its texts are.
//!
//! Inter, of which `typeface/` holds what European names are written with, and the licence: made from Inter 4.0 by fonttools'
//! `pyftsubset --no-hinting --desubroutinize --layout-features=kern,mark,mkmk,ccmp,locl`, with the signs of [`COVERED`]. Fonts of the
//! system are looked for only where a text has other signs.

use std::ops::RangeInclusive;
use std::sync::Arc;

use resvg::usvg::fontdb::{Database, Source};
use resvg::usvg::{Options, Tree};

use super::escape::escape;

static REGULAR: &[u8] = include_bytes!("typeface/Inter-Regular.otf");
static SEMIBOLD: &[u8] = include_bytes!("typeface/Inter-SemiBold.otf");

/// What a viewer of the SVG takes: the same typeface if it has it, else its own.
pub const FAMILY: &str = "Inter, system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif";

/// The signs that it has.
const COVERED: [RangeInclusive<char>; 7] = [
    ' '..='~',
    '\u{a0}'..='\u{148}',
    '\u{14a}'..='\u{17f}',
    '\u{384}'..='\u{3ce}',
    '\u{400}'..='\u{45f}',
    '\u{2013}'..='\u{2014}',
    '\u{2026}'..='\u{2026}',
];

/// How heavy letters are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    Regular,
    SemiBold,
}

impl Weight {
    /// As SVG says it.
    pub fn number(self) -> u16 {
        match self {
            Self::Regular => 400,
            Self::SemiBold => 600,
        }
    }
}

/// The fonts that a picture is set in.
pub struct Typeface(Options<'static>);

impl Typeface {
    /// The one that all these texts can be set in.
    pub fn of<'t>(mut texts: impl Iterator<Item = &'t str>) -> Self {
        let mut fonts = Database::new();
        if !texts.all(|text| text.chars().all(is_covered)) {
            fonts.load_system_fonts();
        }
        for face in [REGULAR, SEMIBOLD] {
            fonts.load_font_source(Source::Binary(Arc::new(face)));
        }
        fonts.set_sans_serif_family("Inter");
        Self(Options { fontdb: Arc::new(fonts), font_family: "Inter".to_owned(), ..Options::default() })
    }

    /// How wide a text is at this size.
    pub fn width(&self, text: &str, size: f64, weight: Weight) -> f64 {
        let (weight, text) = (weight.number(), escape(text));
        let drawing = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1\" height=\"1\" font-family=\"{FAMILY}\">\
             <text y=\"1\" font-size=\"{size}\" font-weight=\"{weight}\">{text}</text></svg>"
        );
        // Without a font nothing is drawn: not as wide as it seems.
        self.tree(&drawing).map_or(0.0, |tree| f64::from(tree.root().bounding_box().width()))
    }

    /// A drawing, read.
    pub fn tree(&self, svg: &str) -> Option<Tree> {
        Tree::from_str(svg, &self.0).ok()
    }
}

fn is_covered(sign: char) -> bool {
    sign.is_control() || COVERED.iter().any(|range| range.contains(&sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_as_wide_as_they_are() {
        let face = Typeface::of(["spike.py:4"].into_iter());
        let width = |text: &str| face.width(text, 12.0, Weight::Regular);
        assert!(width("W") > 2.0 * width("i"));
        assert!((width("spike spike") - 2.0 * width("spike") - width("n n") + 2.0 * width("n")).abs() < 1.0);
        assert!(face.width("spike", 12.0, Weight::SemiBold) > width("spike"));
        assert!(face.width("spike", 24.0, Weight::Regular) > 1.9 * width("spike"));
        assert!(width("<&>") > width("<"));
    }

    #[test]
    fn it_has_the_signs_that_it_is_said_to_have() {
        let face = Typeface::of(std::iter::empty());
        // A soft hyphen has no width, and some numbers in the Greek block are no signs.
        let missing: Vec<char> = COVERED
            .into_iter()
            .flatten()
            .filter(|sign| sign.is_alphanumeric() || sign.is_ascii_graphic() || *sign == '…')
            .filter(|sign| face.width(&sign.to_string(), 12.0, Weight::Regular) == 0.0)
            .collect();
        assert_eq!(missing, []);
    }
}
