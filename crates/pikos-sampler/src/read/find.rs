//! Where a process has CPython's state: the variable `_PyRuntime`, in its executable or in a libpython that it has loaded.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use object::read::elf::{FileHeader, ProgramHeader};
use object::{Object, ObjectSection, ObjectSegment, ObjectSymbol, elf};

use super::unreadable::Unreadable;

/// What is found in files.
#[derive(Debug, Clone, Copy)]
pub struct Found {
    /// The address of `_PyRuntime`.
    pub runtime: usize,
    /// That of `Py_Version`, an `unsigned long`, where a symbol tells.
    pub version: Option<usize>,
}

/// Larger files are none of CPython's, debug information included.
const LARGEST: u64 = 1 << 30;
/// Lines of a memory map that are read.
const MAP: u64 = 64 << 20;

/// A file that a process has mapped.
#[derive(Debug)]
struct Mapped {
    path: PathBuf,
    /// Where the part of it that begins at `offset` stands.
    start: usize,
    end: usize,
    offset: u64,
}

/// What a process has loaded, and what it runs.
fn files(pid: u32) -> Result<(Vec<Mapped>, PathBuf), Unreadable> {
    let mut map = Vec::new();
    let text = File::open(format!("/proc/{pid}/maps")).and_then(|file| file.take(MAP).read_to_end(&mut map));
    text.map_err(|error| Unreadable::of(pid, error))?;
    let mapped = mapped(&String::from_utf8_lossy(&map));
    let program =
        std::fs::read_link(format!("/proc/{pid}/exe")).map_err(|error| Unreadable::of(pid, error))?;
    Ok((mapped, program))
}

/// The files whose names begin so, each once, and the program as the last one.
fn named<'a>(mapped: &'a [Mapped], program: &'a Path, prefixes: &[&str]) -> Vec<&'a Path> {
    let mut paths: Vec<&Path> = Vec::new();
    for file in mapped {
        let name = file.path.file_name().unwrap_or_default().to_string_lossy();
        if prefixes.iter().any(|prefix| name.starts_with(prefix)) && !paths.contains(&file.path.as_path()) {
            paths.push(&file.path);
        }
    }
    paths.push(program);
    paths
}

/// Where `_asyncio` has the table that says what its tasks are like, from 3.14 on: in a file of its own, or in CPython itself.
pub fn asyncio(pid: u32) -> Option<usize> {
    let (mapped, program) = files(pid).ok()?;
    named(&mapped, &program, &["_asyncio", "libpython"]).into_iter().find_map(|path| {
        let bytes = read(pid, path, path == program)?;
        let file = object::File::parse(&*bytes).ok()?;
        let address = file.section_by_name(".AsyncioDebug")?.address();
        Some((address as usize).wrapping_add(bias(&file, &bytes, path, &mapped)?))
    })
}

/// Finds CPython in a process.
///
/// # Errors
/// There is none, it can't be found, or we may not look.
pub fn find(pid: u32) -> Result<Found, Unreadable> {
    let (mapped, program) = files(pid)?;
    let mut stripped = None;
    // Libraries first: a `python3` may be a small program that loads one.
    let paths = named(&mapped, &program, &["libpython"]);
    for path in paths {
        let Some(bytes) = read(pid, path, path == program) else { continue };
        match in_file(&bytes, path, &mapped) {
            InFile::Found(found) => return Ok(found),
            InFile::Stripped => stripped = Some(path.to_path_buf()),
            InFile::Nothing => {}
        }
    }
    match stripped {
        Some(file) => Err(Unreadable::Stripped { pid, file: file.display().to_string() }),
        None => Err(Unreadable::NotPython { pid, program: program.display().to_string() }),
    }
}

fn mapped(map: &str) -> Vec<Mapped> {
    let line = |line: &str| {
        let mut words = line.splitn(6, ' ');
        let (start, end) = words.next()?.split_once('-')?;
        let number = |text| usize::from_str_radix(text, 16).ok();
        let offset = u64::from_str_radix(words.nth(1)?, 16).ok()?;
        let path = words.nth(2)?.trim_start();
        let path = path.strip_suffix(" (deleted)").unwrap_or(path);
        path.starts_with('/').then_some(())?;
        Some(Mapped { path: path.into(), start: number(start)?, end: number(end)?, offset })
    };
    map.lines().filter_map(line).collect()
}

/// A file as the process sees it: its root may be another one, and the file may have been replaced.
fn read(pid: u32, path: &Path, is_program: bool) -> Option<Vec<u8>> {
    let inside = format!("/proc/{pid}/root{}", path.display());
    let doors = if is_program {
        vec![format!("/proc/{pid}/exe"), inside]
    } else {
        vec![inside, path.display().to_string()]
    };
    doors.into_iter().find_map(|door| {
        let file = File::open(door).ok()?;
        let length = file.metadata().ok().filter(|about| about.is_file() && about.len() <= LARGEST)?.len();
        let mut bytes = Vec::with_capacity(length as usize);
        file.take(LARGEST).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    })
}

enum InFile {
    Found(Found),
    /// CPython, but nothing tells where its state is.
    Stripped,
    Nothing,
}

fn in_file(bytes: &[u8], path: &Path, mapped: &[Mapped]) -> InFile {
    let Ok(file) = object::File::parse(bytes) else { return InFile::Nothing };
    let symbol = |name: &str| {
        let dynamic = file.dynamic_symbols().chain(file.symbols());
        dynamic
            .filter(|symbol| symbol.is_definition())
            .find(|symbol| symbol.name() == Ok(name))
            .map(|symbol| symbol.address())
    };
    let section = file.section_by_name(".PyRuntime").map(|section| section.address());
    let Some(address) = section.or_else(|| symbol("_PyRuntime")) else {
        let is_python = symbol("Py_Main").is_some() || symbol("Py_BytesMain").is_some();
        return if is_python { InFile::Stripped } else { InFile::Nothing };
    };
    let Some(bias) = bias(&file, bytes, path, mapped) else { return InFile::Nothing };
    let at = |address: u64| (address as usize).wrapping_add(bias);
    InFile::Found(Found { runtime: at(address), version: symbol("Py_Version").map(at) })
}

/// How far from where its file says a program or library stands.
fn bias(file: &object::File<'_>, bytes: &[u8], path: &Path, mapped: &[Mapped]) -> Option<usize> {
    let header = elf::FileHeader64::<object::Endianness>::parse(bytes).ok()?;
    let endian = header.endian().ok()?;
    if header.e_type(endian) == elf::ET_EXEC {
        return Some(0);
    }
    let segments = header.program_headers(endian, bytes).ok()?;
    let first = segments.iter().find(|segment| segment.p_type(endian) == elf::PT_LOAD)?;
    debug_assert!(file.segments().next().is_none_or(|segment| segment.address() == first.p_vaddr(endian)));
    let offset = first.p_offset(endian);
    let name = path.file_name();
    let place = mapped.iter().find(|part| {
        part.path.file_name() == name && part.path == path && part.offset <= offset && {
            let inside = offset - part.offset;
            inside < (part.end - part.start) as u64
        }
    })?;
    Some(
        place
            .start
            .wrapping_add((offset - place.offset) as usize)
            .wrapping_sub(first.p_vaddr(endian) as usize),
    )
}
