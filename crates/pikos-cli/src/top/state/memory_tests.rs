use pikos_client::Command;
use pikos_views::{Content, LineId, Phase, ProcessId, ProfileContent, Scope};
use ratatui::crossterm::event::KeyCode;

use crate::top::samples::{memory, memory_view, press, type_keys};
use crate::top::state::layout::Size;
use crate::top::state::memory::MemoryColumn;
use crate::top::state::{Effect, Event, Screen, State};

/// (function, line) of the rows.
fn listed(state: &State) -> Vec<(String, u32)> {
    let memory = state.recorder().expect("a recorder");
    let label = |id| memory.label(id, state.memory.by_function);
    state.memory.rows.iter().map(|row| (label(row.id).function.clone(), label(row.id).line)).collect()
}

#[test]
fn of_lines_that_took_as_much_the_one_at_the_peak_is_on_top() {
    let state = memory_view(3, 80, 24);
    let top: Vec<u32> = listed(&state).iter().map(|(_, line)| *line).take(4).collect();
    assert_eq!(top, [17, 16, 15, 12]);
    let memory = state.recorder().expect("a recorder");
    assert_eq!(memory.label(memory.summit.as_ref().expect("a peak").line, false).line, 17);
    assert_eq!(memory.facts.dropped, 3);
}

#[test]
fn lines_are_sorted_grouped_and_filtered() {
    let mut state = memory_view(3, 80, 24);
    press(&mut state, KeyCode::Right);
    assert_eq!(state.memory.sort, Some(MemoryColumn::Growth));
    for _ in 0..3 {
        press(&mut state, KeyCode::Right);
    }
    assert_eq!(state.memory.sort, Some(MemoryColumn::Location));
    type_keys(&mut state, "r");
    assert_eq!(listed(&state)[0].1, 99);
    type_keys(&mut state, "rf");
    press(&mut state, KeyCode::Left);
    press(&mut state, KeyCode::Left);
    assert_eq!(state.memory.sort, Some(MemoryColumn::Peak));
    assert_eq!(listed(&state)[0].0, "legacy");
    let legacy = state.memory.rows[0];
    // Three matrices a turn; what the last line freed is known of one turn: after the first, records were lost, and the
    // third is under way.
    let growth = (270 << 20) - (94 << 20) + (3 << 18);
    assert_eq!((legacy.hits, legacy.growth), (12, growth), "its lines, added up");
    type_keys(&mut state, "/load");
    assert_eq!(listed(&state).len(), 1);
    press(&mut state, KeyCode::Esc);
    type_keys(&mut state, "f");
    assert_eq!(listed(&state), [("load".to_owned(), 12)], "the filter holds for lines, too");
    // And for the text of a line.
    type_keys(&mut state, "/");
    (0..4).for_each(|_| drop(press(&mut state, KeyCode::Backspace)));
    type_keys(&mut state, "a copy");
    assert_eq!(listed(&state), [("legacy".to_owned(), 17)]);
}

#[test]
fn the_cursor_stays_on_its_line() {
    let mut state = memory_view(3, 80, 24);
    type_keys(&mut state, "jj");
    let chosen = state.memory.selected.expect("a line");
    state.update(Event::Data(memory(5, true, Phase::Running)));
    type_keys(&mut state, "lll");
    let row = state.memory.cursor.row.expect("a row");
    assert_eq!(state.memory.rows[row].id, chosen);
    press(&mut state, KeyCode::Enter);
    assert!(matches!(state.screens.last(), Some(Screen::Line(line)) if line.line == chosen));
    assert_eq!(state.wanted_source().expect("a file").to_str_lossy(), "/srv/shop/report.py");
    press(&mut state, KeyCode::Esc);
    press(&mut state, KeyCode::Esc);
    assert_eq!((state.memory.selected, state.memory.cursor.row), (None, None));
}

#[test]
fn recorders_alone_have_no_sum() {
    let mut state = State::new("pikos top", Scope::All, None, Size { width: 80, height: 24 });
    let mut picture = memory(1, true, Phase::Running);
    picture.scope = Scope::All;
    let recorder = picture.processes[1].clone();
    picture.processes = vec![recorder.clone(), recorder].into();
    picture.content = Content::Profile(ProfileContent::default());
    state.update(Event::Data(picture));
    assert_eq!(state.query().scope, Scope::Process(ProcessId(1)));
}

#[test]
fn a_mark_shows_what_has_changed_since() {
    let mut state = memory_view(1, 80, 24);
    let all = state.memory.rows.len();
    type_keys(&mut state, "md");
    assert!(state.is_diff() && state.mark_title().is_some());
    assert!(state.memory.rows.is_empty(), "nothing has changed");
    state.update(Event::Data(memory(3, true, Phase::Running)));
    let hits = |state: &State| state.memory.rows.iter().map(|row| row.hits).sum::<u64>();
    let since = hits(&state);
    type_keys(&mut state, "d");
    assert!(state.memory.rows.len() >= all);
    assert!(since > 0 && since < hits(&state));
    type_keys(&mut state, "d");
    assert_eq!(press(&mut state, KeyCode::Char('c')), Some(Effect::Command(Command::Clear)));
    assert!(!state.is_diff(), "there is nothing to compare with");
}

#[test]
fn it_can_be_paused() {
    let mut state = memory_view(1, 80, 24);
    assert_eq!(press(&mut state, KeyCode::Char('P')), Some(Effect::Command(Command::Pause)));
    state.update(Event::Data(memory(1, true, Phase::Paused)));
    assert_eq!(press(&mut state, KeyCode::Char('P')), Some(Effect::Command(Command::Resume)));
}

#[test]
fn what_has_no_meaning_here_says_so() {
    let mut state = memory_view(1, 80, 24);
    type_keys(&mut state, "d");
    assert!(state.notice.as_ref().is_some_and(|notice| notice.text.contains("nothing to compare")));
    type_keys(&mut state, "t");
    assert!(state.screens.is_empty() && state.notice.is_some());
    press(&mut state, KeyCode::Char('s'));
    let saved = press(&mut state, KeyCode::Enter);
    assert_eq!(saved, Some(Effect::Save { path: "lines.csv".to_owned(), may_replace: false }));
}

#[test]
fn another_process_has_other_lines() {
    let mut state = memory_view(2, 80, 24);
    type_keys(&mut state, "jj");
    press(&mut state, KeyCode::Enter);
    let mut picture = memory(1, true, Phase::Running);
    picture.scope = Scope::Process(ProcessId(0));
    state.update(Event::Data(picture));
    assert_eq!((state.memory.selected, state.screens.len()), (None::<LineId>, 0));
}
