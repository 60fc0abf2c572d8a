//! Portable network graphics, at twice the size of the SVG, with smooth edges.
//!
//! All is outlines that are filled: a line is a narrow rectangle, a letter is what [`letters`] says.

use super::canvas::{Anchor, Canvas, Colour, HEIGHT, Theme, WIDTH};
use super::letters;

const SCALE: f64 = 2.0;
const COLUMNS: usize = (WIDTH * SCALE) as usize;
const ROWS: usize = (HEIGHT * SCALE) as usize;
/// Lines that are looked at in each row of pixels.
const LINES: usize = 8;

/// A drawing in PNG.
pub struct Png {
    pixels: Vec<u8>,
    theme: Theme,
}

impl Png {
    /// An empty one.
    pub fn new(theme: Theme) -> Self {
        let (red, green, blue) = Colour::Paper.of(theme);
        Self { pixels: [red, green, blue].repeat(COLUMNS * ROWS), theme }
    }

    /// The file.
    pub fn finish(self) -> Result<Vec<u8>, png::EncodingError> {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, COLUMNS as u32, ROWS as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.pixels)?;
        writer.finish()?;
        Ok(file)
    }

    /// Fills closed outlines, in pixels. What an outline in the other direction encloses stays free.
    fn fill(&mut self, outlines: &[Vec<(f64, f64)>], colour: Colour, opacity: f64) {
        let heights = || outlines.iter().flatten().map(|(_, y)| *y);
        let top = heights().fold(f64::MAX, f64::min).max(0.0) as usize;
        let bottom = (heights().fold(0.0, f64::max).ceil() as usize).min(ROWS);
        // How much more of each pixel is covered than of the one to its left: from there on an edge covers all.
        let mut rows = vec![0.0; bottom.saturating_sub(top) * (COLUMNS + 2)];
        for outline in outlines {
            for (at, from) in outline.iter().enumerate() {
                edge(&mut rows, top, *from, outline[(at + 1) % outline.len()]);
            }
        }
        let (red, green, blue) = colour.of(self.theme);
        for (row, changes) in rows.chunks(COLUMNS + 2).enumerate() {
            let mut covered: f64 = 0.0;
            for (column, change) in changes[..COLUMNS].iter().enumerate() {
                covered += change;
                let part = covered.abs().min(1.0) * opacity;
                if part > 0.001 {
                    let place = ((top + row) * COLUMNS + column) * 3;
                    for (pixel, ink) in self.pixels[place..place + 3].iter_mut().zip([red, green, blue]) {
                        *pixel = (f64::from(*pixel) * (1.0 - part) + f64::from(ink) * part).round() as u8;
                    }
                }
            }
        }
    }
}

/// Notes what an edge covers, from the row `top` on.
fn edge(rows: &mut [f64], top: usize, from: (f64, f64), to: (f64, f64)) {
    let (upper, lower, part) = if from.1 < to.1 { (from, to, 1.0) } else { (to, from, -1.0) };
    let lines = LINES as f64;
    // The middles of lines that are between its ends.
    let first = (upper.1 * lines - 0.5).ceil().max((top * LINES) as f64) as usize;
    let end = (lower.1 * lines - 0.5).ceil().clamp(0.0, (ROWS * LINES) as f64) as usize;
    for line in first..end {
        let y = (line as f64 + 0.5) / lines;
        let x = upper.0 + (lower.0 - upper.0) * (y - upper.1) / (lower.1 - upper.1);
        let x = x.clamp(0.0, COLUMNS as f64);
        let place = (line / LINES - top) * (COLUMNS + 2) + x as usize;
        if let Some([here, next]) = rows.get_mut(place..place + 2) {
            *here += part / lines * (1.0 - x.fract());
            *next += part / lines * x.fract();
        }
    }
}

