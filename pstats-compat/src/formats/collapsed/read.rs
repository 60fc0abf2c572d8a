//! Reads the stacks, with the comments that others put between them.

use std::collections::HashMap;

use super::austin::Austin;
use super::frame::{self, Frame};
use super::thread;
use crate::error::{Error, Result};
use crate::model::{FunctionId, Metadata, Profile, Unit};
use crate::stacks::StackCollector;

/// One line that is no stack is passed over for so many that are.
const MOST_OTHERS: usize = 4;
/// Enough lines to say that a file is one.
const ENOUGH: usize = 50;

/// Reads collapsed stacks.
pub fn read(bytes: &[u8]) -> Result<Profile> {
    let mut austin = Austin::default();
    let mut is_austin = false;
    let mut are_differences = true;
    for line in bytes.split(|&byte| byte == b'\n') {
        match line_of(line) {
            Line::Comment(text) => austin.comment(text),
            Line::Stack(stack, _) => {
                is_austin = is_austin || austin.is_one(stack);
                if is_austin {
                    austin.see(stack);
                }
                are_differences = are_differences && matches!(line_of(stack), Line::Stack(..));
            }
            Line::Empty | Line::Other(_) => {}
        }
    }
    let mut stacks = StackReader { collector: StackCollector::default(), functions: HashMap::new() };
    let austin = is_austin.then_some(austin);
    let (unit, factor) = match &austin {
        Some(austin) => austin.unit(),
        None => (Unit::Other("samples".to_owned()), 1.0),
    };
    let (mut good, mut first_bad, mut others) = (0, None, 0);
    for (index, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        let bad = |problem: &str| Error::BadLine { line: index + 1, problem: problem.to_owned() };
        let (mut stack, value) = match line_of(line) {
            Line::Empty | Line::Comment(_) => continue,
            Line::Stack(stack, value) => (stack, value),
            Line::Other(problem) => {
                first_bad.get_or_insert((index + 1, problem));
                others += 1;
                continue;
            }
        };
        if are_differences && let Line::Stack(before, _) = line_of(stack) {
            stack = before;
        }
        good += 1;
        stacks.collector.go_on_with(thread::of(stack, austin.is_some()));
        stacks
            .add(stack, value * factor, |frame| match &austin {
                Some(austin) => austin.frame(frame),
                None => None,
            })
            .map_err(bad)?;
    }
    let mut metadata = Metadata { unit, ..Metadata::default() };
    // Warnings of some tool may stand between the stacks; a file of something else has few that look like one.
    match first_bad {
        Some((line, problem)) if others * MOST_OTHERS > good => {
            return Err(Error::BadLine { line, problem: problem.to_owned() });
        }
        Some((line, problem)) => {
            let lines = if others == 1 { "1 line is".to_owned() } else { format!("{others} lines are") };
            metadata.notes.push(format!("{lines} left out: in line {line}, {problem}"));
        }
        None => {}
    }
    if good > 0 && are_differences {
        metadata.notes.push(
            "each stack has two numbers, a difference of two profiles: the second ones are read".to_owned(),
        );
    }
    Ok(stacks.collector.finish(metadata))
}

/// Whether the beginning of a text consists of stacks, comments and hardly anything else.
pub(crate) fn looks_like_it(bytes: &[u8], is_whole: bool) -> bool {
    let (mut stacks, mut others) = (0, 0);
    let mut lines = bytes.split(|&byte| byte == b'\n').peekable();
    while let Some(line) = lines.next() {
        match line_of(line) {
            // A number alone may stand in any text.
            Line::Empty | Line::Comment(_) | Line::Stack([], _) => {}
            Line::Stack(..) => stacks += 1,
            // The end of the piece that is known may be anywhere in a line.
            Line::Other(_) if !is_whole && lines.peek().is_none() => {
                return stacks > 0 && others * MOST_OTHERS <= stacks
                    || stacks + others == 0 && line.contains(&b';');
            }
            Line::Other(_) => others += 1,
        }
        if stacks + others == ENOUGH {
            break;
        }
    }
    stacks > 0 && others * MOST_OTHERS <= stacks
}

enum Line<'b> {
    Empty,
    Comment(&'b [u8]),
    Stack(&'b [u8], f64),
    /// None of those: why not.
    Other(&'static str),
}

fn line_of(raw: &[u8]) -> Line<'_> {
    let line = raw.trim_ascii();
    let comment = match line {
        [] => return Line::Empty,
        [b'#', text @ ..] | [b'/', b'/', text @ ..] => Some(text),
        _ => None,
    };
    // A name may begin like a comment, and then a stack's end follows.
    if let Some(text) = comment.filter(|text| !text.first().is_some_and(|byte| byte.is_ascii_graphic())) {
        return Line::Comment(text);
    }
    let stack = || {
        let space = line.iter().rposition(u8::is_ascii_whitespace);
        // A line that py-spy writes where a thread ran none of Python's code: a number, and no stack.
        let value_only = || raw.first().is_some_and(u8::is_ascii_whitespace).then(|| value(line)).flatten();
        let Some(space) = space else {
            return value_only().map(|value| (&b""[..], value)).ok_or("the stack has no number after it");
        };
        let value = value(&line[space + 1..]).ok_or("what follows the last space is not a number")?;
        Ok((line[..space].trim_ascii(), value))
    };
    match (stack(), comment) {
        (Ok((stack, value)), _) => Line::Stack(stack, value),
        (Err(_), Some(text)) => Line::Comment(text),
        (Err(problem), None) => Line::Other(problem),
    }
}

/// A number that is no less than 0; of Austin's three (`time,idle,memory`) the first.
fn value(word: &[u8]) -> Option<f64> {
    let word = std::str::from_utf8(word).ok()?;
    let mut numbers = word.split(',');
    let first = numbers.next()?;
    let others = numbers.clone().count();
    let are_numbers = others == 0 || others == 2 && numbers.all(|number| number.parse::<i64>().is_ok());
    let starts_like_one = first.starts_with(|c: char| c.is_ascii_digit() || c == '.' || c == '+');
    let value = first.parse().ok().filter(|value: &f64| value.is_finite() && *value >= 0.0)?;
    (are_numbers && starts_like_one).then_some(value)
}

struct StackReader<'b> {
    collector: StackCollector,
    functions: HashMap<&'b [u8], FunctionId>,
}

impl<'b> StackReader<'b> {
    fn add(
        &mut self,
        stack: &'b [u8],
        value: f64,
        parse: impl Fn(&'b [u8]) -> Option<Frame>,
    ) -> Result<(), &'static str> {
        let mut node = None;
        for frame in stack.split(|&byte| byte == b';') {
            let function = match self.functions.get(frame) {
                Some(&function) => Some(function),
                None => {
                    let (file, line, name) = parse(frame).unwrap_or_else(|| frame::of(frame));
                    let function = self.collector.function(file, line, name);
                    function.inspect(|&function| {
                        self.functions.insert(frame, function);
                    })
                }
            };
            let function = function.ok_or("more functions than a profile can hold")?;
            let entered = self.collector.enter(node, function);
            node = Some(entered.ok_or("more stacks than a profile can hold, or a deeper one")?);
        }
        if let Some(node) = node {
            self.collector.spend(node, value);
        }
        Ok(())
    }
}
