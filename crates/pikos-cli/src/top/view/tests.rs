//! Screens as text, compared with files. `PIKOS_BLESS=1 cargo test -p pikos-cli` writes them; then
//! look at them.

use std::path::Path;

use pikos_views::{Edges, Phase, SourceLines, Stacks};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::KeyCode;
use ratatui::style::Color;

use super::{Theme, render};
use crate::top::samples::{
    changed, deep, live, memory, memory_view, press, show, top, type_keys, types_view, view,
};
use crate::top::state::layout::Size;
use crate::top::state::{Event, State};

fn screen(state: &State, theme: Theme) -> Terminal<TestBackend> {
    let mut terminal =
        Terminal::new(TestBackend::new(state.size.width, state.size.height)).expect("a terminal");
    terminal.draw(|frame| render(state, theme, frame.buffer_mut())).expect("drawn");
    terminal
}

fn text(state: &State) -> String {
    let terminal = screen(state, Theme::new(true));
    let buffer = terminal.backend().buffer();
    let mut text = String::new();
    for y in 0..buffer.area.height {
        let mut skip = 0;
        let mut line = String::new();
        for x in 0..buffer.area.width {
            let symbol = buffer[(x, y)].symbol();
            if skip == 0 {
                line.push_str(symbol);
                skip = unicode_width::UnicodeWidthStr::width(symbol);
            }
            skip -= skip.min(1);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn assert_screen(name: &str, state: &State) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/screens").join(format!("{name}.txt"));
    let drawn = text(state);
    if std::env::var_os("PIKOS_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(&path, drawn).expect("written");
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        drawn == expected,
        "{name} differs (PIKOS_BLESS=1 takes it); drawn:\n{drawn}\nexpected:\n{expected}"
    );
}

const SIZES: [(u16, u16); 4] = [(80, 24), (160, 50), (40, 10), (200, 60)];

#[test]
fn files_at_every_size() {
    for (width, height) in SIZES {
        let (_, mut state) = view(&["cprofile-3.13.pstats"], width, height);
        type_keys(&mut state, "jj");
        assert_screen(&format!("view-{width}x{height}"), &state);
    }
}

#[test]
fn processes_at_every_size() {
    for (width, height) in SIZES {
        let mut state = top(12, width, height);
        assert_screen(&format!("top-{width}x{height}"), &state);
        press(&mut state, KeyCode::Tab);
        assert_screen(&format!("top-processes-{width}x{height}"), &state);
    }
}

#[test]
fn one_function_at_every_size() {
    let lines = SourceLines {
        path: "/srv/shop/handlers.py".into(),
        lines: (1..=80).map(|line| format!("line_{line} = {line}")).collect(),
        problem: None,
    };
    for (width, height) in SIZES {
        let mut state = top(12, width, height);
        type_keys(&mut state, "/checkout");
        press(&mut state, KeyCode::Enter);
        press(&mut state, KeyCode::Enter);
        assert_screen(&format!("function-{width}x{height}"), &state);
        type_keys(&mut state, "3");
        state.update(Event::Source(lines.clone()));
        assert_screen(&format!("source-{width}x{height}"), &state);
    }
}

#[test]
fn a_recorder_at_every_size() {
    let lines = SourceLines {
        path: "/srv/shop/report.py".into(),
        lines: (1..=80).map(|line| format!("line_{line} = {line}")).collect(),
        problem: None,
    };
    for (width, height) in SIZES {
        let mut state = memory_view(9, width, height);
        assert_screen(&format!("memory-{width}x{height}"), &state);
        press(&mut state, KeyCode::Enter);
        state.update(Event::Source(lines.clone()));
        assert_screen(&format!("memory-source-{width}x{height}"), &state);
    }
}

#[test]
fn types_of_objects_and_the_lines_that_make_them() {
    for (width, height) in SIZES {
        let mut state = types_view(8, width, height);
        assert_screen(&format!("types-{width}x{height}"), &state);
        press(&mut state, KeyCode::Enter);
        assert_screen(&format!("types-lines-{width}x{height}"), &state);
        press(&mut state, KeyCode::Esc);
        assert_eq!(state.screens.len(), 0);
    }
    let mut state = types_view(9, 80, 24);
    // By the next column, and filtered.
    type_keys(&mut state, ">r/shop");
    press(&mut state, KeyCode::Enter);
    assert_screen("types-filtered", &state);
    press(&mut state, KeyCode::Tab);
    assert_screen("types-processes", &state);
    press(&mut state, KeyCode::Esc);
    // From the memory of another recorder.
    let mut state = memory_view(9, 80, 24);
    type_keys(&mut state, "o");
    assert!(text(&state).contains("nobody counts objects here"));
}

#[test]
fn a_recorder_by_function_frozen_filtered_ended_and_without_memory() {
    let mut state = memory_view(9, 80, 24);
    type_keys(&mut state, "f/legacy|load");
    press(&mut state, KeyCode::Enter);
    type_keys(&mut state, "p");
    assert_screen("memory-functions", &state);
    state.update(Event::Data(memory(10, true, Phase::Ended(String::new()))));
    press(&mut state, KeyCode::Tab);
    assert_screen("memory-processes", &state);
    let mut state = memory_view(9, 80, 24);
    state.update(Event::Data(memory(9, false, Phase::Lost("it is gone".to_owned()))));
    assert_screen("memory-lines-only", &state);
    // Before anything was recorded there is a screen, too.
    state.update(Event::Data(memory(0, true, Phase::Running)));
    assert!(text(&state).contains("no records yet"));
}

#[test]
fn the_tree_at_every_size() {
    for (width, height) in SIZES {
        let mut state = top(12, width, height);
        type_keys(&mut state, "tjjj");
        assert_screen(&format!("tree-{width}x{height}"), &state);
    }
    let mut state = top(12, 80, 24);
    type_keys(&mut state, "t/encode");
    press(&mut state, KeyCode::Enter);
    type_keys(&mut state, "jj");
    type_keys(&mut state, "p");
    assert_screen("tree-filtered-frozen", &state);
}

#[test]
fn a_stack_that_is_too_deep_for_the_screen_says_how_deep_it_is() {
    let mut state = top(2, 80, 24);
    type_keys(&mut state, "t");
    state.update(Event::Data(changed(live(3, Phase::Running), |profile| profile.stacks = deep(300))));
    type_keys(&mut state, "eG");
    assert_screen("tree-deep", &state);
}

#[test]
fn without_stacks_the_tree_says_how_to_get_them() {
    let mut state = top(2, 80, 24);
    type_keys(&mut state, "t");
    state.update(Event::Data(changed(live(3, Phase::Running), |profile| profile.stacks = Stacks::NotKept)));
    assert_screen("tree-not-kept", &state);
    state.update(Event::Data(changed(live(4, Phase::Running), |profile| profile.stacks = Stacks::Awaited)));
    assert!(text(&state).contains("waiting for the stacks"));
    // A file without stacks has those that its tables tell.
    let (mut source, mut state) = view(&["cprofile-3.13.pstats"], 120, 24);
    type_keys(&mut state, "t");
    show(&mut source, &mut state);
    assert_screen("tree-approximated", &state);
}

#[test]
fn ones_own_code_alone() {
    let (mut source, mut state) = view(&["cprofile-3.13.pstats"], 80, 24);
    type_keys(&mut state, "u");
    show(&mut source, &mut state);
    assert_screen("view-mine", &state);
    type_keys(&mut state, "t");
    show(&mut source, &mut state);
    assert_screen("tree-mine", &state);
}

#[test]
fn in_ascii_there_is_nothing_else() {
    for keys in ["", "?", "t", "u"] {
        let mut state = top(12, 120, 40);
        type_keys(&mut state, keys);
        let mut theme = Theme::new(true);
        theme.is_ascii = true;
        let terminal = screen(&state, theme);
        assert!(terminal.backend().buffer().content.iter().all(|cell| cell.symbol().is_ascii()));
    }
}

#[test]
fn other_profilers_figures() {
    for name in ["sampled-3.15", "pyinstrument", "profile-3.11"] {
        let (_, mut state) = view(&[&format!("{name}.pstats")], 80, 24);
        assert_screen(&format!("view-{name}"), &state);
        press(&mut state, KeyCode::Enter);
        assert_screen(&format!("function-{name}"), &state);
    }
}

#[test]
fn open_calls_at_every_size() {
    for (width, height) in SIZES {
        let mut state = top(12, width, height);
        type_keys(&mut state, "k");
        assert_screen(&format!("top-calls-{width}x{height}"), &state);
    }
}

#[test]
fn open_calls_without_full_stacks() {
    let mut state = top(3, 80, 24);
    type_keys(&mut state, "k");
    let picture = changed(live(4, Phase::Running), |profile| {
        let mut open = profile.open.as_deref().expect("it has some").clone();
        open[0].1.is_chain = false;
        profile.open = Some(open.into());
    });
    state.update(Event::Data(picture));
    assert_screen("top-calls-approximate", &state);
}

#[test]
fn a_difference_between_two_files() {
    let (mut source, mut state) = view(&["cprofile-3.13.pstats", "cprofile-3.8.pstats"], 80, 24);
    press(&mut state, KeyCode::Tab);
    type_keys(&mut state, "jj");
    press(&mut state, KeyCode::Enter);
    show(&mut source, &mut state);
    type_keys(&mut state, "m");
    press(&mut state, KeyCode::Tab);
    type_keys(&mut state, "k");
    press(&mut state, KeyCode::Enter);
    show(&mut source, &mut state);
    type_keys(&mut state, "d");
    assert_screen("view-diff", &state);
}

#[test]
fn a_difference_from_a_mark_while_it_runs() {
    let mut state = top(3, 100, 24);
    type_keys(&mut state, "md");
    assert!(text(&state).contains("nothing has changed since the mark"));
    state.update(Event::Data(live(5, Phase::Running)));
    assert_screen("top-diff", &state);
}

#[test]
fn help_and_prompts_and_ends() {
    let mut state = top(3, 80, 24);
    type_keys(&mut state, "?");
    assert_screen("help-80x24", &state);
    type_keys(&mut state, "?/(");
    assert_screen("prompt-bad-regex", &state);
    press(&mut state, KeyCode::Esc);
    state.update(Event::Data(live(4, Phase::Ended("at 12:30:01 by an exception".to_owned()))));
    type_keys(&mut state, "p");
    assert_screen("top-ended-frozen", &state);
    state.update(Event::Data(live(5, Phase::Lost("no message for 9 s".to_owned()))));
    assert!(text(&state).contains("target lost: no message for 9 s"));
}

#[test]
fn every_size_is_drawn_and_nothing_commands_the_terminal() {
    let mut states = vec![top(12, 0, 0)];
    for keys in ["?", "/a\u{1b}[2J", "t", "te"] {
        let mut state = top(12, 0, 0);
        type_keys(&mut state, keys);
        states.push(state);
    }
    for code in [KeyCode::Tab, KeyCode::Enter] {
        let mut state = top(12, 0, 0);
        press(&mut state, code);
        states.push(state);
        let mut state = memory_view(12, 0, 0);
        states.push(state.clone());
        type_keys(&mut state, "lllGgk");
        press(&mut state, code);
        states.push(state);
    }
    for state in &mut states {
        for width in (1..40).chain([59, 60, 79, 119, 120, 300]) {
            for height in (1..20).chain([24, 36, 80]) {
                state.update(Event::Resize(Size { width, height }));
                let drawn = text(state);
                let is_command = |c: char| c != '\n' && (c.is_control() || c == '\u{202E}');
                assert!(!drawn.contains(is_command), "{width}x{height}: {drawn:?}");
            }
        }
    }
}

#[test]
fn without_colours_there_is_none() {
    let mut state = top(12, 80, 24);
    type_keys(&mut state, "j");
    let has_colours = |theme: Theme| {
        let terminal = screen(&state, theme);
        let cells = &terminal.backend().buffer().content;
        cells.iter().any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset)
    };
    assert!(has_colours(Theme::new(true)));
    assert!(!has_colours(Theme::new(false)));
}

#[test]
fn whatever_is_pressed_there_is_a_screen() {
    // A generator of its own makes every failure one that can be repeated.
    let mut seed = 0x2545_F491_4F6C_DD1Du64;
    let mut random = |limit: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % limit as u64) as usize
    };
    let keys: Vec<KeyCode> = "jkgG<>rqx/sm dpPc?123a(\\fteuE-+".chars().map(KeyCode::Char).collect();
    let others = [
        KeyCode::Enter,
        KeyCode::Enter,
        KeyCode::Esc,
        KeyCode::Tab,
        KeyCode::BackTab,
        KeyCode::Down,
        KeyCode::PageDown,
        KeyCode::PageUp,
        KeyCode::End,
        KeyCode::Backspace,
        KeyCode::Left,
    ];
    let mut state = top(3, 80, 24);
    for step in 0..1500u64 {
        match random(10) {
            0 => {
                let size = Size { width: 1 + random(170) as u16, height: 1 + random(50) as u16 };
                state.update(Event::Resize(size));
            }
            1 => {
                let mut picture = match step / 300 % 2 {
                    0 => live(step / 50, Phase::Running),
                    _ => memory(1 + step / 200, random(5) > 0, Phase::Running),
                };
                if picture.recording().is_none() || random(3) > 0 {
                    picture.scope = state.scope;
                }
                let picture = changed(picture, |profile| {
                    if random(4) == 0 {
                        // The process is new, and has told nothing yet.
                        profile.functions = std::sync::Arc::default();
                    }
                    if random(4) == 0 {
                        profile.edges_of = Edges::None;
                    }
                    match random(6) {
                        0 => profile.stacks = Stacks::NotAsked,
                        1 => profile.stacks = Stacks::NotKept,
                        2 => profile.stacks = deep(random(40)),
                        _ => {}
                    }
                });
                state.update(Event::Data(picture));
            }
            2 => {
                if let Some(path) = state.wanted_source().cloned() {
                    let lines = vec!["pass".to_owned(); random(60)];
                    state.update(Event::Source(SourceLines { path, lines, problem: None }));
                }
            }
            3..6 => drop(press(&mut state, others[random(others.len())])),
            _ => drop(press(&mut state, keys[random(keys.len())])),
        }
        text(&state);
    }
}
