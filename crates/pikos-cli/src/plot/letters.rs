//! The letters of a PNG: outlines of the signs of ASCII and a few more, so that no font need be installed.
//!
//! `letters.bin` holds them as `scripts/letters.py` says, which makes it; `letters.txt` is the licence of the font that they are
//! from.

static DATA: &[u8] = include_bytes!("letters.bin");
/// Units of the font's size.
const SIZE: f64 = 200.0;
/// Where x and y are 0.
const ORIGIN: (f64, f64) = (20.0, 60.0);
const FIRST: char = ' ';
const LAST: char = '~';
const OTHERS: [char; 3] = ['µ', '·', '…'];
/// Pieces of a curve, enough for the sizes that plots have.
const PIECES: u32 = 4;

/// A sign as it lies in the data.
struct Letter {
    width: f64,
    /// How many points each outline has.
    counts: &'static [u8],
    x: &'static [u8],
    y: &'static [u8],
    /// A bit for each point: whether it is on the curve.
    on: &'static [u8],
}

/// How wide a text is at this size.
pub fn width(text: &str, size: f64) -> f64 {
    text.chars().map(|sign| letter(sign).map_or(0.0, |letter| letter.width)).sum::<f64>() * size / SIZE
}

/// The outlines of a text, from a point on its base line; y grows downwards.
pub fn outlines(text: &str, size: f64, (mut left, base): (f64, f64)) -> Vec<Vec<(f64, f64)>> {
    let unit = size / SIZE;
    let mut all = Vec::new();
    for letter in text.chars().filter_map(letter) {
        let mut start = 0;
        for count in letter.counts {
            let end = start + usize::from(*count);
            let points: Vec<_> = (start..end)
                .map(|at| {
                    let x = left + (f64::from(letter.x[at]) - ORIGIN.0) * unit;
                    let y = base - (f64::from(letter.y[at]) - ORIGIN.1) * unit;
                    ((x, y), letter.on[at / 8] >> (at % 8) & 1 == 1)
                })
                .collect();
            all.push(flattened(&points));
            start = end;
        }
        left += letter.width * unit;
    }
    all
}

/// A closed outline, with lines for its curves. Between two control points the curve is halfway.
fn flattened(points: &[((f64, f64), bool)]) -> Vec<(f64, f64)> {
    let middle = |a: (f64, f64), b: (f64, f64)| (f64::midpoint(a.0, b.0), f64::midpoint(a.1, b.1));
    let around = |at: usize| points[at % points.len()];
    let mut line = Vec::new();
    for at in 0..points.len() {
        let (here, is_on) = points[at];
        if is_on {
            line.push(here);
            continue;
        }
        let (before, was_on) = around(at + points.len() - 1);
        let (after, will_be_on) = around(at + 1);
        let from = if was_on { before } else { middle(before, here) };
        let to = if will_be_on { after } else { middle(here, after) };
        for piece in 0..=PIECES {
            let part = f64::from(piece) / f64::from(PIECES);
            let between = |a: f64, b: f64, c: f64| {
                a * (1.0 - part).powi(2) + 2.0 * b * part * (1.0 - part) + c * part.powi(2)
            };
            line.push((between(from.0, here.0, to.0), between(from.1, here.1, to.1)));
        }
    }
    line
}

/// The sign; a question mark for one that is not here.
fn letter(sign: char) -> Option<Letter> {
    let place = match sign {
        FIRST..=LAST => sign as usize - FIRST as usize,
        _ => match OTHERS.iter().position(|other| *other == sign) {
            Some(place) => LAST as usize - FIRST as usize + 1 + place,
            None => '?' as usize - FIRST as usize,
        },
    };
    let mut rest = DATA;
    for _ in 0..place {
        read(&mut rest)?;
    }
    read(&mut rest)
}

/// The next one.
fn read(data: &mut &'static [u8]) -> Option<Letter> {
    let (width, rest) = data.split_first()?;
    let outlines = rest.iter().position(|count| *count == 0)?;
    let (counts, rest) = rest.split_at_checked(outlines)?;
    let points = counts.iter().map(|count| usize::from(*count)).sum::<usize>();
    let (x, rest) = rest.get(1..)?.split_at_checked(points)?;
    let (y, rest) = rest.split_at_checked(points)?;
    let (on, rest) = rest.split_at_checked(points.div_ceil(8))?;
    *data = rest;
    Some(Letter { width: f64::from(*width), counts, x, y, on })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_hold_each_sign_and_nothing_else() {
        let mut rest = DATA;
        let mut count = 0;
        while read(&mut rest).is_some() {
            count += 1;
        }
        assert!(rest.is_empty());
        assert_eq!(count, LAST as usize - FIRST as usize + 1 + OTHERS.len());
    }

    #[test]
    fn letters_are_as_wide_and_as_high_as_they_are() {
        assert!(width("W", 12.0) > 2.0 * width("i", 12.0));
        assert_eq!(width("ab", 12.0), width("a", 12.0) + width("b", 12.0));
        assert_eq!(width("界", 12.0), width("?", 12.0));
        let height = |sign: &str| {
            let points = outlines(sign, 100.0, (0.0, 0.0)).concat();
            let y = || points.iter().map(|(_, y)| *y);
            (y().fold(f64::MAX, f64::min), y().fold(f64::MIN, f64::max))
        };
        // Capitals stand on the line, and a `p` reaches below it.
        let (top, bottom) = height("H");
        assert!((-80.0..-65.0).contains(&top) && bottom.abs() < 1.0);
        assert!(height("p").1 > 15.0);
        // An `o` has a hole.
        assert_eq!(outlines("o", 10.0, (0.0, 0.0)).len(), 2);
    }
}
