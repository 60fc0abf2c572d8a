//! Weights for the stacks inside of a group: own times and calls out of it are given to places so that
//! every caller edge has its time.
//!
//! Each edge, each function and each entry says what the time of some places, and of all that stands
//! above them, has to be. One after another, the times there are scaled to that, again and again
//! (iterative proportional fitting). What each function has to give comes last, so it is exact.

use std::ops::Range;

/// Something that is given to places: what it is of, where a part of it is, and how much.
pub(super) struct Item {
    pub place: u32,
    pub class: u32,
    pub time: f64,
}

/// Places, and what stands above each of them, that should have so much time together.
pub(super) struct Target {
    pub places: Vec<u32>,
    pub time: f64,
}

/// How often everything is scaled.
#[derive(Clone, Copy)]
pub(super) struct Sweeps {
    pub least: usize,
    pub most: usize,
    /// Beyond the least, as long as all of it takes no more, counted in items.
    pub work: usize,
}

impl Sweeps {
    /// One of which takes so much.
    fn of(self, sweep: usize) -> usize {
        (self.work / sweep.max(1)).clamp(self.least, self.most)
    }
}

/// How well that went.
pub(super) struct Fit {
    /// How much each target, and each class, had its items scaled by: the logarithm of that.
    pub by_target: Vec<f64>,
    pub by_class: Vec<f64>,
    /// How far off the target is that is furthest off.
    pub worst: f64,
    /// What it took, counted in items.
    pub work: usize,
}

/// It is good enough if no target is off by more than this part of the whole.
pub(super) const CLOSE: f64 = 2e-4;

/// Scales items. `parents`: those of the places, each of a smaller number. `classes`: how much there is of each. So much work at most.
pub(super) fn balance(
    parents: &[Option<u32>],
    items: &mut [Item],
    classes: &[f64],
    targets: &[Target],
    sweeps: Sweeps,
    max_work: usize,
) -> Fit {
    let (positions, ends) = preorder(parents);
    items.sort_by_key(|item| (positions[item.place as usize], item.class));
    // Where the items of each position begin.
    let mut starts = vec![0usize; parents.len() + 1];
    for item in items.iter() {
        starts[positions[item.place as usize] as usize + 1] += 1;
    }
    for position in 1..starts.len() {
        starts[position] += starts[position - 1];
    }
    let range = |place: u32| -> Range<usize> {
        starts[positions[place as usize] as usize]..starts[ends[place as usize] as usize]
    };
    let ranges: Vec<Vec<Range<usize>>> =
        targets.iter().map(|target| target.places.iter().map(|&place| range(place)).collect()).collect();
    let sweep: usize = ranges.iter().flatten().map(Range::len).sum::<usize>() + items.len();
    let whole: f64 = classes.iter().sum();
    let mut times: Vec<f64> = items.iter().map(|item| item.time).collect();
    let classes_of: Vec<u32> = items.iter().map(|item| item.class).collect();
    let mut sums = vec![0.0; classes.len()];
    let mut fit = Fit {
        by_target: vec![0.0; targets.len()],
        by_class: vec![0.0; classes.len()],
        worst: f64::INFINITY,
        work: 0,
    };
    fit_classes(&mut times, &classes_of, classes, &mut sums, &mut fit.by_class);
    for _ in 0..sweeps.of(sweep).min(max_work / sweep.max(1)) {
        fit.worst = 0.0;
        fit.work += sweep;
        for ((ranges, target), by_target) in ranges.iter().zip(targets).zip(&mut fit.by_target) {
            let found: f64 = ranges.iter().map(|range| times[range.clone()].iter().sum::<f64>()).sum();
            fit.worst = fit.worst.max((found - target.time).abs());
            if found > 0.0 {
                let scale = (target.time / found).clamp(1e-3, 1e3);
                *by_target += scale.ln();
                ranges
                    .iter()
                    .for_each(|range| times[range.clone()].iter_mut().for_each(|time| *time *= scale));
            }
        }
        fit_classes(&mut times, &classes_of, classes, &mut sums, &mut fit.by_class);
        if fit.worst < whole * CLOSE {
            break;
        }
    }
    for (item, time) in items.iter_mut().zip(times) {
        item.time = time;
    }
    fit
}

/// Makes the items of each class add up to what there is of it.
fn fit_classes(
    times: &mut [f64],
    classes_of: &[u32],
    classes: &[f64],
    sums: &mut [f64],
    by_class: &mut [f64],
) {
    sums.fill(0.0);
    for (time, &class) in times.iter().zip(classes_of) {
        sums[class as usize] += *time;
    }
    for ((sum, class), by_class) in sums.iter_mut().zip(classes).zip(by_class) {
        let scale = if *sum > 0.0 && *class > 0.0 { class / *sum } else { 1.0 };
        *by_class += scale.ln();
        *sum = scale;
    }
    for (time, &class) in times.iter_mut().zip(classes_of) {
        *time *= sums[class as usize];
    }
}

/// For each place its position when each stands before all that is above it, and where those end.
fn preorder(parents: &[Option<u32>]) -> (Vec<u32>, Vec<u32>) {
    let mut sizes = vec![1u32; parents.len()];
    for place in (0..parents.len()).rev() {
        if let Some(parent) = parents[place] {
            sizes[parent as usize] += sizes[place];
        }
    }
    let mut positions = vec![0u32; parents.len()];
    // The next position to be given above each place.
    let mut next = vec![0u32; parents.len()];
    let mut next_root = 0;
    for place in 0..parents.len() {
        let slot = match parents[place] {
            Some(parent) => &mut next[parent as usize],
            None => &mut next_root,
        };
        let position = *slot;
        *slot += sizes[place];
        positions[place] = position;
        next[place] = position + 1;
    }
    let ends = positions.iter().zip(&sizes).map(|(position, size)| position + size).collect();
    (positions, ends)
}
