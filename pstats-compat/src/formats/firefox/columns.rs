//! Where a thread's stacks, frames and functions are read from: its own tables, or else those that threads share.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::gecko;
use super::table::{Column, Table, bad};
use crate::error::{Error, Result};
use crate::model::{Text, Thread};

/// What a thread has of its own, or shares with the others.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct Tables {
    name: Option<Word>,
    pid: Option<Word>,
    tid: Option<Word>,
    pub samples: Option<Box<Table>>,
    #[serde(alias = "stringTable")]
    string_array: Option<Vec<String>>,
    stack_table: Option<Box<Table>>,
    frame_table: Option<Box<Table>>,
    func_table: Option<Box<Table>>,
    resource_table: Option<Box<Table>>,
    sources: Option<Box<Table>>,
}

/// Some write numbers as text, and some text is a number and more.
#[derive(Deserialize)]
#[serde(untagged)]
enum Word {
    Number(u64),
    Text(String),
    Other(IgnoredAny),
}

impl Word {
    /// A number of the system's, which never is 0.
    fn number(&self) -> Option<u64> {
        let number = match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
            Self::Other(_) => None,
        };
        number.filter(|&number| number > 0)
    }
}

impl Tables {
    /// The thread that they are of.
    pub fn thread(&self) -> Thread {
        let name = match &self.name {
            Some(Word::Text(name)) if !name.is_empty() => Some(name.as_str().into()),
            _ => None,
        };
        let number = |word: &Option<Word>| word.as_ref().and_then(Word::number);
        Thread { name, process: number(&self.pid), id: number(&self.tid), ..Thread::default() }
    }

    /// Whether there is any that stacks are read from.
    pub fn has_any(&self) -> bool {
        let Self { string_array, stack_table, frame_table, func_table, resource_table, sources, .. } = self;
        let tables = [stack_table, frame_table, func_table, resource_table, sources];
        string_array.is_some() || tables.iter().any(|table| table.is_some())
    }

    pub fn count_stacks(&self) -> usize {
        let frame = self.stack_table.as_ref().and_then(|table| table.column("", "", "frame"));
        frame.map_or(0, |frame| frame.rows())
    }

    fn table(&self, name: &str) -> Option<&Table> {
        let table = match name {
            "stackTable" => &self.stack_table,
            "frameTable" => &self.frame_table,
            "funcTable" => &self.func_table,
            "resourceTable" => &self.resource_table,
            _ => &self.sources,
        };
        table.as_deref()
    }
}

/// The columns that stacks are made of.
pub struct Columns<'d> {
    /// For each stack the one below it, …
    prefix: Column<'d>,
    /// … or how many rows above it that stands, and 0 for none: version 66 and later.
    is_offset: bool,
    frame: Column<'d>,
    frames: Frames<'d>,
    texts: &'d [String],
}

/// For each frame its function.
enum Frames<'d> {
    /// Gecko's: all that is known of a function is one text.
    Located(Column<'d>),
    Processed {
        func: Column<'d>,
        functions: Box<Functions<'d>>,
    },
}

struct Functions<'d> {
    name: Column<'d>,
    line: Option<Column<'d>>,
    file: Option<Column<'d>>,
    /// Of later versions: a row of another table, and in that its file.
    source: Option<(Column<'d>, Column<'d>)>,
    /// The same for a library.
    library: Option<(Column<'d>, Column<'d>)>,
}

