//! A profile out of a stream: what is packed is unpacked, its content says which format it is, and no more is read than a limit.
//!
//! What can't be read is refused by its beginning: an endless stream of something else ends there.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::content::{self, Content};
use super::format::Format;
use super::limits::MOST_BYTES;
use super::{callgrind, pprof, speedscope};
use crate::error::{Error, Result};
use crate::label_sets::{self, Wanted};
use crate::model::Profile;

/// So much of it says what it is.
const HEAD: usize = 1 << 16;
/// A format that is packed itself may have been packed once more on its way, and again.
const MOST_WRAPPINGS: usize = 3;

/// How to read a file that could be read in several ways.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// Its format, where content and name don't tell.
    pub format: Option<Format>,
    /// Which of the quantities that it holds: callgrind's events, pprof's sample types.
    pub event: Option<String>,
    /// Which of the profiles that it holds, by number (from 1) or by name.
    pub profile: Option<String>,
    /// Under which labels; all if none is named.
    pub labels: Vec<Wanted>,
}

/// Reads a profile. `path` is what it is called, if it has a name.
pub fn read_from(source: impl Read, path: Option<&Path>, options: &ReadOptions) -> Result<Profile> {
    let (format, bytes) = contents(source, path, options.format)?;
    label_sets::only(read(format, &bytes, options)?, &options.labels)
}

/// What a stream holds, unpacked, and in which format it is: the one that is asked for, or else what content and name say.
pub fn contents(source: impl Read, path: Option<&Path>, format: Option<Format>) -> Result<(Format, Vec<u8>)> {
    let Unpacked { source, head, name, is_packed } = unpack(source, path)?;
    let unpacked = |error| if is_packed { unpacking(error) } else { error };
    if head.is_empty() {
        let packed = if is_packed { ", packed with gzip" } else { "" };
        return Err(Error::Unread(format!("an empty file{packed}")));
    }
    let is_whole = head.len() < HEAD;
    // A text that says its encoding, or is in one with a mark for it.
    let decoded = content::decode(&head);
    let found = match format {
        Some(format) => Content::Readable(format),
        None => content::of(decoded.as_deref().unwrap_or(&head), is_whole, name.as_deref()),
    };
    match found {
        // Its reader says best why a file is none, and needs no more of this one.
        Content::NoPstats => return Err(refusal(&head)),
        Content::Unread(what) => return Err(Error::Unread(what)),
        Content::Unknown if is_whole => return Err(unknown()),
        Content::Unknown | Content::Json | Content::Readable(_) => {}
    }
    let mut bytes = head;
    if !is_whole {
        if matches!(found, Content::Unknown) {
            return Err(unknown());
        }
        let room = (MOST_BYTES - bytes.len() + 1) as u64;
        source.take(room).read_to_end(&mut bytes).map_err(|error| unpacked(error.into()))?;
        if bytes.len() > MOST_BYTES {
            return Err(Error::TooLarge { limit: MOST_BYTES });
        }
    }
    if let Some(text) = content::decode(&bytes) {
        bytes = text;
    }
    let format = match found {
        Content::Readable(format) => format,
        _ => match content::of(&bytes, true, name.as_deref()) {
            Content::Readable(format) => format,
            Content::Unread(what) => return Err(Error::Unread(what)),
            Content::NoPstats => return Err(refusal(&bytes)),
            Content::Json | Content::Unknown => return Err(unknown()),
        },
    };
    Ok((format, bytes))
}

/// Whether a file's beginning, or its name, says that it is a profile.
pub fn is_profile(source: impl Read, path: &Path) -> Result<bool> {
    let Unpacked { head, name, .. } = unpack(source, Some(path))?;
    let decoded = content::decode(&head);
    let found = content::of(decoded.as_deref().unwrap_or(&head), head.len() < HEAD, name.as_deref());
    Ok(match found {
        Content::Readable(_) => true,
        Content::Json => name.is_some_and(|name| Format::from_path(&name).is_some()),
        Content::Unread(_) | Content::NoPstats | Content::Unknown => false,
    })
}

/// A stream whose beginning has been looked at.
struct Unpacked<'a> {
    /// What comes after its beginning.
    source: Box<dyn Read + 'a>,
    head: Vec<u8>,
    /// What it is called without the endings of what it was packed in.
    name: Option<PathBuf>,
    is_packed: bool,
}

fn unpack<'a>(source: impl Read + 'a, path: Option<&Path>) -> Result<Unpacked<'a>> {
    let mut source: Box<dyn Read + 'a> = Box::new(source);
    let mut name = path.map(Path::to_owned);
    let mut head = head_of(&mut source)?;
    let mut wrappings = 0;
    while content::is_gzip(&head) {
        if wrappings == MOST_WRAPPINGS {
            return Err(Error::Unread("gzip in gzip, four times over: unpack it first".to_owned()));
        }
        wrappings += 1;
        source = Box::new(MultiGzDecoder::new(io::Cursor::new(head).chain(source)));
        head = head_of(&mut source).map_err(unpacking)?;
        // `x.pb.gz` says more than `x.pb` does.
        name =
            name.map(|name| match name.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gz")) {
                true if Format::from_path(&name).is_none() => name.with_extension(""),
                _ => name,
            });
    }
    Ok(Unpacked { source, head, name, is_packed: wrappings > 0 })
}

/// Reads a profile, or the part of it that is asked for.
fn read(format: Format, bytes: &[u8], options: &ReadOptions) -> Result<Profile> {
    match format {
        Format::Callgrind => callgrind::read_event(bytes, options.event.as_deref()),
        Format::Pprof => pprof::read_event(bytes, options.event.as_deref()),
        Format::Speedscope => speedscope::read_profile(bytes, options.profile.as_deref()),
        _ => match format.reader() {
            Some(read) => read(bytes),
            None => Err(Error::NoReader(format.name())),
        },
    }
}

fn head_of(source: &mut dyn Read) -> Result<Vec<u8>> {
    let mut head = Vec::new();
    match source.take(HEAD as u64).read_to_end(&mut head) {
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
            Err(Error::Unread("a folder: name the files in it".to_owned()))
        }
        read => Ok(read.map(|_| head)?),
    }
}

fn unknown() -> Error {
    Error::UnknownFormat { readable: Format::readable().join(", ") }
}

fn refusal(head: &[u8]) -> Error {
    super::pstats::read(head).err().unwrap_or_else(unknown)
}

fn unpacking(error: Error) -> Error {
    match error {
        Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Error::Incomplete { problem: "the gzip that it is packed in ends too early".to_owned() }
        }
        Error::Io(error)
            if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) =>
        {
            Error::Incomplete { problem: format!("the gzip that it is packed in is not sound ({error})") }
        }
        error => error,
    }
}
