//! The places worth a name: where memory had risen, and fell again.

use super::records::{Point, Series};

/// As many are named.
const PEAKS: usize = 5;

/// A place where memory was high, and the line that made it so.
#[derive(Clone, Debug, PartialEq)]
pub struct Peak {
    pub at: Point,
    pub label: String,
}

/// How far memory has to rise, and to fall again, for a peak: less is noise.
pub fn least_fall(series: &Series) -> u64 {
    let (least, greatest) = (series.least(), series.greatest());
    ((greatest - least) / 10).max(greatest / 100).max(1)
}

/// The highest peaks, in the order of their records. A place in the middle of a rise is none, nor is the height at which memory
/// stays until the end.
pub fn peaks(series: &Series) -> Vec<Peak> {
    let worth = least_fall(series);
    let mut found: Vec<Peak> = Vec::new();
    // The lowest place since the last peak, and the highest since memory has risen from it by enough.
    let mut low = u64::MAX;
    let mut high: Option<Point> = None;
    // Each place on the way there that was higher than all before, and how much it was above the place just before.
    let mut rise: Vec<(Point, &str, u64)> = Vec::new();
    let mut before = 0;
    for (point, label) in series.steps() {
        let step = point.bytes.saturating_sub(before);
        before = point.bytes;
        match high {
            None if point.bytes >= low.saturating_add(worth) => {
                high = Some(point);
                rise = vec![(point, label, step)];
            }
            None => low = low.min(point.bytes),
            Some(top) if point.bytes > top.bytes => {
                high = Some(point);
                rise.push((point, label, step));
            }
            Some(top) if point.bytes + worth <= top.bytes => {
                found.extend(named(&rise, top, worth));
                low = point.bytes;
                high = None;
            }
            Some(_) => {}
        }
    }
    found.sort_by_key(|peak| (std::cmp::Reverse(peak.at.bytes), peak.at.index));
    found.truncate(PEAKS);
    found.sort_by_key(|peak| peak.at.index);
    found
}

/// Where memory was highest, at first, and the line that made it so.
pub fn summit(series: &Series) -> Option<Peak> {
    let mut top: Option<(Point, &str)> = None;
    for (point, label) in series.steps() {
        if top.is_none_or(|(highest, _)| point.bytes > highest.bytes) {
            top = Some((point, label));
        }
    }
    top.map(|(at, label)| Peak { at, label: label.to_owned() })
}

/// What of a rise is named: its top; but where one step brought memory next to it, that step rather than the last page.
fn named(rise: &[(Point, &str, u64)], top: Point, worth: u64) -> Option<Peak> {
    let near = rise.iter().find(|(point, ..)| point.bytes >= top.bytes - worth / 3);
    let start = near.filter(|(point, _, step)| *step >= top.bytes - point.bytes);
    start.or(rise.last()).map(|(at, label, _)| Peak { at: *at, label: (*label).to_owned() })
}

#[cfg(test)]
mod tests {
    use super::super::Memory;
    use super::super::records::csv;
    use super::*;

    fn series(memory: impl IntoIterator<Item = u64>) -> Series {
        let mut text = String::from("type,function,RSS,lineNo\n");
        for (line, rss) in memory.into_iter().enumerate() {
            text += &format!("return,f,{rss},{line}\n");
        }
        csv::read(text.as_bytes(), Memory::Rss).unwrap()
    }

    fn places(memory: impl IntoIterator<Item = u64>) -> Vec<(usize, u64)> {
        peaks(&series(memory)).iter().map(|peak| (peak.at.index, peak.at.bytes)).collect()
    }

    #[test]
    fn a_peak_rises_and_falls() {
        assert_eq!(places([100, 900, 100]), [(1, 900)]);
        assert_eq!(places([100, 900, 100, 500, 100, 700, 650, 700]), [(1, 900), (3, 500)]);
        assert_eq!(peaks(&series([100, 900, 100]))[0].label, "f:1");
    }

    #[test]
    fn what_only_rises_or_only_falls_has_none() {
        assert_eq!(places((0..1000).map(|step| 1000 + step * 10)), []);
        assert_eq!(places((0..1000).map(|step| 20_000 - step * 10)), []);
        assert_eq!(places([500; 20]), []);
        assert_eq!(places([7]), []);
        // In stairs.
        assert_eq!(places([100, 100, 400, 400, 400, 900, 900, 900, 1000]), []);
    }

    #[test]
    fn noise_is_none() {
        let trembling =
            |height: u64| (0..100_000_u64).map(move |step| height + step * 50 + step * 7919 % 1000);
        assert_eq!(places(trembling(100_000)), []);
        // Less than a hundredth of what is in use, although it is all that happens.
        assert_eq!(places([1_000_000, 1_004_000, 1_000_000]), []);
    }

    #[test]
    fn a_plateau_is_named_by_its_start() {
        assert_eq!(places([100, 100, 9000, 9001, 9001, 9002, 9002, 100]), [(2, 9000)]);
        // A dip does not make two of it.
        assert_eq!(places([100, 9000, 8900, 9000, 8950, 9001, 100]), [(1, 9000)]);
    }

    #[test]
    fn of_a_slow_rise_the_top_is_named() {
        let rise = (0..=1000).map(|step| 1000 + step * 10);
        assert_eq!(places(rise.clone().chain([1000])), [(1000, 11_000)]);
        // And of one that ends in a leap, the leap.
        assert_eq!(places(rise.chain([40_000, 40_100, 1000])), [(1001, 40_000)]);
    }

    #[test]
    fn the_highest_are_named_in_their_order() {
        let teeth = [500, 900, 300, 700, 800, 400, 600];
        let memory: Vec<u64> = teeth.into_iter().flat_map(|height| [10, height, 10]).collect();
        let heights: Vec<u64> = places(memory).into_iter().map(|(_, bytes)| bytes).collect();
        assert_eq!(heights, [500, 900, 700, 800, 600]);
    }
}
