//! Reads the tree of `-r json`.

use super::frame::{NAMELESS, function, is_named};
use crate::error::{Error, Result};
use crate::formats::json_tokens::{Token, Tokens};
use crate::model::{Metadata, NodeId, Profile};
use crate::stacks::StackCollector;

/// Own time within a function, as a child of it.
const SELF: &str = "[self]";
const CHILDREN: &[u8] = b"\"children\"";

/// What stands where a frame has to.
const NO_FRAME: &str = "this is no frame";

#[derive(Default)]
struct Frame {
    parent: Option<usize>,
    name: String,
    class: String,
    file: String,
    line: u32,
    time: f64,
    /// That of its children.
    below: f64,
    /// Where it begins in the file.
    start: usize,
}

/// Reads the stacks.
pub fn read(bytes: &[u8]) -> Result<Profile> {
    let mut title = None;
    let frames = frames(bytes, &mut title)?;
    let too_many = || Error::BadField {
        field: "root_frame".to_owned(),
        problem: "more stacks than a profile can hold, or a deeper one".to_owned(),
    };
    let mut collector = StackCollector::default();
    let mut nodes: Vec<Option<NodeId>> = Vec::with_capacity(frames.len());
    for frame in &frames {
        let parent = frame.parent.and_then(|parent| nodes[parent]);
        let node = match parent {
            Some(parent) if frame.name == SELF => parent,
            _ => {
                let class = Some(frame.class.as_str());
                function(&mut collector, &frame.name, class, &frame.file, frame.line)
                    .and_then(|function| collector.enter(parent, function))
                    .ok_or_else(too_many)?
            }
        };
        nodes.push(Some(node));
        // Its times have six digits.
        let own = frame.time - frame.below;
        collector.spend(node, if own > 1e-6 { own } else { 0.0 });
    }
    Ok(collector
        .finish(Metadata { title: title.map(|title: String| title.as_str().into()), ..Metadata::default() }))
}

/// What is open in the document.
#[derive(Clone, Copy)]
enum Open {
    /// A frame, by its number.
    Frame(usize),
    /// The list of a frame's children.
    Children(usize),
    Other,
}

/// All frames, callers first.
fn frames(bytes: &[u8], title: &mut Option<String>) -> Result<Vec<Frame>> {
    let mut frames: Vec<Frame> = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    let mut key: &[u8] = b"";
    let mut has_root = false;
    let mut tokens = Tokens::new(bytes);
    while let Some(token) = tokens.next()? {
        let inside = open.last().copied().unwrap_or(Open::Other);
        let is_outermost = open.len() == 1;
        let is_root = is_outermost && matches!(key, b"\"root_frame\"" | b"\"frame_tree\"");
        let mut push = |parent, tokens: &Tokens<'_>| {
            frames.push(Frame { parent, start: tokens.start(), ..Frame::default() });
            frames.len() - 1
        };
        match token {
            Token::Key(name) => key = name,
            Token::Open(bracket) => open.push(match (inside, bracket) {
                (Open::Children(parent), b'{') => Open::Frame(push(Some(parent), &tokens)),
                (_, b'{') if is_root => Open::Frame(push(None, &tokens)),
                (Open::Frame(frame), b'[') if key == CHILDREN => Open::Children(frame),
                (Open::Children(_), _) => return Err(tokens.bad(NO_FRAME)),
                (Open::Frame(_), _) if key == CHILDREN => return Err(tokens.bad(NO_FRAME)),
                _ if is_root => return Err(tokens.bad(NO_FRAME)),
                _ => Open::Other,
            }),
            Token::Close(_) => {
                if let Some(Open::Frame(frame)) = open.pop() {
                    let Frame { parent, time, start, .. } = frames[frame];
                    if !is_named(&frames[frame].name, &frames[frame].file) {
                        return Err(Error::BadValue { offset: start, problem: NAMELESS.to_owned() });
                    }
                    if let Some(parent) = parent {
                        frames[parent].below += time;
                    }
                }
            }
            Token::Value(text) => match (inside, key) {
                (Open::Children(_), _) => return Err(tokens.bad(NO_FRAME)),
                // A session without samples has none.
                (Open::Frame(_), CHILDREN) | (Open::Other, _) if text == b"null" => {}
                (Open::Frame(_), CHILDREN) => return Err(tokens.bad(NO_FRAME)),
                (Open::Frame(frame), _) => frames[frame].take(key, text, &tokens)?,
                _ if is_root => return Err(tokens.bad(NO_FRAME)),
                (_, b"\"target_description\"") if is_outermost => *title = tokens.value(text)?,
                _ => {}
            },
        }
        has_root |= is_root;
    }
    match has_root {
        true => Ok(frames),
        false => Err(Error::BadField { field: "root_frame".to_owned(), problem: "it is missing".to_owned() }),
    }
}

impl Frame {
    fn take<'b>(&mut self, key: &[u8], text: &'b [u8], tokens: &Tokens<'b>) -> Result<()> {
        let word = || Ok::<_, Error>(tokens.value::<Option<String>>(text)?.unwrap_or_default());
        match key {
            b"\"function\"" => self.name = word()?,
            b"\"class_name\"" => self.class = word()?,
            b"\"file_path\"" => self.file = word()?,
            b"\"line_no\"" => self.line = tokens.value::<Option<u32>>(text)?.unwrap_or_default(),
            b"\"time\"" => self.time = tokens.value(text)?,
            _ => {}
        }
        Ok(())
    }
}