impl<'d> Columns<'d> {
    /// Those of a thread. Each pair is tables, and what they are called in an error.
    pub fn of(own: (&'d Tables, &'d str), shared: (&'d Tables, &'d str)) -> Result<Self> {
        let column = |table: &'static str, name: &'static str| {
            let find = |(tables, owner): (&'d Tables, &'d str)| Some((tables.table(table)?, owner));
            let (found, owner) = find(own).or_else(|| find(shared))?;
            found.column(owner, table, name)
        };
        let needed = |table, name| {
            column(table, name).ok_or_else(|| bad(format!("{}.{table}.{name}", own.1), "it is missing"))
        };
        let both = |first: Option<_>, second: Option<_>| Some((first?, second?));
        let offset = column("stackTable", "prefixOffset");
        let is_offset = offset.is_some();
        let prefix = offset.map_or_else(|| needed("stackTable", "prefix"), Ok)?;
        let frame = needed("stackTable", "frame")?;
        if prefix.rows() != frame.rows() {
            return Err(bad(format!("{}.stackTable", own.1), "its columns are not equally long"));
        }
        let texts = own.0.string_array.as_ref().or(shared.0.string_array.as_ref());
        let texts = texts.ok_or_else(|| bad(format!("{}.stringArray", own.1), "it is missing"))?;
        let frames = match (column("frameTable", "func"), column("frameTable", "location")) {
            (None, Some(location)) => Frames::Located(location),
            _ => Frames::Processed {
                func: needed("frameTable", "func")?,
                functions: Box::new(Functions {
                    name: needed("funcTable", "name")?,
                    line: column("funcTable", "lineNumber"),
                    file: column("funcTable", "fileName"),
                    source: both(column("funcTable", "source"), column("sources", "filename")),
                    library: both(column("funcTable", "resource"), column("resourceTable", "name")),
                }),
            },
        };
        Ok(Self { prefix, is_offset, frame, frames, texts })
    }

    /// How many stacks there are.
    pub fn stacks(&self) -> usize {
        self.prefix.rows()
    }

    /// The stack below a stack, if any.
    pub fn below(&self, stack: usize) -> Result<Option<usize>> {
        if !self.is_offset {
            return self.prefix.index(stack, self.stacks(), "stack");
        }
        // No further up than the first row.
        let up = self.prefix.index(stack, stack + 1, "stack so many rows above it:")?.unwrap_or(0);
        Ok((up > 0).then(|| stack - up))
    }

    /// What is wrong with a stack.
    pub fn bad(&self, stack: usize, problem: &str) -> Error {
        self.prefix.bad(stack, problem)
    }

    /// The frame of a stack.
    pub fn frame(&self, stack: usize) -> Result<usize> {
        let (Frames::Located(frames) | Frames::Processed { func: frames, .. }) = &self.frames;
        self.frame.some_index(stack, frames.rows(), "frame")
    }

    /// File, line and name of a frame's function.
    pub fn function(&self, frame: usize) -> Result<(Text, u32, Text)> {
        let texts = self.texts;
        match &self.frames {
            Frames::Located(location) => {
                Ok(gecko::function(&texts[location.some_index(frame, texts.len(), "text")?]))
            }
            Frames::Processed { func, functions } => {
                let function = func.some_index(frame, functions.name.rows(), "function")?;
                let name = functions.name.some_index(function, texts.len(), "text")?;
                let file = functions.file(function, texts.len())?;
                let file = file.map_or("~", |file| texts[file].as_str());
                Ok((file.into(), functions.line(function)?, texts[name].as_str().into()))
            }
        }
    }
}

impl Functions<'_> {
    /// The text that is a function's file, or its library.
    fn file(&self, function: usize, texts: usize) -> Result<Option<usize>> {
        if let Some(file) = &self.file
            && let Some(text) = file.index(function, texts, "text")?
        {
            return Ok(Some(text));
        }
        if let Some((source, file)) = &self.source
            && let Some(source) = source.index(function, file.rows(), "source")?
            && let Some(text) = file.index(source, texts, "text")?
        {
            return Ok(Some(text));
        }
        // -1 is none of them.
        if let Some((resource, name)) = &self.library
            && resource.number(function)? != Some(-1.0)
            && let Some(resource) = resource.index(function, name.rows(), "resource")?
        {
            return name.index(resource, texts, "text");
        }
        Ok(None)
    }

    fn line(&self, function: usize) -> Result<u32> {
        let Some(line) = &self.line else { return Ok(0) };
        let number = line.number(function)?.unwrap_or(0.0);
        match f64::from(number as u32) == number {
            true => Ok(number as u32),
            false => Err(line.bad(function, &format!("there is no line {number}"))),
        }
    }
}
