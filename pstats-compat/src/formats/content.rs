//! What a file is, by its content; and in a sentence, where nobody here can read it.

use std::path::Path;

use super::format::Format;
use super::json_keys::top_level_keys;

/// What the beginning of a file, or all of it, tells.
#[derive(Debug, PartialEq)]
pub enum Content {
    /// A profile of this format, as it seems.
    Readable(Format),
    /// JSON of a kind that shows further on.
    Json,
    /// Something that is known and can't be read: what it is.
    Unread(String),
    /// Bytes that by their name, or because they are no text, could only be pstats, and that they are not.
    NoPstats,
    /// Nothing that is known here.
    Unknown,
}

/// Whether it is packed with gzip.
pub fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// Text in UTF-16, as PowerShell's `>` writes it, or behind a byte order mark, as UTF-8 without.
pub fn decode(bytes: &[u8]) -> Option<Vec<u8>> {
    let read: fn([u8; 2]) -> u16 = match bytes {
        [0xEF, 0xBB, 0xBF, text @ ..] => return Some(text.to_vec()),
        [0xFF, 0xFE, ..] => u16::from_le_bytes,
        [0xFE, 0xFF, ..] => u16::from_be_bytes,
        _ => return None,
    };
    let units = bytes[2..].chunks_exact(2).map(|pair| read([pair[0], pair[1]]));
    let text: String = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    Some(text.into_bytes())
}

/// What a file is. `is_whole`: nothing follows these bytes.
pub fn of(bytes: &[u8], is_whole: bool, path: Option<&Path>) -> Content {
    let is_text = is_text(bytes);
    if !is_text && super::pprof::looks_like_it(bytes, is_whole) {
        return Content::Readable(Format::Pprof);
    }
    if let Some(format) = Format::from_content(bytes) {
        return Content::Readable(format);
    }
    let is_json = matches!(bytes.trim_ascii_start(), [b'{' | b'[', ..]);
    if is_json {
        match of_json(bytes, is_whole) {
            Content::Unknown => {}
            known => return known,
        }
    }
    let start = &bytes[..bytes.len().min(4096)];
    if start.windows(OUR_PAGE.len()).any(|window| window == OUR_PAGE) {
        return Content::Readable(Format::Html);
    }
    if is_text && super::perf::looks_like_it(bytes) {
        return Content::Readable(Format::Perf);
    }
    if let Some(what) = unread(bytes) {
        return Content::Unread(what.to_owned());
    }
    let named = path.and_then(Format::from_path);
    match named {
        // No pstats file is text.
        Some(Format::Pstats) if is_text => {}
        // Our JSON and our pages say that they are ours.
        Some(Format::Json | Format::Html) => {}
        Some(format) if format.reader().is_some() => return Content::Readable(format),
        _ => {}
    }
    if is_text && super::collapsed::looks_like_it(bytes, is_whole) {
        return Content::Readable(Format::Collapsed);
    }
    match named {
        Some(Format::Pstats) => Content::NoPstats,
        _ if is_json && is_whole => {
            Content::Unread("JSON of no kind that Pikos reads, or not all of it".to_owned())
        }
        // A name that says no more than that it is text.
        Some(Format::Text) if is_text => Content::Unknown,
        Some(format) if is_text && format.reader().is_none() => Content::Unread(format!(
            "a {} file by its name, and Pikos writes those, but can't read them",
            format.name()
        )),
        _ if is_text => Content::Unknown,
        _ => Content::NoPstats,
    }
}

/// No bytes that only other things than text have.
fn is_text(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(4096)];
    !start.iter().any(|&byte| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b))
}

