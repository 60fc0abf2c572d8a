//! Where the peaks' names stand: beside their dots, and not on each other.

use super::svg::Anchor;

/// From one line of a label to the next.
pub const LINE: f64 = 15.0;
/// Around a dot.
const CLEAR: f64 = 7.0;
/// A viewer's font may be wider than the one that was measured.
const SPARE: f64 = 1.1;
/// So many lines up or down a label may stand.
const FARTHEST: i32 = 6;

/// Left, top, right, bottom.
#[derive(Clone, Copy)]
struct Box(f64, f64, f64, f64);

impl Box {
    fn meets(self, other: Self) -> bool {
        self.0 < other.2 && other.0 < self.2 && self.1 < other.3 && other.1 < self.3
    }
}

/// Room for labels, and what is taken of it.
pub struct Labels {
    room: Box,
    taken: Vec<Box>,
}

impl Labels {
    /// Between two corners.
    pub fn within(upper: (f64, f64), lower: (f64, f64)) -> Self {
        Self { room: Box(upper.0, upper.1, lower.0, lower.1), taken: Vec::new() }
    }

    /// Nothing is to stand on a dot.
    pub fn keep_clear(&mut self, (x, y): (f64, f64)) {
        self.taken.push(Box(x - CLEAR, y - CLEAR, x + CLEAR, y + CLEAR));
    }

    /// Takes a place for two lines of text near a dot: above it, else beside, else wherever is room above or below. Returns the
    /// first line's; None where there is none.
    pub fn place(&mut self, (x, y): (f64, f64), width: f64) -> Option<((f64, f64), Anchor)> {
        let (width, height) = (width * SPARE, 2.0 * LINE);
        let sides = [
            (x, Anchor::Middle, x - width / 2.0),
            (x + CLEAR + 3.0, Anchor::Start, x + CLEAR + 3.0),
            (x - CLEAR - 3.0, Anchor::End, x - CLEAR - 3.0 - width),
        ];
        let above = y - CLEAR - 1.0 - height;
        let tops =
            (0..=FARTHEST).flat_map(|step| [above - f64::from(step) * LINE, above + f64::from(step) * LINE]);
        for top in tops {
            for (start, anchor, left) in sides {
                let wanted = Box(left, top, left + width, top + height);
                let Box(first, upper, last, lower) = self.room;
                let is_inside = left >= first && top >= upper && wanted.2 <= last && wanted.3 <= lower;
                if is_inside && !self.taken.iter().any(|other| other.meets(wanted)) {
                    self.taken.push(wanted);
                    return Some(((start, top + LINE - 4.0), anchor));
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_keep_off_each_other_and_off_dots() {
        let mut labels = Labels::within((0.0, 0.0), (400.0, 200.0));
        let dots = [(200.0, 100.0), (210.0, 100.0), (205.0, 110.0)];
        dots.iter().for_each(|dot| labels.keep_clear(*dot));
        for dot in dots {
            assert!(labels.place(dot, 50.0).is_some());
        }
        for (place, one) in labels.taken.iter().enumerate().skip(dots.len()) {
            assert!(labels.taken[..place].iter().all(|other| !other.meets(*one)));
        }
    }

    #[test]
    fn a_label_stays_within_and_may_find_no_room() {
        let mut labels = Labels::within((0.0, 0.0), (100.0, 60.0));
        let ((x, _), anchor) = labels.place((98.0, 40.0), 40.0).unwrap();
        assert!(x < 98.0 && anchor == Anchor::End);
        assert!(labels.place((50.0, 30.0), 300.0).is_none());
    }
}
