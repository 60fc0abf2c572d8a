//! The libraries that this process has loaded, which of them use a symbol of another, and where that leads them.
//!
//! Read from memory, where the loader keeps them: no file is opened. What a program looks up by itself (`dlsym`, ctypes) isn't told.

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
pub use elsewhere::{generation, of_address, redirect, users};
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
pub use loaded::{generation, of_address, redirect, users};

/// A library that has been loaded, or the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Library {
    /// Its file, as the loader has it; empty for the program.
    pub file: Vec<u8>,
    /// Where it stands: no other one has that.
    pub base: usize,
}

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
mod elsewhere {
    use std::ffi::CStr;

    use super::Library;

    /// Another number each time that a library has come; `None`: the system doesn't say.
    pub fn generation() -> Option<u64> {
        None
    }

    /// The libraries that use one of these symbols; `None`: the system doesn't say.
    pub fn users(_symbols: &[&CStr]) -> Option<Vec<Library>> {
        None
    }

    /// The one that this address is in.
    pub fn of_address(_address: usize) -> Option<Library> {
        None
    }

    /// Has the library call another function by this name; false where that can't be.
    ///
    /// # Safety
    /// The function takes what the symbol's does, and lives as long as the process.
    pub unsafe fn redirect(_library: &Library, _symbol: &CStr, _to: usize) -> bool {
        false
    }
}

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod loaded {
    use std::ffi::{CStr, c_int, c_void};
    use std::mem::size_of;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use libc::{
        Elf64_Phdr, Elf64_Sym, PROT_READ, PROT_WRITE, PT_DYNAMIC, PT_GNU_RELRO, PT_LOAD, dl_phdr_info,
    };

    use super::Library;

    /// Entries of a dynamic section; nobody has as many.
    const MOST_ENTRIES: usize = 1 << 12;
    /// Symbols of a library, likewise.
    const MOST_SYMBOLS: usize = 1 << 24;

    /// What a dynamic section's entry is about.
    const END: u64 = 0;
    const PLT_LENGTH: u64 = 2;
    const HASH: u64 = 4;
    const STRINGS: u64 = 5;
    const SYMBOLS: u64 = 6;
    const RELOCATIONS: u64 = 7;
    const RELOCATIONS_LENGTH: u64 = 8;
    const STRINGS_LENGTH: u64 = 10;
    const PLT: u64 = 23;
    const GNU_HASH: u64 = 0x6fff_fef5;

    /// The relocations that put a function's address to a place, and nothing else.
    const ADDRESSES: &[u64] = match () {
        // R_X86_64_64, R_X86_64_GLOB_DAT, R_X86_64_JUMP_SLOT
        #[cfg(target_arch = "x86_64")]
        () => &[1, 6, 7],
        // R_AARCH64_ABS64, R_AARCH64_GLOB_DAT, R_AARCH64_JUMP_SLOT
        #[cfg(target_arch = "aarch64")]
        () => &[257, 1025, 1026],
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        () => &[],
    };

    #[repr(C)]
    #[derive(Clone, Copy)]
    struct Relocation {
        offset: u64,
        info: u64,
        addend: i64,
    }

    /// Calls `look` with each library, until it says that it has seen enough. The loader waits meanwhile.
    fn each<F: FnMut(&dl_phdr_info) -> bool>(mut look: F) {
        unsafe extern "C" fn call<F: FnMut(&dl_phdr_info) -> bool>(
            info: *mut dl_phdr_info,
            _size: usize,
            look: *mut c_void,
        ) -> c_int {
            // SAFETY: the loader passes a library and what it was given, which is ours alone.
            let is_enough = unsafe { (*look.cast::<F>())(&*info) };
            c_int::from(is_enough)
        }
        // SAFETY: the function is called during this call only, with this value.
        unsafe { libc::dl_iterate_phdr(Some(call::<F>), (&raw mut look).cast()) };
    }

    /// Another number each time that a library has come; `None`: the system doesn't say.
    pub fn generation() -> Option<u64> {
        let mut generation = None;
        each(|info| {
            generation = Some(info.dlpi_adds);
            true
        });
        generation
    }

    /// The libraries that use one of these symbols, and don't have it themselves; also those that don't tell what they use. `None`: the
    /// system doesn't say.
    pub fn users(symbols: &[&CStr]) -> Option<Vec<Library>> {
        let mut users = Vec::new();
        each(|info| {
            let uses = match Linked::of(info) {
                Linked::To(tables) => symbols.iter().any(|symbol| tables.number(symbol).is_some()),
                Linked::ToNothing => false,
                Linked::Unknown => true,
            };
            if uses {
                users.push(library(info));
            }
            false
        });
        Some(users)
    }

    /// The one that this address is in.
    pub fn of_address(address: usize) -> Option<Library> {
        let mut found = None;
        each(|info| {
            let holds = has(info, PT_LOAD, address);
            found = holds.then(|| library(info));
            holds
        });
        found
    }

    /// Has the library call another function by this name; false where that can't be. One that has the symbol's address already keeps it.
    ///
    /// # Safety
    /// The function takes what the symbol's does, and lives as long as the process.
    pub unsafe fn redirect(library: &Library, symbol: &CStr, to: usize) -> bool {
        let mut is_done = false;
        each(|info| {
            if info.dlpi_addr as usize != library.base {
                return false;
            }
            if let Linked::To(tables) = Linked::of(info)
                && let Some(number) = tables.number(symbol)
            {
                let places = tables.places(number);
                is_done = !places.is_empty() && places.into_iter().all(|place| put(info, place, to));
            }
            true
        });
        is_done
    }

    /// Writes an address to where the library has another one.
    fn put(info: &dl_phdr_info, place: usize, address: usize) -> bool {
        let is_protected = has(info, PT_GNU_RELRO, place);
        let page = rustix::param::page_size();
        let (first, length) = (place & !(page - 1), page);
        let protect = |how: c_int| {
            // SAFETY: a page of the library's own, which stays loaded.
            !is_protected || unsafe { libc::mprotect(first as *mut c_void, length, how) } == 0
        };
        if !protect(PROT_READ | PROT_WRITE) {
            return false;
        }
        // SAFETY: a word that the loader has written, at an address that is a multiple of its size; whoever reads it meanwhile
        // has the one or the other.
        unsafe { AtomicUsize::from_ptr(place as *mut usize) }.store(address, Ordering::Release);
        // The page could be written to until now; a failure leaves it so.
        protect(PROT_READ);
        true
    }

    fn library(info: &dl_phdr_info) -> Library {
        // SAFETY: null, or a C string that the loader keeps.
        let file = unsafe { (!info.dlpi_name.is_null()).then(|| CStr::from_ptr(info.dlpi_name)) };
        let file = file.map_or_else(Vec::new, |file| file.to_bytes().to_vec());
        Library { file, base: info.dlpi_addr as usize }
    }

    fn segments(info: &dl_phdr_info) -> &[Elf64_Phdr] {
        // SAFETY: the loader's own table of the library's segments.
        unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) }
    }

    /// Whether an address is in a segment of this kind.
    fn has(info: &dl_phdr_info, kind: u32, address: usize) -> bool {
        segments(info).iter().filter(|segment| segment.p_type == kind).any(|segment| {
            let start = (info.dlpi_addr + segment.p_vaddr) as usize;
            (start..start + segment.p_memsz as usize).contains(&address)
        })
    }

    /// What a library uses of others.
    enum Linked {
        To(Tables),
        ToNothing,
        Unknown,
    }

    /// Where its tables stand. Lengths are in bytes.
    #[derive(Default)]
    struct Tables {
        base: usize,
        symbols: usize,
        /// How many of these may be others'.
        count: usize,
        strings: usize,
        strings_length: usize,
        relocations: [(usize, usize); 2],
    }

    impl Linked {
        /// While the loader waits, the library stays loaded.
        fn of(info: &dl_phdr_info) -> Self {
            let base = info.dlpi_addr as usize;
            let dynamic = segments(info).iter().find(|segment| segment.p_type == PT_DYNAMIC);
            let Some(dynamic) = dynamic else { return Linked::ToNothing };
            let entries = (base + dynamic.p_vaddr as usize) as *const [u64; 2];
            let most = (dynamic.p_memsz as usize / size_of::<[u64; 2]>()).min(MOST_ENTRIES);
            let mut tables = Tables { base, ..Tables::default() };
            let (mut hash, mut gnu_hash) = (0, 0);
            for number in 0..most {
                // SAFETY: within the segment, which is mapped.
                let [about, value] = unsafe { entries.add(number).read() };
                let value = value as usize;
                // Some loaders put the library's address to these, others leave them as they are in the file.
                let place = if value < base { value + base } else { value };
                match about {
                    END => break,
                    SYMBOLS => tables.symbols = place,
                    STRINGS => tables.strings = place,
                    STRINGS_LENGTH => tables.strings_length = value,
                    HASH => hash = place,
                    GNU_HASH => gnu_hash = place,
                    RELOCATIONS => tables.relocations[0].0 = place,
                    RELOCATIONS_LENGTH => tables.relocations[0].1 = value,
                    PLT => tables.relocations[1].0 = place,
                    PLT_LENGTH => tables.relocations[1].1 = value,
                    _ => {}
                }
            }
            if tables.symbols == 0 || tables.strings == 0 {
                return Linked::ToNothing;
            }
            // SAFETY: the tables' first words. What others define stands before the first symbol that the newer table has; the
            // older one has all.
            let count = unsafe {
                match (gnu_hash, hash) {
                    (0, 0) => return Linked::Unknown,
                    (0, hash) => (hash as *const u32).add(1).read(),
                    (table, _) => (table as *const u32).add(1).read(),
                }
            };
            tables.count = (count as usize).min(MOST_SYMBOLS);
            Linked::To(tables)
        }
    }

    impl Tables {
        /// The number of a symbol that another library has.
        fn number(&self, wanted: &CStr) -> Option<usize> {
            let wanted = wanted.to_bytes_with_nul();
            (1..self.count).find(|number| {
                // SAFETY: the table has so many.
                let symbol = unsafe { (self.symbols as *const Elf64_Sym).add(*number).read() };
                let name = symbol.st_name as usize;
                symbol.st_shndx == 0
                    && name + wanted.len() <= self.strings_length
                    // SAFETY: within the table of names.
                    && unsafe {
                        std::slice::from_raw_parts((self.strings + name) as *const u8, wanted.len())
                    } == wanted
            })
        }

        /// Where the library has that symbol's address; nothing where it has it in a way that we don't know.
        fn places(&self, number: usize) -> Vec<usize> {
            let mut places = Vec::new();
            for (start, length) in self.relocations {
                for place in 0..length / size_of::<Relocation>() {
                    // SAFETY: within the table.
                    let relocation = unsafe { (start as *const Relocation).add(place).read() };
                    if (relocation.info >> 32) as usize != number {
                        continue;
                    }
                    let at = self.base.wrapping_add(relocation.offset as usize);
                    let is_known = ADDRESSES.contains(&(relocation.info & 0xffff_ffff))
                        && relocation.addend == 0
                        && at.is_multiple_of(size_of::<usize>());
                    if !is_known {
                        return Vec::new();
                    }
                    places.push(at);
                }
            }
            places
        }
    }
}

