//! Where CPython keeps what in its structures, release by release.
//!
//! From 3.13 on the process tells it itself: `_PyRuntime` begins with a table of offsets, `_Py_DebugOffsets`. Earlier releases have
//! none, and their structures' public ends have never changed within a release: two tables here. Numbers that can't be are refused, as
//! the table is read from another process.

/// The first bytes of a table of offsets.
pub const COOKIE: &[u8; 8] = b"xdebugpy";
/// How much of `_PyRuntime` is asked for to have the whole table, of any release.
pub const TABLE: usize = 8 + 8 * 160;

/// No structure whose fields we read is larger: CPython's largest, an interpreter's state, has 400 KB.
const LARGEST: u64 = 16 << 20;

/// Offsets, in bytes from the beginning of each structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// 3.11 is 11.
    pub minor: u8,
    pub runtime: Runtime,
    pub interpreter: Interpreter,
    pub gil: Gil,
    pub thread: Thread,
    pub frame: Frame,
    pub code: Code,
    pub unicode: Unicode,
    pub generator: Generator,
    pub heap_type: HeapType,
    /// Where the items of a tuple begin.
    pub tuple_items: usize,
    /// Where a type's name is, as a pointer to C's characters.
    pub type_name: usize,
    /// Where the bytes of a `bytes` begin; its length is before its hash.
    pub bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Runtime {
    pub interpreters: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interpreter {
    pub next: usize,
    pub threads: usize,
    /// `sys.modules`.
    pub modules: usize,
    /// A 32-bit flag.
    pub collecting: usize,
    /// A pointer to its GIL, which interpreters may share; `None` where the runtime has the only one.
    pub gil: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gil {
    /// From the beginning of the GIL's structure, or of the runtime.
    pub holder: usize,
    /// A 32-bit flag.
    pub locked: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thread {
    /// How much of it is copied: all that we read.
    pub length: usize,
    pub next: usize,
    pub interpreter: usize,
    pub ident: usize,
    pub native_id: usize,
    /// The running chunk of its data stack; the stack's top stands behind it.
    pub chunk: usize,
    /// A pointer to the running frame; to a `_PyCFrame` on the C stack where `in_cframe` says so.
    pub frame: usize,
    /// Where a `_PyCFrame` has the pointer to the running frame.
    pub in_cframe: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its head, before the local variables.
    pub length: usize,
    pub code: usize,
    pub previous: usize,
    pub instruction: usize,
    pub owner: usize,
    /// How high its value stack is: an `int` that is -1 while the frame runs (to 3.13), a pointer (from 3.14 on).
    pub stack_top: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    pub first_line: usize,
    pub file: usize,
    pub name: usize,
    pub qualname: usize,
    pub lines: usize,
    /// Where the instructions begin.
    pub instructions: usize,
    /// How many words a frame of it takes on the data stack; `None` on 3.11, which adds them up.
    pub frame_size: Option<usize>,
    /// How many of these are local variables.
    pub locals: usize,
    /// How many are its value stack.
    pub stack_size: usize,
    /// The first instruction that counts as begun.
    pub first_traceable: usize,
    /// What the local variables are called, and which kind each is.
    pub local_names: usize,
    pub local_kinds: usize,
}

/// A generator, coroutine or asynchronous generator: they begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generator {
    /// What its frame does, a byte.
    pub state: usize,
    /// The frame itself.
    pub frame: usize,
}

/// A type that was made while the program ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeapType {
    pub qualname: usize,
    /// The names of its objects' attributes, as far as they have them in common.
    pub keys: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unicode {
    pub length: usize,
    pub state: usize,
    /// Where the characters of an ASCII string begin.
    pub ascii: usize,
    /// Of any other.
    pub compact: usize,
}

/// Where an object has the pointer to its type.
pub const TYPE: usize = 8;
/// Where one of variable size has its size.
pub const SIZE: usize = 16;

impl Layout {
    /// 3.11 and 3.12, of any patch level.
    pub fn known(minor: u8) -> Option<Self> {
        match minor {
            11 => Some(PYTHON_3_11),
            12 => Some(PYTHON_3_12),
            _ => None,
        }
    }

    /// What a table says. `None`: it says what can't be.
    pub fn told(table: &[u8]) -> Option<Told> {
        let mut words = Words { bytes: table.strip_prefix(COOKIE)? };
        let version = u32::try_from(words.any()?).ok()?;
        let free_threaded = words.any()?;
        let minor = (version >> 16) as u8;
        if version >> 24 != 3 || !(13..=15).contains(&minor) || free_threaded != 0 {
            return Some(Told { version, free_threaded: free_threaded != 0, layout: None });
        }
        Some(Told { version, free_threaded: false, layout: Some(words.layout(minor)?) })
    }

    /// How long a code object is, up to its first instruction.
    pub fn code_head(&self) -> usize {
        self.code.instructions
    }

    /// Whether the height of the value stack tells that a frame runs: to 3.13, it is -1 meanwhile.
    pub fn tells_running(&self) -> bool {
        self.minor <= 13
    }
}

/// A table of offsets, read.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// `Py_Version`.
    pub version: u32,
    pub free_threaded: bool,
    /// `None` where the release is none that we read.
    pub layout: Option<Layout>,
}

/// The words of a table, one after another.
struct Words<'a> {
    bytes: &'a [u8],
}

