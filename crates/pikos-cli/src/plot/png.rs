//! Portable network graphics, at twice the size of the SVG. Texts are in a bitmap font, so that no font need be installed.

use font8x8::UnicodeFonts;

use super::{Anchor, Canvas, Colour, HEIGHT, WIDTH};

const SCALE: f64 = 2.0;
const COLUMNS: usize = (WIDTH * SCALE) as usize;
const ROWS: usize = (HEIGHT * SCALE) as usize;
/// Width and height of a sign: the font's, doubled.
const SIGN: usize = 16;

/// A drawing in PNG.
pub struct Png(Vec<u8>);

impl Png {
    /// An empty one.
    pub fn new() -> Self {
        Self(vec![0xff; COLUMNS * ROWS * 3])
    }

    /// The file.
    pub fn finish(self) -> Result<Vec<u8>, png::EncodingError> {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, COLUMNS as u32, ROWS as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.0)?;
        writer.finish()?;
        Ok(file)
    }

    fn set(&mut self, x: i64, y: i64, Colour(red, green, blue): Colour) {
        let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else { return };
        if x < COLUMNS && y < ROWS {
            let place = (y * COLUMNS + x) * 3;
            self.0[place..place + 3].copy_from_slice(&[red, green, blue]);
        }
    }

    /// A square of two pixels' length.
    fn pen(&mut self, x: f64, y: f64, colour: Colour) {
        let (x, y) = (x.round() as i64, y.round() as i64);
        for (across, down) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
            self.set(x + across, y + down, colour);
        }
    }
}

impl Canvas for Png {
    fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: Colour) {
        let (x, y) = (from.0 * SCALE, from.1 * SCALE);
        let (across, down) = (to.0 * SCALE - x, to.1 * SCALE - y);
        let steps = across.abs().max(down.abs()).ceil().max(1.0);
        for step in 0..=steps as usize {
            let part = step as f64 / steps;
            self.pen(x + across * part, y + down * part, colour);
        }
    }

    fn path(&mut self, points: &[(f64, f64)], colour: Colour) {
        for pair in points.windows(2) {
            self.line(pair[0], pair[1], colour);
        }
    }

    fn dot(&mut self, (x, y): (f64, f64), colour: Colour) {
        let (x, y) = ((x * SCALE).round() as i64, (y * SCALE).round() as i64);
        let radius = (4.0 * SCALE) as i64;
        for down in -radius..=radius {
            for across in -radius..=radius {
                if across * across + down * down <= radius * radius {
                    self.set(x + across, y + down, colour);
                }
            }
        }
    }

    fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, colour: Colour, text: &str) {
        let width = (text.chars().count() * SIGN) as f64;
        let left = match anchor {
            Anchor::Start => x * SCALE,
            Anchor::Middle => x * SCALE - width / 2.0,
            Anchor::End => x * SCALE - width,
        };
        let (left, top) = (left.round() as i64, (y * SCALE).round() as i64 - SIGN as i64);
        for (place, sign) in text.chars().enumerate() {
            let rows = font8x8::BASIC_FONTS.get(sign).or_else(|| font8x8::LATIN_FONTS.get(sign));
            let rows = rows.or_else(|| font8x8::BASIC_FONTS.get('?')).unwrap_or_default();
            for down in 0..SIGN {
                for across in 0..SIGN {
                    if rows[down / 2] >> (across / 2) & 1 == 1 {
                        self.set(left + (place * SIGN + across) as i64, top + down as i64, colour);
                    }
                }
            }
        }
    }
}