#[cfg(all(test, target_os = "linux", target_pointer_width = "64"))]
mod tests {
    use std::ffi::c_int;

    use super::*;

    #[test]
    fn this_program_uses_the_loader() {
        let here = of_address(this_program_uses_the_loader as *const () as usize);
        let here = here.expect("a function is in some library");
        assert!(users(&[c"dl_iterate_phdr"]).expect("Linux tells").contains(&here));
        assert_eq!(users(&[c"nobody has this one"]), Some(Vec::new()));
    }

    #[test]
    fn who_has_a_symbol_is_no_user_of_it() {
        let all = users(&[c"malloc"]).expect("Linux tells");
        assert!(!all.is_empty());
        assert!(!all.iter().any(|library| library.file.windows(7).any(|part| part == b"libc.so")), "{all:?}");
    }

    #[test]
    fn generations_are_told() {
        assert!(generation().is_some());
    }

    #[test]
    fn another_function_is_called_by_that_name() {
        unsafe extern "C" fn minus_seven() -> c_int {
            -7
        }
        let here = of_address(minus_seven as *const () as usize).expect("a function is in some library");
        // SAFETY: neither takes anything.
        assert!(unsafe { redirect(&here, c"getpgrp", minus_seven as *const () as usize) });
        // SAFETY: as above.
        assert_eq!(unsafe { libc::getpgrp() }, -7);
        // SAFETY: nobody calls that.
        assert!(!unsafe { redirect(&here, c"nobody has this one", 0) });
    }
}
