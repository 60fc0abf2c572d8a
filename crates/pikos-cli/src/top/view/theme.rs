//! Styles, of the terminal's own sixteen colours, or of none.

use ratatui::style::{Color, Modifier, Style};

use super::ascii;

/// How the parts of a screen look.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    has_colours: bool,
    /// Whether the terminal shows nothing else: its locale says so.
    pub is_ascii: bool,
}

impl Theme {
    pub fn new(has_colours: bool) -> Self {
        Self { has_colours, is_ascii: false }
    }

    /// What the environment asks for: <https://no-color.org>, and the locale's characters.
    pub fn from_environment() -> Self {
        let is_ascii = ascii::is_asked_for();
        Self { is_ascii, ..Self::new(std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())) }
    }

    fn colour(self, colour: Color) -> Style {
        if self.has_colours { Style::new().fg(colour) } else { Style::new() }
    }

    pub fn plain(self) -> Style {
        Style::new()
    }

    pub fn title(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub fn quiet(self) -> Style {
        if self.has_colours { self.colour(Color::DarkGray) } else { Style::new().add_modifier(Modifier::DIM) }
    }

    pub fn heading(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// The heading of the column that the table is sorted by.
    pub fn sorted(self) -> Style {
        self.heading().add_modifier(Modifier::BOLD | Modifier::UNDERLINED)
    }

    pub fn selected(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    pub fn function(self) -> Style {
        self.colour(Color::Cyan)
    }

    /// A function's name: the user's own stands out among others.
    pub fn owned(self, is_own: bool) -> Style {
        if is_own { self.function() } else { self.quiet() }
    }

    pub fn good(self) -> Style {
        self.colour(Color::Green)
    }

    pub fn warning(self) -> Style {
        self.colour(Color::Yellow).add_modifier(Modifier::BOLD)
    }

    pub fn error(self) -> Style {
        self.colour(Color::Red).add_modifier(Modifier::BOLD)
    }

    /// A part of the whole: what is hot is red.
    pub fn heat(self, part: f64) -> Style {
        match part.abs() {
            part if part >= 0.2 => self.colour(Color::Red),
            part if part >= 0.05 => self.colour(Color::Yellow),
            _ => Style::new(),
        }
    }

    /// A difference: what grew is red.
    pub fn change(self, by: f64) -> Style {
        match by {
            by if by > 0.0 => self.colour(Color::Red),
            by if by < 0.0 => self.colour(Color::Green),
            _ => Style::new(),
        }
    }
}
