use pikos_views::Phase;
use ratatui::crossterm::event::KeyCode;

use super::*;
use crate::top::samples::{changed, live, press, top, type_keys};
use crate::top::state::prompt::Question;
use crate::top::state::{Effect, Event, Screen, State};

/// Listed functions at their depths, the chosen one with a star.
fn listed(state: &State) -> Vec<String> {
    let tree = state.tree().expect("it is on screen");
    let Stacks::Known(stacks) = &state.profile().expect("a profile").stacks else { return Vec::new() };
    let row = |(place, row): (usize, &TreeRow)| {
        let name = &state.profile().expect("a profile").label(stacks.nodes[row.place as usize].function).name;
        let name = name.rsplit(['.', ' ']).next().unwrap_or(name);
        let fold = if !row.has_more {
            ""
        } else if row.is_open {
            "-"
        } else {
            "+"
        };
        let chosen = if tree.cursor.row == Some(place) { "*" } else { "" };
        format!(
            "{}{fold}{}{chosen}",
            " ".repeat(row.depth as usize),
            name.chars().take(8).collect::<String>()
        )
    };
    tree.rows.iter().enumerate().map(row).collect()
}

fn tree() -> State {
    let mut state = top(12, 80, 24);
    type_keys(&mut state, "t");
    state
}

#[test]
fn callees_stand_under_their_callers_and_the_costliest_first() {
    let state = tree();
    let expected = [
        "-<module>",
        " -main",
        "  -checkout",
        "   -render_a",
        "    -encode",
        "     +encode",
        "   -reserve",
        "    objects}",
        "  sleep}",
        "  na\u{ef}ve\u{FFFD}\u{540d}\u{524d}",
        "sleep}",
    ];
    assert_eq!(listed(&state), expected);
    assert!(state.query().tree);
}

#[test]
fn left_and_right_fold_and_go_on() {
    let mut state = tree();
    type_keys(&mut state, "jj");
    assert_eq!(listed(&state)[2], "  -checkout*");
    press(&mut state, KeyCode::Left);
    assert_eq!(listed(&state)[2..4], ["  +checkout*", "  sleep}"]);
    press(&mut state, KeyCode::Left);
    assert_eq!(listed(&state)[1], " -main*", "a folded one leads to its caller");
    type_keys(&mut state, "j");
    press(&mut state, KeyCode::Right);
    assert_eq!(listed(&state)[2..4], ["  -checkout*", "   -render_a"], "as it was");
    press(&mut state, KeyCode::Right);
    assert_eq!(listed(&state)[3], "   -render_a*");
    type_keys(&mut state, "e");
    assert_eq!(listed(&state)[3..7], ["   -render_a*", "    -encode", "     -encode", "      encode"]);
    type_keys(&mut state, "E");
    assert_eq!(listed(&state)[3..5], ["   +render_a*", "   -reserve"]);
}

#[test]
fn the_cursor_stays_on_its_stack() {
    let mut state = tree();
    type_keys(&mut state, "G");
    let last = listed(&state).len() - 1;
    assert_eq!(listed(&state)[last], "sleep}*");
    for tick in [13, 40] {
        state.update(Event::Data(live(tick, Phase::Running)));
        assert_eq!(listed(&state)[last], "sleep}*");
    }
    // It is gone with a filter, and comes back without.
    type_keys(&mut state, "/encode");
    press(&mut state, KeyCode::Enter);
    assert!(!listed(&state).iter().any(|row| row.contains('*')));
    type_keys(&mut state, "/");
    for _ in 0..6 {
        press(&mut state, KeyCode::Backspace);
    }
    press(&mut state, KeyCode::Enter);
    assert_eq!(listed(&state)[last], "sleep}*");
    press(&mut state, KeyCode::Esc);
    assert!(!listed(&state)[last].contains('*'));
    press(&mut state, KeyCode::Esc);
    assert!(state.tree().is_none());
}

#[test]
fn filters_keep_what_leads_to_a_function() {
    let mut state = tree();
    type_keys(&mut state, "/append");
    press(&mut state, KeyCode::Enter);
    let found = listed(&state);
    assert_eq!(found[..4], ["-<module>", " -main", "  -checkout", "   -reserve"]);
    assert_eq!(found.len(), 5);
    type_keys(&mut state, "xcheckout");
    press(&mut state, KeyCode::Enter);
    assert_eq!(listed(&state), ["-<module>", " main"]);
}

