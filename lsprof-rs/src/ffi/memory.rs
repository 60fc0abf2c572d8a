//! Memory, for whatever in this library asks for it: Rust, libzmq, C++'s own parts.
//!
//! The linker has all of them call these functions in place of C's (`--wrap`, in build.rs), so that what the system refuses
//! comes out of the [reserve]. Nothing outside of the library is concerned: what others have allocated is freed as ever.

use std::alloc::Layout;
use std::ffi::{c_int, c_void};
use std::ptr;

use pikos_os::reserve;

/// What C promises.
const ALIGNMENT: usize = 16;
/// C's `ENOMEM`, on Linux.
const NO_MEMORY: c_int = 12;

unsafe extern "C" {
    // C's own, as the linker calls them.
    fn __real_malloc(size: usize) -> *mut c_void;
    fn __real_calloc(count: usize, size: usize) -> *mut c_void;
    fn __real_realloc(piece: *mut c_void, size: usize) -> *mut c_void;
    fn __real_posix_memalign(piece: *mut *mut c_void, alignment: usize, size: usize) -> c_int;
    fn __real_free(piece: *mut c_void);
    fn malloc_usable_size(piece: *mut c_void) -> usize;
}

#[cold]
fn instead(size: usize, alignment: usize, again: impl Fn() -> *mut c_void) -> *mut c_void {
    let Ok(layout) = Layout::from_size_align(size, alignment) else { return ptr::null_mut() };
    reserve::instead(layout, || again().cast()).cast()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_malloc(size: usize) -> *mut c_void {
    // SAFETY: any size may be asked for.
    let real = || unsafe { __real_malloc(size) };
    let found = real();
    if found.is_null() { instead(size, ALIGNMENT, real) } else { found }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_calloc(count: usize, size: usize) -> *mut c_void {
    // SAFETY: any size may be asked for.
    let real = || unsafe { __real_calloc(count, size) };
    let found = real();
    if !found.is_null() {
        return found;
    }
    let Some(size) = count.checked_mul(size) else { return found };
    let found = instead(size, ALIGNMENT, real);
    if !found.is_null() {
        // SAFETY: it is so long, and nobody else's.
        unsafe { found.write_bytes(0, size) };
    }
    found
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_realloc(piece: *mut c_void, size: usize) -> *mut c_void {
    let is_ours = reserve::has(piece.cast());
    if !is_ours {
        // SAFETY: the caller's promise, and the piece isn't the reserve's.
        let moved = unsafe { __real_realloc(piece, size) };
        if !moved.is_null() || size == 0 {
            return moved;
        }
    }
    // SAFETY: the pieces don't overlap, each is at least as long as what is copied, and the old one is freed once.
    unsafe {
        let moved = if size == 0 { ptr::null_mut() } else { __wrap_malloc(size) };
        if !moved.is_null() && !piece.is_null() {
            let old = if is_ours { reserve::size(piece.cast()) } else { malloc_usable_size(piece) };
            ptr::copy_nonoverlapping(piece.cast::<u8>(), moved.cast(), old.min(size));
        }
        if !moved.is_null() || size == 0 {
            __wrap_free(piece);
        }
        moved
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_posix_memalign(piece: *mut *mut c_void, alignment: usize, size: usize) -> c_int {
    // SAFETY: the caller's promise.
    let problem = unsafe { __real_posix_memalign(piece, alignment, size) };
    if problem != NO_MEMORY {
        return problem;
    }
    let again = || {
        let mut found = ptr::null_mut();
        // SAFETY: C has taken this alignment before.
        let problem = unsafe { __real_posix_memalign(&raw mut found, alignment, size) };
        if problem == 0 { found } else { ptr::null_mut() }
    };
    let found = instead(size, alignment, again);
    if found.is_null() {
        return problem;
    }
    // SAFETY: the caller's promise.
    unsafe { piece.write(found) };
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_free(piece: *mut c_void) {
    let is_ours = reserve::has(piece.cast());
    // SAFETY: the caller's promise; and each goes back to where it came from.
    unsafe {
        match is_ours {
            true => reserve::give_back(piece.cast()),
            false => __real_free(piece),
        }
    }
}
