//! The loop: keys and pictures in, screens and effects out.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use pstats_compat::formats::{self, Format};
use ratatui::crossterm::event::{self, Event as Input, KeyEventKind};

use super::source::Source;
use super::source_lines::SourceLines;
use super::state::{Effect, Event, State};
use super::terminal::{Screen, Signals};
use super::view::Theme;
use crate::files;

/// More keys than this without a new screen would feel like a program that hangs.
const BURST: usize = 64;

/// Shows a source until the user leaves, or a signal comes; then the process dies of that.
pub fn run(source: &mut dyn Source, mut state: State) -> io::Result<()> {
    let signals = Signals::new()?;
    let mut screen = Screen::open(Theme::from_environment())?;
    let ended = show(source, &mut state, &mut screen, &signals);
    drop(screen);
    let signal = signals.seen();
    drop(signals);
    if let Some(signal) = signal {
        Signals::die_of(signal);
    }
    ended
}

fn show(
    source: &mut dyn Source,
    state: &mut State,
    screen: &mut Screen,
    signals: &Signals,
) -> io::Result<()> {
    let mut asked = None;
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
        let is_new_question = asked != Some(query);
        if Instant::now() >= next_poll {
            next_poll = Instant::now() + source.pace();
            // What comes while the view is frozen is shown when it no longer is.
            has_news |= source.poll();
        }
        if is_new_question || (has_news && !state.is_frozen) {
            state.update(Event::Data(source.picture(query)));
            asked = Some(query);
            has_news = false;
            has_changed = true;
        }
        if let Some(function) = state.wanted_source() {
            state.update(Event::Source(SourceLines::read(&state.picture.label(function).path)));
            has_changed = true;
        }
        if has_changed {
            screen.draw(state)?;
            has_changed = false;
        }
        let mut patience = next_poll.saturating_duration_since(Instant::now());
        for _ in 0..BURST {
            if !event::poll(patience)? {
                break;
            }
            patience = Duration::ZERO;
            let effect = match event::read()? {
                Input::Key(key) if key.kind != KeyEventKind::Release => state.update(Event::Key(key)),
                _ => None,
            };
            has_changed = true;
            if let Some(effect) = effect {
                if effect == Effect::Quit {
                    return Ok(());
                }
                perform(effect, source, state, screen)?;
                // What was typed after it was meant for what it shows.
                break;
            }
        }
    }
    Ok(())
}

fn perform(
    effect: Effect,
    source: &mut dyn Source,
    state: &mut State,
    screen: &mut Screen,
) -> io::Result<()> {
    match effect {
        Effect::Quit => {}
        Effect::Suspend => {
            screen.suspend()?;
        }
        Effect::Command(command) => {
            let outcome = source.command(state.scope, command);
            state.update(Event::Done(outcome.map(|()| command.done().to_owned())));
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

/// Writes the profile of what is shown; says what became of it.
fn save(source: &dyn Source, state: &State, path: &str) -> Result<String, String> {
    let profile = source.profile(state.scope)?;
    let target = Path::new(path);
    let format = files::target_format(None, target, Some(Format::Pstats)).map_err(|e| e.to_string())?;
    formats::save(&profile, format, target).map_err(|error| format!("{path}: {error}"))?;
    let note = format.notes(&profile).into_iter().next().map(|note| format!(" ({note})")).unwrap_or_default();
    Ok(format!("saved as {}: {path}{note}", format.name()))
}
