//! What is known of a function, and of a caller edge.

/// A caller edge between two functions. What a function calls of itself is not among them.
pub(super) struct Link {
    pub caller: u32,
    pub callee: u32,
    /// Its place in the profile's edges.
    pub edge: u32,
    pub calls: u64,
    /// Whether some of these calls were made within others of them.
    pub nested: bool,
    /// The callee's own time in these calls.
    pub own: f64,
    /// The time of these calls, outermost ones only.
    pub whole: f64,
}

/// A function's figures.
#[derive(Clone, Default)]
pub(super) struct Times {
    pub calls: u64,
    pub own: f64,
    pub whole: f64,
    /// Own time in calls that it made of itself.
    pub own_in_itself: f64,
    /// Calls that no edge accounts for; `None` if nobody counted.
    pub calls_from_nowhere: Option<u64>,
    /// Whether it was ever entered from within itself, as far as anybody counted.
    pub recurses: bool,
}
