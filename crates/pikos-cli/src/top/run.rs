//! The loop: keys and pictures in, screens and effects out.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use pikos_views::{Command, Error, Source, SourceLines};
use pstats_compat::formats::{self, Format, Output};
use ratatui::crossterm::event::{self, Event as Input, KeyEventKind};

use super::print;
use super::state::{Effect, Event, State};
use super::terminal::{Signals, TerminalGuard};
use super::view::Theme;
use crate::files;

/// More keys than this without a new screen would feel like a program that hangs.
const BURST: usize = 64;

/// Of twenty processes one has always something new: after a picture, there is none for as long as it took, or for so long if
/// that is more.
const BETWEEN_PICTURES: Duration = Duration::from_millis(25);
/// While keys come without end, there is news after so long.
const OVERDUE: Duration = Duration::from_millis(200);

/// Shows a source until the user leaves, or a signal comes; then the process dies of that.
pub fn run(source: &mut dyn Source, mut state: State) -> io::Result<()> {
    let signals = Signals::new()?;
    let mut screen = TerminalGuard::open(Theme::from_environment())?;
    let ended = show(source, &mut state, &mut screen, &signals);
    drop(screen);
    let signal = signals.seen();
    drop(signals);
    if let Some(signal) = signal {
        Signals::die_of(signal);
    }
    ended
}

/// One thing at a time, and keys before all others: whoever presses one waits for no more than what is being done.
fn show(
    source: &mut dyn Source,
    state: &mut State,
    screen: &mut TerminalGuard,
    signals: &Signals,
) -> io::Result<()> {
    let mut asked = None;
    let mut not_before = Instant::now();
    let mut has_news = false;
    let mut has_changed = true;
    let mut next_poll = Instant::now();
    while signals.seen().is_none() {
        // Asked for anew each time: nobody tells of a change before the first key was waited for.
        let size = screen.size()?;
        if size != state.size {
            state.update(Event::Resize(size));
            has_changed = true;
        }
        let query = state.query();
        let start = Instant::now();
        let has_picture = asked != Some(query) || (has_news && !state.is_frozen && not_before <= start);
        if has_picture {
            state.update(Event::Data(source.picture(query)));
            (asked, has_news) = (Some(query), false);
            has_changed = true;
        }
        if let Some(path) = state.wanted_source() {
            let lines = SourceLines::read(path);
            state.update(Event::Source(lines));
            has_changed = true;
        }
        if has_changed {
            screen.draw(state)?;
            has_changed = false;
        }
        if has_picture {
            not_before = Instant::now() + start.elapsed().max(BETWEEN_PICTURES);
        }
        let next = if has_news && !state.is_frozen { next_poll.min(not_before) } else { next_poll };
        let patience = next.saturating_duration_since(Instant::now());
        match keys(patience, source, state, screen)? {
            Keys::Quit => return Ok(()),
            Keys::Pressed => has_changed = true,
            Keys::None => {}
        }
        let is_due = if has_changed { OVERDUE } else { Duration::ZERO };
        if next_poll + is_due <= Instant::now() {
            // What comes while the view is frozen is shown when it no longer is.
            has_news |= source.poll();
            next_poll = Instant::now() + if source.is_behind() { Duration::ZERO } else { source.pace() };
        }
    }
    Ok(())
}

/// What the keyboard said.
enum Keys {
    None,
    Pressed,
    Quit,
}

/// Waits for keys, at most so long, and obeys those that are there.
fn keys(
    mut patience: Duration,
    source: &mut dyn Source,
    state: &mut State,
    screen: &mut TerminalGuard,
) -> io::Result<Keys> {
    let mut keys = Keys::None;
    for _ in 0..BURST {
        if !event::poll(patience)? {
            break;
        }
        patience = Duration::ZERO;
        keys = Keys::Pressed;
        let effect = match event::read()? {
            Input::Key(key) if key.kind != KeyEventKind::Release => state.update(Event::Key(key)),
            Input::Mouse(mouse) => state.update(Event::Mouse(mouse)),
            _ => None,
        };
        if let Some(effect) = effect {
            if effect == Effect::Quit {
                return Ok(Keys::Quit);
            }
            perform(effect, source, state, screen)?;
            // What was typed after it was meant for what it shows.
            break;
        }
    }
    Ok(keys)
}

fn perform(
    effect: Effect,
    source: &mut dyn Source,
    state: &mut State,
    screen: &mut TerminalGuard,
) -> io::Result<()> {
    match effect {
        Effect::Quit => {}
        Effect::Suspend => {
            screen.suspend()?;
        }
        Effect::Command(command) => {
            let outcome = source.command(state.scope, &command);
            state.update(Event::Done(match outcome {
                Ok(()) => Ok(done(&command).to_owned()),
                Err(error) => Err(error.to_string()),
            }));
        }
        Effect::Save { path, may_replace } => {
            let event = match may_replace || !Path::new(&path).exists() {
                true => Event::Done(save(source, state, &path)),
                false => Event::Exists(path),
            };
            state.update(event);
        }
    }
    Ok(())
}

/// As the user is told that it was done.
fn done(command: &Command) -> &'static str {
    match command {
        Command::Pause => "collection paused",
        Command::Resume => "collection resumed",
        Command::Clear => "cleared: counting from zero again",
        _ => "done",
    }
}

/// Writes the profile of what is shown, or a recorder's table; says what became of it.
fn save(source: &dyn Source, state: &State, path: &str) -> Result<String, String> {
    let target = Path::new(path);
    if let Some(memory) = state.recorder() {
        let written = print::save(state, memory, target);
        return written.map(|()| format!("saved as CSV: {path}")).map_err(|error| format!("{path}: {error}"));
    }
    let profile = source.profile(state.scope).map_err(|error| match error {
        Error::NoSum => format!("{error} with Tab"),
        _ => error.to_string(),
    })?;
    let untold = Format::untold(profile.tree.is_some());
    let format = files::recorded_format(target, untold)
        .map_err(|_| "not saved: that ending is no format's; try .pikos, .html or .pstats".to_owned())?;
    let output = Output::new(&profile, format);
    formats::save(&output, target).map_err(|error| format!("{path}: {error}"))?;
    let note = output.notes().into_iter().next().map(|note| format!(" ({note})")).unwrap_or_default();
    Ok(format!("saved as {}: {path}{note}", format.name()))
}
