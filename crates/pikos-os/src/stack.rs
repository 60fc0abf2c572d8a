//! The C stack of the running thread: where we are on it, where it ends, and how far down calls may go.

use std::cell::Cell;

/// An address in the caller's frame. Stacks grow downwards on all supported machines.
#[inline(always)]
pub fn here() -> usize {
    let mark = 0_u8;
    (&raw const mark).addr()
}

/// The lowest address of the running thread's stack, and its size; `None` where the system doesn't say.
#[cfg(target_os = "linux")]
pub fn bounds() -> Option<(usize, usize)> {
    let mut lowest = std::ptr::null_mut();
    let mut size = 0;
    let mut attributes = std::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
    // SAFETY: asks about the running thread; the attributes are initialised where the first call succeeds, and
    // destroyed once.
    let found = unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return None;
        }
        let status = libc::pthread_attr_getstack(attributes.as_ptr(), &mut lowest, &mut size);
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        status == 0
    };
    (found && size > 0).then(|| (lowest.addr(), size))
}

/// The lowest address of the running thread's stack, and its size; `None` where the system doesn't say.
#[cfg(target_os = "macos")]
pub fn bounds() -> Option<(usize, usize)> {
    // SAFETY: asks about the running thread.
    let (highest, size) = unsafe {
        let this = libc::pthread_self();
        (libc::pthread_get_stackaddr_np(this).addr(), libc::pthread_get_stacksize_np(this))
    };
    (size > 0 && size < highest).then(|| (highest - size, size))
}

/// The lowest address of the running thread's stack, and its size; `None` where the system doesn't say.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
pub fn bounds() -> Option<(usize, usize)> {
    None
}

/// The share of the stack that calls of Python functions may take before they have to cost none: a quarter. The rest is
/// left to the program's C code, which has the whole in a run without us.
const SHARE: usize = 4;
/// Where the stack's bounds can't be found out: what is surely left of it.
const ASSUMED: usize = 128 * 1024;

/// The address that calls of Python functions must not go below. Found out once for each thread.
pub fn limit_of_calls() -> usize {
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
        const ASKED: usize = 1 << 20;
        let (room, size) = std::thread::Builder::new()
            .stack_size(ASKED)
            // It may be a larger one that an earlier thread has left.
            .spawn(|| (here() - limit_of_calls(), bounds().map_or(ASKED, |(_, size)| size)))
            .expect("a thread can be made")
            .join()
            .expect("it did not panic");
        assert!((size / 8..=size / 3).contains(&room), "{room} of {size}");
    }

    #[test]
    fn each_thread_has_a_limit_of_its_own() {
        let other = std::thread::spawn(limit_of_calls).join().expect("it did not panic");
        assert_ne!(limit_of_calls(), other);
        assert_eq!(limit_of_calls(), limit_of_calls());
    }

    #[test]
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    fn we_are_between_a_threads_bounds() {
        let (lowest, size, here) = std::thread::Builder::new()
            .stack_size(1 << 20)
            .spawn(|| bounds().map(|(lowest, size)| (lowest, size, here())))
            .expect("a thread can be made")
            .join()
            .expect("it did not panic")
            .expect("this system says");
        assert!((lowest..lowest + size).contains(&here));
        // It may be a larger one that an earlier thread has left.
        assert!((1 << 20..1 << 24).contains(&size), "{size}");
    }
}