#[test]
fn a_function_is_shown_in_its_costliest_stack() {
    let mut state = top(12, 80, 24);
    type_keys(&mut state, "/JSONEnc");
    press(&mut state, KeyCode::Enter);
    type_keys(&mut state, "j/");
    for _ in 0..7 {
        press(&mut state, KeyCode::Backspace);
    }
    press(&mut state, KeyCode::Enter);
    type_keys(&mut state, "t");
    assert_eq!(listed(&state)[4], "    -encode*");
    // From there to the function's own screen, on to its caller, and back into the tree.
    press(&mut state, KeyCode::Enter);
    assert!(matches!(state.screens.last(), Some(Screen::Detail(_))));
    press(&mut state, KeyCode::Enter);
    type_keys(&mut state, "t");
    assert_eq!((state.screens.len(), listed(&state)[3].as_str()), (1, "   -render_a*"));
    type_keys(&mut state, "t");
    assert!(state.screens.is_empty());
}

#[test]
fn what_is_frozen_is_asked_for_before() {
    let mut state = top(3, 80, 24);
    assert!(!state.query().tree);
    type_keys(&mut state, "p");
    assert!(state.query().tree);
    state.update(Event::Data(live(3, Phase::Running)));
    let before = state.query();
    type_keys(&mut state, "t");
    assert_eq!(state.query(), before, "nothing new has to be asked");
    assert!(!listed(&state).is_empty());
}

#[test]
fn it_saves_a_flame_graph_and_shows_no_differences() {
    let mut state = tree();
    type_keys(&mut state, "md");
    assert!(!state.shows_diff);
    assert!(state.notice.as_ref().expect("a word").text.contains("table"));
    type_keys(&mut state, "s");
    assert_eq!(state.prompt.as_ref().map(|prompt| prompt.question), Some(Question::SaveAs));
    let save = Effect::Save { path: "flame.html".to_owned(), may_replace: false };
    assert_eq!(press(&mut state, KeyCode::Enter), Some(save));
}

#[test]
fn stacks_come_later_than_the_screen() {
    let mut state = top(3, 80, 24);
    type_keys(&mut state, "jj");
    let function = state.selected.expect("chosen");
    state.update(Event::Data(changed(live(4, Phase::Running), |profile| profile.stacks = Stacks::NotAsked)));
    type_keys(&mut state, "t");
    assert!(listed(&state).is_empty());
    state.update(Event::Data(live(5, Phase::Running)));
    let tree = state.tree().expect("it is on screen");
    let Stacks::Known(stacks) = &state.profile().expect("a profile").stacks else { panic!("they have come") };
    let place = tree.current().expect("a row").place;
    assert_eq!(stacks.nodes[place as usize].function, function);
}

#[test]
fn what_costs_little_folds_again_unless_it_is_looked_at() {
    use pikos_views::{Forest, Paths, ShownStack};
    let of = |seconds: f64| {
        let mut paths = Paths::default();
        let mut forest = Forest::new(&mut paths);
        let mut add = |parent, function, tottime| {
            let own = ShownStack { ncalls: 1, tottime, ..ShownStack::default() };
            forest.add(parent, FunctionId(function), own)
        };
        let main = add(None, 1, 100.0);
        let checkout = add(Some(main), 2, seconds);
        add(Some(checkout), 3, 0.0);
        Stacks::Known(std::sync::Arc::new(forest.finish()))
    };
    let mut state = top(1, 80, 24);
    type_keys(&mut state, "t");
    let mut tick = 1;
    let mut after = |state: &mut State, seconds: f64| {
        tick += 1;
        state
            .update(Event::Data(changed(live(tick, Phase::Running), |profile| profile.stacks = of(seconds))));
        listed(state)
    };
    assert_eq!(after(&mut state, 1.0), ["-main", " +checkout"]);
    assert_eq!(after(&mut state, 10.0)[1..], [" -checkout", "  render_a"]);
    assert_eq!(after(&mut state, 3.0).len(), 3, "not at once");
    assert_eq!(after(&mut state, 1.0).len(), 2);
    after(&mut state, 10.0);
    type_keys(&mut state, "G");
    assert_eq!(after(&mut state, 1.0)[1..], [" -checkout", "  render_a*"]);
}