impl Words<'_> {
    fn any(&mut self) -> Option<u64> {
        let (word, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        Some(u64::from_le_bytes(*word))
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.bytes = self.bytes.get(8 * count..)?;
        Some(())
    }

    /// A structure's size, which bounds the offsets that follow.
    fn size(&mut self) -> Option<u64> {
        self.any().filter(|size| (8..=LARGEST).contains(size))
    }

    /// The offset of a field of so many bytes.
    fn field(&mut self, size: u64, length: u64) -> Option<usize> {
        let offset = self.any()?;
        let aligned = length != 8 || offset % 8 == 0;
        (offset.checked_add(length)? <= size && aligned).then_some(offset as usize)
    }

    fn layout(&mut self, minor: u8) -> Option<Layout> {
        let size = self.size()?;
        self.skip(1)?;
        let runtime = Runtime { interpreters: self.field(size, 8)? };

        let size = self.size()?;
        self.skip(1)?;
        let next = self.field(size, 8)?;
        let threads = self.field(size, 8)?;
        self.skip(usize::from(minor >= 14))?;
        let gc = self.field(size, 8)?;
        let modules = self.field(size, 8)?;
        self.skip(2)?;
        let gil_pointer = self.field(size, 8)?;
        let own_gil = self.field(size, 8)?;
        self.skip(1)?;
        let locked = self.field(size, 4)?.checked_sub(own_gil)?;
        let holder = self.field(size, 8)?.checked_sub(own_gil)?;
        self.skip(if minor >= 14 { 2 } else { 0 })?;
        let gil = Gil { holder, locked };
        if gil.holder.max(gil.locked) > 4096 {
            return None;
        }

        let size = self.size()?;
        self.skip(1)?;
        let mut thread = Thread {
            length: 0,
            next: self.field(size, 8)?,
            interpreter: self.field(size, 8)?,
            frame: self.field(size, 8)?,
            in_cframe: None,
            ident: 0,
            native_id: 0,
            chunk: 0,
        };
        self.skip(if minor >= 15 { 3 } else { 0 })?;
        thread.ident = self.field(size, 8)?;
        thread.native_id = self.field(size, 8)?;
        // Its top stands behind it.
        thread.chunk = self.field(size, 8).filter(|chunk| *chunk as u64 + 16 <= size)?;
        self.skip(if minor >= 15 { 1 + 4 + 1 } else { 1 })?;
        let ends =
            [thread.next, thread.interpreter, thread.frame, thread.ident, thread.native_id, thread.chunk + 8];
        thread.length = ends.into_iter().max()? + 8;
        if thread.length > 4096 {
            return None;
        }

        let size = self.size().filter(|size| *size <= 4096)?;
        let previous = self.field(size, 8)?;
        let code = self.field(size, 8)?;
        let instruction = self.field(size, 8)?;
        let locals = self.field(size, 8)?;
        let owner = self.field(size, 1)?;
        // 3.13's table leaves it out: it follows the instruction.
        let stack_top = if minor >= 14 { self.field(size, 8)? } else { instruction + 8 };
        self.skip(usize::from(minor >= 14))?;
        let frame = Frame { length: locals, code, previous, instruction, owner, stack_top };
        if [previous + 8, code + 8, instruction + 8, owner + 1, stack_top + 4].iter().any(|end| *end > locals)
        {
            return None;
        }

        let size = self.size().filter(|size| *size <= 4096)?;
        let file = self.field(size, 8)?;
        let name = self.field(size, 8)?;
        let qualname = self.field(size, 8)?;
        let lines = self.field(size, 8)?;
        let first_line = self.field(size, 4)?;
        self.skip(1)?;
        let local_names = self.field(size, 8)?;
        let local_kinds = self.field(size, 8)?;
        let instructions = self.any().filter(|offset| *offset <= size)? as usize;
        self.skip(usize::from(minor >= 14))?;
        let code = Code {
            first_line,
            file,
            name,
            qualname,
            lines,
            instructions,
            locals: first_line + 4,
            frame_size: Some(first_line + 8),
            stack_size: first_line.checked_sub(4)?,
            first_traceable: instructions.checked_sub(16)?,
            local_names,
            local_kinds,
        };
        let ends = [
            local_names + 8,
            local_kinds + 8,
            file + 8,
            name + 8,
            qualname + 8,
            lines + 8,
            code.first_line + 12,
        ];
        if ends.into_iter().any(|end| end > code.first_traceable)
            || first_line > file.min(name).min(qualname).min(lines)
        {
            return None;
        }

        self.skip(1)?;
        if self.any()? != TYPE as u64 {
            return None;
        }
        let size = self.size()?;
        let type_name = self.field(size, 8).filter(|offset| *offset <= 4096)?;
        // 3.13 and 3.14 don't tell.
        let keys = if minor >= 15 {
            self.skip(4)?;
            let size = self.size().filter(|size| *size <= 4096)?;
            self.field(size, 8)?
        } else {
            self.skip(2)?;
            880
        };
        let heap_type = HeapType { qualname: keys.checked_sub(8)?, keys };
        self.skip(1)?;
        let tuple_items = self.any().filter(|items| (24..=64).contains(items))? as usize;
        self.skip(1)?;
        // Lists, sets, dicts, floats, ints.
        self.skip(3 + if minor >= 14 { 4 } else { 0 } + 3 + 2 + 3)?;
        self.skip(2)?;
        let bytes = self.any().filter(|offset| (24..=64).contains(offset))? as usize;
        let size = self.size().filter(|size| *size <= 4096)?;
        let state = self.field(size, 4)?;
        let length = self.field(size, 8)?;
        let ascii = self.any().filter(|ascii| *ascii <= size)? as usize;
        // 3.13 and 3.14 don't tell: behind an ASCII string's head stand the length of its UTF-8 form and a pointer to it.
        let compact =
            if minor >= 15 { self.any().filter(|compact| *compact <= size)? as usize } else { ascii + 16 };
        let unicode = Unicode { length, state, ascii, compact };
        self.skip(1)?;
        let collecting = gc + self.any().filter(|offset| *offset <= 65_536)? as usize;
        let interpreter = Interpreter { next, threads, modules, collecting, gil: Some(gil_pointer) };
        let generator = match minor {
            // It doesn't tell.
            13 => Generator { state: 67, frame: 72 },
            _ => {
                self.skip(if minor >= 15 { 3 } else { 0 })?;
                let size = self.size().filter(|size| *size <= 4096)?;
                self.skip(1)?;
                let frame = self.field(size, 8)?;
                Generator { state: self.field(size, 1)?, frame }
            }
        };
        Some(Layout {
            minor,
            runtime,
            interpreter,
            gil,
            thread,
            frame,
            code,
            unicode,
            generator,
            heap_type,
            tuple_items,
            type_name,
            bytes,
        })
    }
}

