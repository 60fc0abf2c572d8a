//! Reads the tree of `-r json`.

use super::frame::function;
use crate::error::{Error, Result};
use crate::formats::json_tokens::{Token, Tokens};
use crate::model::{Metadata, NodeId, Profile};
use crate::stacks::StackCollector;

/// Own time within a function, as a child of it.
const SELF: &str = "[self]";

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
    let mut tokens = Tokens::new(bytes);
    while let Some(token) = tokens.next()? {
        let inside = open.last().copied().unwrap_or(Open::Other);
        match token {
            Token::Key(name) => key = name,
            Token::Open(bracket) => {
                let parent = match inside {
                    Open::Children(parent) => Some(parent),
                    _ => None,
                };
                let is_root = || open.len() == 1 && matches!(key, b"\"root_frame\"" | b"\"frame_tree\"");
                let opened = match (inside, bracket) {
                    (Open::Frame(frame), b'[') if key == b"\"children\"" => Open::Children(frame),
                    (_, b'{') if parent.is_some() || is_root() => {
                        frames.push(Frame { parent, ..Frame::default() });
                        Open::Frame(frames.len() - 1)
                    }
                    _ => Open::Other,
                };
                open.push(opened);
            }
            Token::Close(_) => {
                if let Some(Open::Frame(frame)) = open.pop()
                    && let Some(parent) = frames[frame].parent
                {
                    frames[parent].below += frames[frame].time;
                }
            }
            Token::Value(text) => match (inside, key) {
                (Open::Frame(frame), _) => frames[frame].take(key, text, &tokens)?,
                (_, b"\"target_description\"") if open.len() == 1 => *title = tokens.value(text)?,
                _ => {}
            },
        }
    }
    Ok(frames)
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
