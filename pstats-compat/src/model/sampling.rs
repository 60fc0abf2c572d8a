//! How sure the figures of samples are.

use super::metadata::Counts;
use super::profile::Profile;

impl Profile {
    /// How many samples it is made of, if of samples: each has one function on top.
    pub fn samples(&self) -> Option<u64> {
        let on_top =
            || self.rows().fold(0_u64, |sum, (_, row)| sum.saturating_add(row.calls.primitive_calls));
        (self.metadata.counts == Counts::Samples).then(on_top)
    }
}

/// How far a share that so many samples tell may be off: its standard error. One in three shares is off by more.
pub fn sampling_error(share: f64, samples: u64) -> f64 {
    (share * (1.0 - share) / samples.max(1) as f64).max(0.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Calls, Function};

    #[test]
    fn a_share_is_as_sure_as_samples_are_many() {
        assert_eq!(sampling_error(0.5, 100), 0.05);
        assert_eq!(sampling_error(0.5, 10_000), 0.005);
        assert_eq!((sampling_error(0.0, 9), sampling_error(1.0, 9), sampling_error(1.1, 0)), (0.0, 0.0, 0.0));
        let calls = |ncalls, primitive_calls| Calls { ncalls, primitive_calls, ..Calls::default() };
        let row = |name: &str, calls| Function::new("a.py".into(), 1, name.into(), calls);
        let mut profile = Profile::new(vec![row("f", calls(5, 2)), row("g", calls(3, 3))], Vec::new());
        assert_eq!(profile.samples(), None);
        profile.metadata.counts = Counts::Samples;
        assert_eq!(profile.samples(), Some(5));
    }
}
