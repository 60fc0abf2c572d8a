//! Which function of a profile.

/// Index into [`Profile::functions`](crate::Profile::functions).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FunctionId(pub u32);

impl FunctionId {
    /// The place in [`Profile::functions`](crate::Profile::functions).
    pub fn index(self) -> usize {
        self.0 as usize
    }
}