fn of_json(bytes: &[u8], is_whole: bool) -> Content {
    let keys = top_level_keys(bytes);
    let has = |key: &str| keys.iter().any(|known| known == key);
    let known = |what: &str| Content::Unread(what.to_owned());
    if has("$schema") && has("shared") || has("shared") && has("profiles") {
        return Content::Readable(Format::Speedscope);
    }
    if has("format") && has("functions") && has("edges") {
        return Content::Readable(Format::Json);
    }
    if has("traceEvents") || bytes.trim_ascii_start().starts_with(b"[") && has("ph") {
        return Content::Readable(Format::Trace);
    }
    if has("nodes") && (has("samples") || has("timeDeltas") || has("startTime")) {
        return Content::Readable(Format::Cpuprofile);
    }
    if has("meta") && (has("threads") || has("libs")) {
        return Content::Readable(Format::Firefox);
    }
    if has("profile") && has("fileType") {
        return known("a recording of Firefox's old developer tools, which can't be read");
    }
    if has("rts_arguments") && has("total_ticks") {
        return known("a profile of GHC (Haskell), which can't be read");
    }
    if has("recording") && (has("version") || has("overview")) {
        return known("a timeline of Safari's Web Inspector, which can't be read");
    }
    if has("mappings") && has("sources") {
        return known("a source map, and no profile");
    }
    if has("raw") && has("frames") && has("mode") {
        return known(
            "a profile of stackprof (Ruby), which can't be read: `stackprof --stackcollapse` makes one that can",
        );
    }
    if has("frame_tree") || has("root_frame") || has("frame_records") {
        return Content::Readable(Format::Pyinstrument);
    }
    if has("snapshot") && has("nodes") {
        return known("a heap snapshot of V8, and no profile of time");
    }
    if has("elapsed_time_sec") && has("files") {
        return known("a profile of Scalene, which knows lines and no calls");
    }
    if has("head") && !has("nodes") {
        return known(
            "a profile of V8 of before 2017, or of its heap, which can't be read: save it anew as .cpuprofile",
        );
    }
    match is_whole {
        true => Content::Unknown,
        false => Content::Json,
    }
}

/// In the head of each page that Pikos writes.
const OUR_PAGE: &[u8] = b"<meta name=\"generator\" content=\"Pikos\">";

/// Whether a file that begins so is a page of ours, of whatever version.
pub fn is_our_page(start: &[u8]) -> bool {
    start.windows(OUR_PAGE.len()).any(|window| window == OUR_PAGE)
}

const OLD_PPROF: &str =
    "a profile of gperftools, which can't be read: `pprof -proto PROGRAM FILE` makes one that can";

/// By what a file that isn't read is known, and what it is.
const UNREAD: [(&[u8], &str); 26] = [
    (b"\x28\xb5\x2f\xfd", "a file packed with zstd: unpack it first (`zstd -d`)"),
    (b"\xfd7zXZ", "a file packed with xz: unpack it first (`xz -d`)"),
    (b"BZh", "a file packed with bzip2: unpack it first (`bzip2 -d`)"),
    (b"PK\x03\x04", "a zip archive: unpack it first"),
    (b"\x7fELF", "a program or library, and no profile of one"),
    (b"MZ\x90", "a program or library, and no profile of one"),
    (b"\x89PNG", "a picture"),
    (b"%PDF", "a PDF"),
    (b"SQLite format 3", "a database of SQLite"),
    (b"PAR1", "a table in Parquet"),
    (b"FLR\0", "a recording of Java's Flight Recorder, which can't be read"),
    (b"gmon", "a profile of gprof, which can't be read"),
    (b"PERFILE2", "a recording of perf: `perf script >FILE` makes a text of it that can be read"),
    (
        b"memray",
        "a recording of memray, which can't be read: `memray transform` makes files that other tools open",
    ),
    (
        b"HCAT\x01\0",
        "a recording of CPython's sampling profiler: `python -m profiling.sampling replay` makes files that can be read",
    ),
    // A head of zeros, which counts what follows: 3 numbers of 8 or of 4 bytes.
    (b"\0\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0", OLD_PPROF),
    (b"\0\0\0\0\x03\0\0\0\0\0\0\0", OLD_PPROF),
    (b"heap profile: ", OLD_PPROF),
    (b"--- heapz ", OLD_PPROF),
    (b"PeriodType: ", "the text of `go tool pprof -raw`: the profile itself is needed"),
    (b"Flat profile:", "the text of gprof, which can't be read"),
    (b"v8-version,", "a log of V8, which can't be read: `node --cpu-prof` makes a profile that can"),
    (b"digraph", "a graph for Graphviz: make a picture of it with `dot`"),
    (b"%!PS", "a PostScript file"),
    (b"desc: --", "a profile of massif, which knows memory and no calls"),
    (b"mem_heap_B", "a profile of massif, which knows memory and no calls"),
];

