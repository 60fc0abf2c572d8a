//! Takes events out of JSON while it is read: a file of them may be large, and an event is small.

use std::collections::HashMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The beginning of a call, or its end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Begin,
    End,
    /// A whole call, with its microseconds.
    Whole(f64),
}

/// An event of a call.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    pub kind: Kind,
    /// Microseconds.
    pub at: f64,
    /// A place in [`Events::frames`]; of an end that has no name, none.
    pub frame: Option<u32>,
}

/// What a call is of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Frame {
    pub name: String,
    pub file: Option<String>,
    pub line: Option<u32>,
}

/// The events of a thread, in the order of the file.
pub struct ThreadEvents {
    pub ids: Ids,
    pub events: Vec<Event>,
}

/// The process and the thread, as the file writes them: mostly numbers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ids {
    pub process: String,
    pub thread: String,
}

/// The events of a file.
#[derive(Default)]
pub struct Events {
    pub threads: Vec<ThreadEvents>,
    pub frames: Vec<Frame>,
    /// What threads are called, if the file says so.
    pub names: HashMap<Ids, String>,
    /// Whether there are samples of a CPU profile, which are something else.
    pub has_samples: bool,
    places: HashMap<Frame, u32>,
    by_ids: HashMap<Ids, usize>,
}

#[derive(Deserialize)]
struct EventRead {
    #[serde(default)]
    ph: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    ts: Option<Number>,
    #[serde(default)]
    dur: Option<Number>,
    #[serde(default)]
    pid: Option<Number>,
    #[serde(default)]
    tid: Option<Number>,
    #[serde(default)]
    args: Option<Arguments>,
}

/// Some write numbers as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Plain(f64),
    Text(String),
    Other(IgnoredAny),
}

impl Number {
    fn value(&self) -> Option<f64> {
        match self {
            Self::Plain(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
            Self::Other(_) => None,
        }
        .filter(|number: &f64| number.is_finite())
    }

    fn text(number: Option<Self>) -> String {
        match number {
            Some(Self::Plain(number)) => number.to_string(),
            Some(Self::Text(text)) => text,
            _ => String::new(),
        }
    }
}

/// What some say of a function beside its name; anything may stand there.
#[derive(Deserialize)]
#[serde(untagged)]
enum Arguments {
    Place {
        #[serde(default)]
        filename: Option<String>,
        #[serde(default)]
        url: Option<String>,
        #[serde(default)]
        line: Option<Number>,
        #[serde(default)]
        name: Option<Number>,
    },
    Other(IgnoredAny),
}

impl Events {
    fn take(&mut self, event: EventRead) {
        let ids = Ids { process: Number::text(event.pid), thread: Number::text(event.tid) };
        let kind = match (event.ph.as_str(), &event.dur) {
            ("B", _) => Kind::Begin,
            ("E", _) => Kind::End,
            // Without a duration it has begun and did not end.
            ("X", None) => Kind::Begin,
            ("X", Some(time)) => match time.value() {
                Some(time) => Kind::Whole(time.max(0.0)),
                None => return,
            },
            ("M", _) if event.name.as_deref() == Some("thread_name") => {
                if let Some(Arguments::Place { name: Some(Number::Text(name)), .. }) = event.args {
                    self.names.insert(ids, name);
                }
                return;
            }
            ("P" | "N", _) if event.name.as_deref().is_some_and(|name| name.starts_with("Profile")) => {
                self.has_samples = true;
                return;
            }
            _ => return,
        };
        let Some(at) = event.ts.as_ref().and_then(Number::value) else {
            return;
        };
        let next = self.threads.len();
        let thread = match self.by_ids.get(&ids) {
            Some(&known) => known,
            None => {
                self.by_ids.insert(ids.clone(), next);
                self.threads.push(ThreadEvents { ids, events: Vec::new() });
                next
            }
        };
        let frame = event.name.map(|name| {
            let (file, line) = match event.args {
                Some(Arguments::Place { filename, url, line, .. }) => {
                    let line = line.as_ref().and_then(Number::value).filter(|line| *line >= 0.0);
                    (filename.or(url), line.map(|line| line as u32))
                }
                _ => (None, None),
            };
            self.place(Frame { name, line: line.filter(|_| file.is_some()), file })
        });
        self.threads[thread].events.push(Event { kind, at, frame });
    }

    fn place(&mut self, frame: Frame) -> u32 {
        if let Some(&place) = self.places.get(&frame) {
            return place;
        }
        let place = self.frames.len() as u32;
        self.frames.push(frame.clone());
        self.places.insert(frame, place);
        place
    }
}

/// Fills events from a document, or from an array of them.
pub struct Document<'e>(pub &'e mut Events);

impl<'de> DeserializeSeed<'de> for Document<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Document<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("trace events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut events: A) -> Result<(), A::Error> {
        while let Some(event) = events.next_element()? {
            self.0.take(event);
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut document: A) -> Result<(), A::Error> {
        while let Some(key) = document.next_key::<String>()? {
            match key.as_str() {
                "traceEvents" => document.next_value_seed(Document(self.0))?,
                _ => drop(document.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}
