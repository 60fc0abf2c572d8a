//! What plots are drawn on, and in which colours.

/// Of the picture, in points.
pub const WIDTH: f64 = 1000.0;
pub const HEIGHT: f64 = 460.0;

/// The size of its letters: of the headline, and of all others.
pub const LARGE: f64 = 16.0;
pub const SMALL: f64 = 12.0;

/// Whether the picture is light or dark.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    Light,
    Dark,
}

/// What a colour is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    Paper,
    Ink,
    Faint,
    Grid,
    Curve,
    Peak,
}

impl Colour {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Paper, Self::Ink, Self::Faint, Self::Grid, Self::Curve, Self::Peak];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Paper => "paper",
            Self::Ink => "ink",
            Self::Faint => "faint",
            Self::Grid => "grid",
            Self::Curve => "curve",
            Self::Peak => "peak",
        }
    }

    /// Red, green, blue.
    pub fn of(self, theme: Theme) -> (u8, u8, u8) {
        match (self, theme) {
            (Self::Paper, Theme::Light) => (0xff, 0xff, 0xff),
            (Self::Paper, Theme::Dark) => (0x16, 0x1b, 0x22),
            (Self::Ink, Theme::Light) => (0x1f, 0x23, 0x28),
            (Self::Ink, Theme::Dark) => (0xe6, 0xed, 0xf3),
            (Self::Faint, Theme::Light) => (0x65, 0x6d, 0x76),
            (Self::Faint, Theme::Dark) => (0x8d, 0x96, 0xa0),
            (Self::Grid, Theme::Light) => (0xe4, 0xe7, 0xeb),
            (Self::Grid, Theme::Dark) => (0x2d, 0x33, 0x3b),
            (Self::Curve, Theme::Light) => (0x1f, 0x6f, 0xc4),
            (Self::Curve, Theme::Dark) => (0x58, 0xa6, 0xff),
            (Self::Peak, Theme::Light) => (0xc2, 0x3b, 0x22),
            (Self::Peak, Theme::Dark) => (0xff, 0x8a, 0x6b),
        }
    }
}

/// Which point of a text is given.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// What can be drawn on. Units are points, from the upper left corner.
pub trait Canvas {
    fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: Colour);
    fn path(&mut self, points: &[(f64, f64)], colour: Colour);
    /// Closed, and filled.
    fn area(&mut self, points: &[(f64, f64)], colour: Colour, opacity: f64);
    fn dot(&mut self, at: (f64, f64), colour: Colour);
    /// `at` is on the base line.
    fn text(&mut self, at: (f64, f64), anchor: Anchor, colour: Colour, size: f64, text: &str);
}
