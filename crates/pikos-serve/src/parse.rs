//! What a request says, in our own terms: queries, cookies, scopes, ids of events. All of it may be hostile.

use pikos_views::ProcessId;

/// A query has so many fields at most; the rest isn't looked at.
const MOST_FIELDS: usize = 16;

/// What a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scoped {
    /// All live processes; all files, if there are only files.
    All,
    /// All files.
    Files,
    /// A live process.
    Process(ProcessId),
    /// A thread of a live process.
    Thread(ProcessId, u64),
    /// A file.
    File(ProcessId),
}

impl Scoped {
    /// `all`, `files`, `p0`, `p0:7`, `f0`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "all" => return Some(Scoped::All),
            "files" => return Some(Scoped::Files),
            _ => {}
        }
        let (id, thread) = match text.split_once(':') {
            Some((id, thread)) => (id, Some(number(thread)?)),
            None => (text, None),
        };
        let kind = id.as_bytes().first()?;
        let process = ProcessId(u32::try_from(number(id.get(1..)?)?).ok()?);
        match (kind, thread) {
            (b'p', None) => Some(Scoped::Process(process)),
            (b'p', Some(thread)) => Some(Scoped::Thread(process, thread)),
            (b'f', None) => Some(Scoped::File(process)),
            _ => None,
        }
    }

    /// The thread, of a scope that is one.
    pub fn thread(self) -> Option<u64> {
        match self {
            Scoped::Thread(_, thread) => Some(thread),
            _ => None,
        }
    }
}

/// A number as we write it: no sign, no space, no zero in front.
fn number(text: &str) -> Option<u64> {
    let is_plain =
        text.bytes().all(|byte| byte.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_plain)
}

/// Which event a viewer has seen last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventId {
    /// The viewers' stream.
    pub stream: u64,
    /// Which of the times between two clears.
    pub epoch: u64,
    /// The event.
    pub seq: u64,
}

impl EventId {
    /// `STREAM.EPOCH.SEQ`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let stream = parts.next().filter(|text| text.len() <= 16 && !text.starts_with('+'))?;
        let id = Self {
            stream: u64::from_str_radix(stream, 16).ok()?,
            epoch: number(parts.next()?)?,
            seq: number(parts.next()?)?,
        };
        parts.next().is_none().then_some(id)
    }
}

impl std::fmt::Display for EventId {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:016x}.{}.{}", self.stream, self.epoch, self.seq)
    }
}

/// The value of a query's field: the first of that name.
pub fn query(text: &str, name: &str) -> Option<String> {
    let mut fields = text.split('&').take(MOST_FIELDS);
    fields.find_map(|field| {
        let (key, value) = field.split_once('=').unwrap_or((field, ""));
        (decoded(key)? == name).then(|| decoded(value))?
    })
}

/// Percent signs taken out; nothing if that is no text.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = rest.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
                bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
                rest = &rest[2..];
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).ok()
}

/// The values of a cookie's name: a browser sends those of other servers of this host, too.
pub fn cookie<'t>(text: &'t str, name: &'t str) -> impl Iterator<Item = &'t str> {
    text.split(';').filter_map(move |pair| {
        let (key, value) = pair.trim().split_once('=')?;
        (key == name).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_written_in_one_way() {
        let process = ProcessId(12);
        for (text, expected) in [
            ("all", Some(Scoped::All)),
            ("files", Some(Scoped::Files)),
            ("p12", Some(Scoped::Process(process))),
            ("p12:0", Some(Scoped::Thread(process, 0))),
            ("f12", Some(Scoped::File(process))),
        ] {
            assert_eq!(Scoped::parse(text), expected, "{text}");
        }
        for text in [
            "",
            "p",
            "12",
            "p012",
            "p+1",
            "p-1",
            "p1:",
            "p1:x",
            "p1:2:3",
            "f1:2",
            "p4294967296",
            "ALL",
            "é1",
            "p1 ",
            "p1/..",
        ] {
            assert_eq!(Scoped::parse(text), None, "{text}");
        }
    }

    #[test]
    fn ids_of_events_come_back_as_they_went() {
        let id = EventId { stream: 0xfeed, epoch: 3, seq: 70 };
        assert_eq!(id.to_string(), "000000000000feed.3.70");
        assert_eq!(EventId::parse(&id.to_string()), Some(id));
        for text in ["", "1.2", "1.2.3.4", "x.1.1", "1..1", "+1.1.1", "11111111111111111.1.1", "1.1.-1"] {
            assert_eq!(EventId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn queries_are_text_or_nothing() {
        assert_eq!(query("a=1&scope=p0%3A7&b", "scope").as_deref(), Some("p0:7"));
        assert_eq!(query("a=1&a=2", "a").as_deref(), Some("1"));
        assert_eq!(query("b", "b").as_deref(), Some(""));
        for text in ["", "a=%", "a=%4", "a=%zz", "a=%+1", "a=%ff", "b=1", "%61%ff=1"] {
            assert_eq!(query(text, "a"), None, "{text}");
        }
    }

    #[test]
    fn cookies_of_others_are_passed_over() {
        let found: Vec<&str> = cookie("a=1; pikos-1=x=y;pikos-1=z; pikos-12=no", "pikos-1").collect();
        assert_eq!(found, ["x=y", "z"]);
        assert_eq!(cookie("", "pikos-1").count(), 0);
    }
}
