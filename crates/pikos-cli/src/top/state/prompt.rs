//! One line of text that the user is asked for.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    Include,
    Exclude,
    SaveAs,
}

/// The line so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    pub question: Question,
    pub text: String,
    /// Why the text won't do, or what Enter would do now.
    pub remark: Option<String>,
    /// The file exists, and the user was told: the next Enter replaces it.
    pub may_replace: bool,
}

/// What a key made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typed {
    Edited,
    Entered,
    Left,
    Nothing,
}

impl Prompt {
    pub fn new(question: Question, text: &str) -> Self {
        Self { question, text: text.to_owned(), remark: None, may_replace: false }
    }

    pub fn label(&self) -> &'static str {
        match self.question {
            Question::Include => "only (regex): ",
            Question::Exclude => "without (regex): ",
            Question::SaveAs => "save as: ",
        }
    }

    pub fn key(&mut self, key: KeyEvent) -> Typed {
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Enter => return Typed::Entered,
            KeyCode::Esc => return Typed::Left,
            KeyCode::Backspace => {
                self.text.pop();
            }
            KeyCode::Char('u') if is_control => self.text.clear(),
            KeyCode::Char('w') if is_control => {
                let end = self.text.trim_end().rfind(|c: char| !c.is_alphanumeric());
                self.text.truncate(end.unwrap_or(0));
            }
            KeyCode::Char(c) if !is_control && !c.is_control() => self.text.push(c),
            _ => return Typed::Nothing,
        }
        self.remark = None;
        self.may_replace = false;
        Typed::Edited
    }
}
