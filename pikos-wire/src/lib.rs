//! The messages of the live stream. Versioned; used by publisher and subscriber alike.
