//! Tells rustc which CPython this build is for (`cfg(Py_3_12)` and so on), and the linker whose memory functions are called.

/// Those that `src/ffi/memory.rs` has.
const WRAPPED: [&str; 5] = ["malloc", "calloc", "realloc", "posix_memalign", "free"];

fn main() {
    pyo3_build_config::use_pyo3_cfgs();
    pyo3_build_config::add_libpython_rpath_link_args();
    println!("cargo:rustc-check-cfg=cfg(wraps_memory)");
    // Other linkers can't, and what limits the address space on other systems is not known.
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux") {
        println!("cargo:rustc-cfg=wraps_memory");
        // Ours are called, whatever other libraries have by these names.
        println!("cargo:rustc-link-arg-cdylib=-Wl,-Bsymbolic");
        for name in WRAPPED {
            println!("cargo:rustc-link-arg-cdylib=-Wl,--wrap={name}");
        }
    }
}
