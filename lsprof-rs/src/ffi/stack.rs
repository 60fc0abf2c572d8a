//! How far down the C stack calls of Python functions may go.

use std::cell::Cell;

use pikos_os::stack::bounds;
pub use pikos_os::stack::here;

/// The share of the stack that calls of Python functions may take before they have to cost none: a quarter. The rest is
/// left to the program's C code, which has the whole in a run without us.
const SHARE: usize = 4;
/// Where the stack's bounds can't be found out: what is surely left of it.
const ASSUMED: usize = 128 * 1024;

/// The address that calls must not go below. Found out once for each thread.
pub fn limit() -> usize {
    thread_local!(static LIMIT: Cell<usize> = const { Cell::new(0) });
    let found = || match bounds() {
        Some((lowest, size)) => lowest + (size - size / SHARE),
        None => here().saturating_sub(ASSUMED),
    };
    LIMIT
        .try_with(|limit| {
            if limit.get() == 0 {
                limit.set(found());
            }
            limit.get()
        })
        .unwrap_or_else(|_| found())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_may_go_down_a_quarter_of_its_stack() {
        let size = 1 << 20;
        let room = std::thread::Builder::new()
            .stack_size(size)
            .spawn(|| here() - limit())
            .expect("a thread can be made")
            .join()
            .expect("it did not panic");
        assert!((size / 8..=size / 3).contains(&room), "{room} of {size}");
    }

    #[test]
    fn each_thread_has_a_limit_of_its_own() {
        let other = std::thread::spawn(limit).join().expect("it did not panic");
        assert_ne!(limit(), other);
        assert_eq!(limit(), limit());
    }
}
