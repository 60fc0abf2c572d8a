//! JSON token by token, for documents that are nested as deep as the program's stack: serde's way takes our own stack for that.

use serde::Deserialize;

use crate::error::{Error, Result};

/// A piece of JSON.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Token<'b> {
    /// `{` or `[`.
    Open(u8),
    /// `}` or `]`.
    Close(u8),
    /// A string in front of a colon, in its quotes.
    Key(&'b [u8]),
    /// A string in its quotes, a number, `true`, `false` or `null`.
    Value(&'b [u8]),
}

/// The tokens of a document, up to the end of its outermost value.
pub struct Tokens<'b> {
    bytes: &'b [u8],
    at: usize,
    /// Where the last token begins.
    start: usize,
    open: Vec<u8>,
    is_over: bool,
}

impl<'b> Tokens<'b> {
    /// From the beginning.
    pub fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, at: 0, start: 0, open: Vec::new(), is_over: false }
    }

    /// The next token; `None` behind the last one.
    pub fn next(&mut self) -> Result<Option<Token<'b>>> {
        if self.is_over {
            return Ok(None);
        }
        self.skip(b" \t\r\n,:");
        let start = self.at;
        self.start = start;
        let token = match self.bytes.get(start) {
            None => return Err(cut_short()),
            Some(&byte @ (b'{' | b'[')) => {
                self.at += 1;
                self.open.push(byte);
                Token::Open(byte)
            }
            Some(&byte @ (b'}' | b']')) => {
                self.at += 1;
                let opened = self.open.pop();
                if opened.is_none_or(|opened| opened != byte - 2) {
                    return Err(self.bad("a bracket closes what is not open"));
                }
                Token::Close(byte)
            }
            Some(b'"') => {
                self.string()?;
                let text = &self.bytes[start..self.at];
                self.skip(b" \t\r\n");
                match self.bytes.get(self.at) {
                    Some(b':') => Token::Key(text),
                    _ => Token::Value(text),
                }
            }
            Some(_) => {
                let ends = |byte: &u8| b" \t\r\n,:{}[]\"".contains(byte);
                let length = self.bytes[start..].iter().position(ends).unwrap_or(self.bytes.len() - start);
                self.at += length;
                Token::Value(&self.bytes[start..self.at])
            }
        };
        self.is_over = self.open.is_empty();
        Ok(Some(token))
    }

    /// Where the last token begins.
    pub fn start(&self) -> usize {
        self.start
    }

    fn skip(&mut self, any: &[u8]) {
        while self.bytes.get(self.at).is_some_and(|byte| any.contains(byte)) {
            self.at += 1;
        }
    }

    fn string(&mut self) -> Result<()> {
        self.at += 1;
        loop {
            match self.bytes.get(self.at) {
                None => return Err(cut_short()),
                Some(b'\\') => self.at += 2,
                Some(b'"') => break,
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        Ok(())
    }

    /// What is wrong with the last token.
    pub fn bad(&self, problem: &str) -> Error {
        Error::BadValue { offset: self.start, problem: problem.to_owned() }
    }

    /// The value of the last token.
    pub fn value<T: Deserialize<'b>>(&self, text: &'b [u8]) -> Result<T> {
        serde_json::from_slice(text).map_err(|error| self.bad(&format!("{error}").replace(" at line 1", "")))
    }
}

fn cut_short() -> Error {
    Error::Incomplete { problem: "the JSON ends too early".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Result<Vec<Token<'_>>> {
        let mut tokens = Tokens::new(text.as_bytes());
        let mut found = Vec::new();
        while let Some(token) = tokens.next()? {
            found.push(token);
        }
        Ok(found)
    }

    #[test]
    fn a_document_is_taken_apart() {
        let found = all(r#" {"a\"b" : [1.5e3, "x:y", {}], "c":null} behind"#).unwrap();
        let expected = [
            Token::Open(b'{'),
            Token::Key(br#""a\"b""#),
            Token::Open(b'['),
            Token::Value(b"1.5e3"),
            Token::Value(br#""x:y""#),
            Token::Open(b'{'),
            Token::Close(b'}'),
            Token::Close(b']'),
            Token::Key(br#""c""#),
            Token::Value(b"null"),
            Token::Close(b'}'),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_not_whole_is_an_error() {
        for text in ["", "{", "[1, ", r#"{"a"#, r#"{"a\"#, "[}", "]", r#"["a": {]"#] {
            assert!(all(text).is_err(), "{text}");
        }
    }

    #[test]
    fn nesting_takes_no_stack() {
        let text = "[".repeat(1_000_000) + &"]".repeat(1_000_000);
        assert_eq!(all(&text).unwrap().len(), 2_000_000);
    }
}