/// A line as an outline, in pixels; its ends reach half its width farther, so that lines join.
fn stroke((x, y): (f64, f64), to: (f64, f64), width: f64) -> Vec<(f64, f64)> {
    let (x, y, across, down) = (x * SCALE, y * SCALE, (to.0 - x) * SCALE, (to.1 - y) * SCALE);
    let length = across.hypot(down);
    if length == 0.0 {
        return Vec::new();
    }
    let half = width * SCALE / 2.0 / length;
    let (along, aside) = ((across * half, down * half), (down * half, -across * half));
    let corner = |end: f64, side: f64| {
        let (x, y) = (x + across * end.max(0.0), y + down * end.max(0.0));
        (x + along.0 * end.signum() + aside.0 * side, y + along.1 * end.signum() + aside.1 * side)
    };
    vec![corner(-1.0, 1.0), corner(1.0, 1.0), corner(1.0, -1.0), corner(-1.0, -1.0)]
}

fn scaled(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    points.iter().map(|(x, y)| (x * SCALE, y * SCALE)).collect()
}

impl Canvas for Png {
    fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: Colour) {
        self.fill(&[stroke(from, to, 1.0)], colour, 1.0);
    }

    fn path(&mut self, points: &[(f64, f64)], colour: Colour) {
        let strokes: Vec<_> = points.windows(2).map(|pair| stroke(pair[0], pair[1], 1.5)).collect();
        self.fill(&strokes, colour, 1.0);
    }

    fn area(&mut self, points: &[(f64, f64)], colour: Colour, opacity: f64) {
        self.fill(&[scaled(points)], colour, opacity);
    }

    fn dot(&mut self, (x, y): (f64, f64), colour: Colour) {
        let circle: Vec<_> = (0..32)
            .map(|step| {
                let angle = f64::from(step) / 32.0 * std::f64::consts::TAU;
                ((x + 4.0 * angle.cos()) * SCALE, (y + 4.0 * angle.sin()) * SCALE)
            })
            .collect();
        self.fill(&[circle], colour, 1.0);
    }

    fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, colour: Colour, size: f64, text: &str) {
        let width = letters::width(text, size);
        let left = match anchor {
            Anchor::Start => x,
            Anchor::Middle => x - width / 2.0,
            Anchor::End => x - width,
        };
        // On whole pixels letters are sharper.
        let at = ((left * SCALE).round(), (y * SCALE).round());
        self.fill(&letters::outlines(text, size * SCALE, at), colour, 1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn red_at(png: &Png, x: usize, y: usize) -> u8 {
        png.pixels[(y * COLUMNS + x) * 3]
    }

    #[test]
    fn what_is_filled_has_smooth_edges_and_holes() {
        let mut png = Png::new(Theme::Light);
        let square = |from: f64, to: f64| vec![(from, from), (to, from), (to, to), (from, to)];
        let mut hole = square(14.0, 16.0);
        hole.reverse();
        png.fill(&[square(10.0, 20.5), hole], Colour::Ink, 1.0);
        let ink = Colour::Ink.of(Theme::Light).0;
        assert_eq!((red_at(&png, 10, 12), red_at(&png, 19, 19)), (ink, ink));
        assert_eq!((red_at(&png, 9, 12), red_at(&png, 21, 12), red_at(&png, 15, 15)), (255, 255, 255));
        // Half covered.
        let half = red_at(&png, 20, 12);
        assert!((i32::from(half) - i32::midpoint(255, i32::from(ink))).abs() <= 2, "{half}");
    }

    #[test]
    fn what_is_outside_is_cut_off() {
        let mut png = Png::new(Theme::Dark);
        let far = 1e6;
        png.fill(&[vec![(-far, -far), (far, -far), (far, far), (-far, far)]], Colour::Peak, 1.0);
        let peak = Colour::Peak.of(Theme::Dark).0;
        assert_eq!((red_at(&png, 0, 0), red_at(&png, COLUMNS - 1, ROWS - 1)), (peak, peak));
        png.text((WIDTH + 5.0, HEIGHT + 5.0), Anchor::Start, Colour::Ink, 12.0, "far away");
        png.line((3.0, 3.0), (3.0, 3.0), Colour::Ink);
    }

    #[test]
    fn lines_in_all_directions_cover_the_same() {
        for to in [(60.0, 50.0), (40.0, 50.0), (50.0, 60.0), (50.0, 40.0)] {
            let mut png = Png::new(Theme::Light);
            png.line((50.0, 50.0), to, Colour::Ink);
            let inked = png.pixels.chunks(3).filter(|pixel| pixel[0] < 255).count();
            assert!((40..=75).contains(&inked), "{to:?}: {inked}");
        }
    }
}