const PYTHON_3_11: Layout = Layout {
    minor: 11,
    runtime: Runtime { interpreters: 40 },
    interpreter: Interpreter { next: 0, threads: 16, modules: 888, collecting: 848, gil: None },
    gil: Gil { holder: 368, locked: 376 },
    thread: Thread {
        length: 312,
        next: 8,
        interpreter: 16,
        ident: 152,
        native_id: 160,
        chunk: 296,
        frame: 56,
        in_cframe: Some(8),
    },
    frame: Frame { length: 72, code: 32, previous: 48, instruction: 56, owner: 69, stack_top: 64 },
    code: Code {
        first_line: 72,
        file: 112,
        name: 120,
        qualname: 128,
        lines: 136,
        instructions: 184,
        frame_size: None,
        locals: 76,
        stack_size: 68,
        first_traceable: 168,
        local_names: 96,
        local_kinds: 104,
    },
    unicode: Unicode { length: 16, state: 32, ascii: 48, compact: 72 },
    generator: Generator { state: 75, frame: 80 },
    heap_type: HeapType { qualname: 864, keys: 872 },
    tuple_items: 24,
    type_name: 24,
    bytes: 32,
};

const PYTHON_3_12: Layout = Layout {
    minor: 12,
    runtime: Runtime { interpreters: 40 },
    interpreter: Interpreter { next: 0, threads: 72, modules: 944, collecting: 312, gil: Some(384) },
    gil: Gil { holder: 8, locked: 16 },
    thread: Thread {
        length: 248,
        next: 8,
        interpreter: 16,
        ident: 136,
        native_id: 144,
        chunk: 232,
        frame: 56,
        in_cframe: Some(0),
    },
    frame: Frame { length: 72, code: 0, previous: 8, instruction: 56, owner: 70, stack_top: 64 },
    code: Code {
        first_line: 68,
        file: 112,
        name: 120,
        qualname: 128,
        lines: 136,
        instructions: 192,
        frame_size: Some(76),
        locals: 72,
        stack_size: 64,
        first_traceable: 176,
        local_names: 96,
        local_kinds: 104,
    },
    unicode: Unicode { length: 16, state: 32, ascii: 40, compact: 56 },
    generator: Generator { state: 67, frame: 72 },
    heap_type: HeapType { qualname: 872, keys: 880 },
    tuple_items: 24,
    type_name: 24,
    bytes: 32,
};
