//! The colours of plots, on light ground and on dark.

/// Whether the picture is light or dark.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    Light,
    Dark,
}

/// What a colour is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Colour {
    Paper,
    Ink,
    Faint,
    Grid,
    Peak,
    /// Of the curve with this number.
    Curve(usize),
}

/// So many curves can be told apart by their colours.
pub const CURVES: usize = 6;

/// Red, green, blue of the curves: told apart by the colour-blind, too.
const ON_LIGHT: [u32; CURVES] = [0x1f_6f_c4, 0xc2_62_0a, 0x0b_82_6c, 0x8a_4f_c7, 0xb0_3a_6e, 0x6b_70_1d];
const ON_DARK: [u32; CURVES] = [0x58_a6_ff, 0xff_a2_4c, 0x3f_cf_b0, 0xc3_9b_f5, 0xf7_7f_b0, 0xc9_c8_50];

impl Colour {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        [Self::Paper, Self::Ink, Self::Faint, Self::Grid, Self::Peak]
            .into_iter()
            .chain((0..CURVES).map(Self::Curve))
    }

    /// The word for it.
    pub fn name(self) -> String {
        match self {
            Self::Paper => "paper".to_owned(),
            Self::Ink => "ink".to_owned(),
            Self::Faint => "faint".to_owned(),
            Self::Grid => "grid".to_owned(),
            Self::Peak => "peak".to_owned(),
            Self::Curve(number) => format!("curve{}", number % CURVES + 1),
        }
    }

    /// As SVG says it.
    pub fn of(self, theme: Theme) -> String {
        let colour = match (self, theme) {
            (Self::Paper, Theme::Light) => 0xff_ff_ff,
            (Self::Paper, Theme::Dark) => 0x16_1b_22,
            (Self::Ink, Theme::Light) => 0x1f_23_28,
            (Self::Ink, Theme::Dark) => 0xe6_ed_f3,
            (Self::Faint, Theme::Light) => 0x5d_65_6e,
            (Self::Faint, Theme::Dark) => 0x96_9f_aa,
            (Self::Grid, Theme::Light) => 0xe8_eb_ee,
            (Self::Grid, Theme::Dark) => 0x2a_30_38,
            (Self::Peak, Theme::Light) => 0xc2_3b_22,
            (Self::Peak, Theme::Dark) => 0xff_8a_6b,
            (Self::Curve(number), Theme::Light) => ON_LIGHT[number % CURVES],
            (Self::Curve(number), Theme::Dark) => ON_DARK[number % CURVES],
        };
        format!("#{colour:06x}")
    }
}
