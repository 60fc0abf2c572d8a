//! Tells rustc which CPython this build is for (`cfg(Py_3_12)` and so on), and the linker whose memory functions are called. For a
//! wheel, adds the library of the `pikos` command, which cargo builds by the way.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Those that `src/ffi/memory.rs` has.
const WRAPPED: [&str; 5] = ["malloc", "calloc", "realloc", "posix_memalign", "free"];

/// What the command's library is made from, in the workspace. What the command doesn't use, the extension does.
const SOURCES: [&str; 5] = [".cargo/config.toml", "Cargo.lock", "Cargo.toml", "crates", "pstats-compat"];

/// What maturin says about the interpreter that the extension is for. The command's library is for all of them.
const ONE_PYTHON: [&str; 4] =
    ["PYO3_CONFIG_FILE", "PYO3_ENVIRONMENT_SIGNATURE", "PYO3_PYTHON", "PYTHON_SYS_EXECUTABLE"];

/// Names a library of the command that is built already, to be taken as it is.
const BUILT: &str = "PIKOS_COMMAND_LIBRARY";

fn main() {
    pyo3_build_config::use_pyo3_cfgs();
    pyo3_build_config::add_libpython_rpath_link_args();
    println!("cargo:rustc-check-cfg=cfg(wraps_memory)");
    // Other linkers can't, and what limits the address space on other systems is not known.
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux") {
        println!("cargo:rustc-cfg=wraps_memory");
        // Ours are called, whatever other libraries have by these names.
        println!("cargo:rustc-link-arg-cdylib=-Wl,-Bsymbolic");
        for name in WRAPPED {
            println!("cargo:rustc-link-arg-cdylib=-Wl,--wrap={name}");
        }
    }
    if env::var_os("CARGO_FEATURE_WHEEL").is_some() {
        add_command();
    }
}

/// Leaves the library of the `pikos` command where maturin looks for what a build script has made (`include` in pyproject.toml).
fn add_command() {
    let module = match variable("CARGO_CFG_TARGET_OS").as_str() {
        "windows" => "_cli.pyd",
        _ => "_cli.abi3.so",
    };
    println!("cargo:rerun-if-env-changed={BUILT}");
    let built = match env::var_os(BUILT).filter(|path| !path.is_empty()).map(PathBuf::from) {
        Some(built) => {
            println!("cargo:rerun-if-changed={}", built.display());
            built
        }
        None => build_command(),
    };
    if let Err(error) = fs::copy(&built, PathBuf::from(variable("OUT_DIR")).join(module)) {
        panic!("the library of the `pikos` command can't be copied: {}: {error}", built.display());
    }
}

/// Has cargo build `crates/pikos-command` as the extension is built: for the same system, with the same profile, and with the compilers
/// and linkers that maturin has named in the environment (those of `--zig`, for an old glibc).
///
/// It has a target folder of its own, as cargo has locked this build's. All interpreters' builds share it, so that only the first
/// one has something to compile.
fn build_command() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate stands in the workspace");
    for source in SOURCES {
        println!("cargo:rerun-if-changed={}", root.join(source).display());
    }

    let out = PathBuf::from(variable("OUT_DIR"));
    let target = variable("TARGET");
    // PROFILE/build/CRATE/out. The folder of the profile also tells a build for another system, or with another linker, from others.
    let beside = out.ancestors().nth(3).expect("cargo puts OUT_DIR into a folder of the profile");
    let in_profile = beside.file_name().expect("the profile's name");
    let profile =
        if in_profile == "debug" { "dev" } else { in_profile.to_str().expect("cargo takes ASCII only") };
    let folder = beside.join("command");

    let mut cargo = Command::new(variable("CARGO"));
    cargo.current_dir(root).args([
        "rustc",
        "--locked",
        "--package=pikos-command",
        "--lib",
        "--features=abi3",
    ]);
    cargo.args(["--profile", profile, "--target", &target]).arg("--target-dir").arg(&folder);
    // As `strip` of pyproject.toml has it for the extension.
    cargo.arg("--config").arg(format!("profile.{profile}.strip = \"symbols\""));
    if profile == "release" {
        // On all cores, which "fat" can't: a profiled process doesn't load it.
        cargo.args(["--", "-C", "lto=thin"]);
    }
    for name in ONE_PYTHON {
        cargo.env_remove(name);
    }
    let done = cargo.env("PYO3_NO_PYTHON", "1").status();
    if !done.as_ref().is_ok_and(|status| status.success()) {
        panic!("cargo can't build the `pikos` command: {done:?}");
    }

    let built = match variable("CARGO_CFG_TARGET_OS").as_str() {
        "windows" => "_cli.dll",
        "macos" => "lib_cli.dylib",
        _ => "lib_cli.so",
    };
    folder.join(target).join(in_profile).join(built)
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"))
}