fn unread(bytes: &[u8]) -> Option<&'static str> {
    let start = &bytes[..bytes.len().min(4096)];
    let has =
        |word: &str| start.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes()));
    if let Some((_, what)) = UNREAD.iter().find(|(magic, _)| start.starts_with(magic)) {
        return Some(what);
    }
    let text = start.trim_ascii_start();
    let begins =
        |word: &str| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()));
    // A stack may begin with `<module>` as well.
    if ["<!doctype", "<html", "<?xml", "<svg", "<!--"].into_iter().any(begins) {
        return Some(match () {
            () if has("<!doctype html") || has("<html") => "a page: open it in a browser",
            () if has("<svg") => "a picture: open it in a browser",
            () => "XML, which can't be read",
        });
    }
    match () {
        () if has("Time and Allocation Profiling Report") => {
            Some("the text of GHC's profiler, which can't be read")
        }
        () if text.starts_with(b"_     ._   __/__") || has("/_//_/// /_\\ / //_// / //_'/ //") => Some(
            "the text of pyinstrument, which can't be read: `pyinstrument -r speedscope -o OUT` makes a file that can",
        ),
        () if has("function calls") && has("seconds") && has("ncalls") => {
            Some("the text that pstats prints: the profile itself is needed")
        }
        () if has("Statistical profiling result from") => {
            Some("the text of V8's profiler, which can't be read: `node --cpu-prof` makes a profile that can")
        }
        () if has("Timer unit:") => Some("the text of line_profiler, which can't be read"),
        () if has("mem_heap_B=") => Some("a profile of massif, which knows memory and no calls"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(bytes: &[u8]) -> String {
        match of(bytes, true, None) {
            Content::Unread(what) => what,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn what_is_not_read_is_named() {
        for (bytes, expected) in [
            (&b"\x28\xb5\x2f\xfd\x00"[..], "zstd"),
            (b"Flat profile:\n\nEach sample counts as 0.01 seconds.\n", "gprof"),
            (b"\n  _     ._   __/__   _ _  _  _ _/_   Recorded: 14:32\n /_//_/// /_\\ / //_// / //_'/ //  Samples: 3\n", "pyinstrument"),
            (b"\tSun Jan 1 2017 Time and Allocation Profiling Report  (Final)\n", "GHC"),
            (b"<!DOCTYPE html>\n<html><title>profile</title>", "a page"),
            (b"<?xml version=\"1.0\"?><svg width=\"10\">", "a picture"),
            (b"{\"version\": 1, \"recording\": {}}", "Safari"),
            (b"{\"version\": 3, \"sources\": [\"shared\"], \"mappings\": \"\"}", "source map"),
            (b"{\"version\": 1.2, \"mode\": \"wall\", \"frames\": {}, \"raw\": []}", "stackprof"),
            (b"         3 function calls in 0.001 seconds\n\n   ncalls  tottime", "pstats prints"),
            (b"digraph { a -> b }", "Graphviz"),
            (b"\0\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10\x27\0\0\0\0\0\0", "gperftools"),
            (b"HCAT\x01\0\0\0\x03\x0f", "profiling.sampling replay"),
        ] {
            assert!(what(bytes).contains(expected), "{:?}: {}", String::from_utf8_lossy(bytes), what(bytes));
        }
        assert_eq!(what(b"hello\n"), "Unknown");
        assert_eq!(what(b"\0\0\0"), "NoPstats");
        // Its reader says best why it is none.
        assert_eq!(of(b"hello 3 times\n", true, Some(Path::new("x.prof"))), Content::NoPstats);
        assert_eq!(what(b"\x80\x04\x95\x00\x00"), "NoPstats");
    }

    #[test]
    fn other_encodings_become_utf8() {
        let text = "a;grüße 3\n";
        let wide: Vec<u8> = "\u{feff}a;grüße 3\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(decode(&wide).as_deref(), Some(text.as_bytes()));
        let wide: Vec<u8> = "\u{feff}a;grüße 3\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(decode(&wide).as_deref(), Some(text.as_bytes()));
        assert_eq!(decode("\u{feff}a".as_bytes()).as_deref(), Some(&b"a"[..]));
        assert_eq!(decode(text.as_bytes()), None);
    }
}
