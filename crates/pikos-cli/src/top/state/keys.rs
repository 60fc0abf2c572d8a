//! What each key does.

use pikos_views::{Command, FunctionId, OBJECTS, Phase, ProcessId, Recording, Scope, ShownTypes, Stacks};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use regex::RegexBuilder;

use super::calls::Of;
use super::columns::{Column, Sort};
use super::cursor::{Cursor, Motion};
use super::detail::{Detail, Pane};
use super::filter::Filter;
use super::line::LineDetail;
use super::prompt::{Prompt, Question, Typed};
use super::scopes::{Entry, Scopes};
use super::tree::{Fold, TreeScreen};
use super::types::TypePlaces;
use super::{Effect, Notice, Screen, State, layout};

/// A regular expression may not take more memory than this, whatever is typed.
const REGEX_LIMIT: usize = 1 << 20;

/// A line of the help: what to press, and what it does.
pub type Help = (&'static str, &'static str);

/// Which views have a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Views {
    Both,
    Files,
    Live,
}

/// All keys.
const HELP: [(Help, Views); 32] = [
    (("Up Down  k j", "choose a function; the cursor stays on it"), Views::Files),
    (("Up Down", "choose a function; the cursor stays on it"), Views::Live),
    (("PgUp PgDn  Space", "a page up or down"), Views::Both),
    (("Home End  g G", "the first, the last"), Views::Both),
    (("Left Right  < >  r", "sort by the next column; reverse the order"), Views::Both),
    (("Enter", "callers, callees and source of the function"), Views::Both),
    (("Tab", "files, or their sum; in a function, the next pane"), Views::Files),
    (("Tab", "processes and threads; in a function, the next pane"), Views::Live),
    (("u", "your own code only, with the time of what it called; all"), Views::Both),
    (("t", "the call tree"), Views::Files),
    (("t", "the call tree, if full stacks are kept (--tree)"), Views::Live),
    (("  in it: Left Right", "fold and unfold; e unfolds, E folds the whole branch"), Views::Both),
    (("k", "where each thread is now: its open calls"), Views::Live),
    (("  in it: Left Right", "fold and unfold a thread; e unfolds, E folds all"), Views::Live),
    (("a", "tasks: what each awaits, what blocked the loop (--tasks)"), Views::Live),
    (("  in it: Left Right", "sort by longest wait, longest step, run; f: list or tree"), Views::Live),
    (("/  x", "show only, or hide, what matches a regex: file:line(name)"), Views::Both),
    (("m", "mark: remember the current figures"), Views::Both),
    (("d", "differences from the mark, and back"), Views::Both),
    (("p", "freeze the view, or go on"), Views::Live),
    (("P", "pause collection in the program, or resume it"), Views::Live),
    (("c", "clear: the program counts from zero again"), Views::Live),
    (("f", "for records of memory: lines or functions"), Views::Live),
    (("o", "types of objects, where they are counted"), Views::Live),
    (("s", "save as .pikos, .html, .pstats, …: the name's ending says"), Views::Both),
    (("q  Esc", "back"), Views::Both),
    (("q", "in the table: leave. Ctrl-C leaves anywhere"), Views::Both),
    (("Ctrl-Z", "back to the shell until `fg`"), Views::Both),
    (("mouse", "click to choose, again to open; the wheel scrolls"), Views::Both),
    (("  with Shift", "the terminal's own: select and copy text"), Views::Both),
    (("?", "this help"), Views::Both),
    (("in a text line", "Enter accepts, Esc cancels, Ctrl-U clears"), Views::Both),
];

/// The lines of the help screen.
pub fn help(is_live: bool) -> impl Iterator<Item = Help> {
    let views = if is_live { Views::Live } else { Views::Files };
    HELP.into_iter().filter(move |(_, of)| *of == Views::Both || *of == views).map(|(help, _)| help)
}

impl State {
    pub(super) fn key(&mut self, key: KeyEvent) -> Option<Effect> {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            match key.code {
                KeyCode::Char('c') => return Some(Effect::Quit),
                KeyCode::Char('z') => return Some(Effect::Suspend),
                _ => {}
            }
        }
        self.notice = None;
        if self.prompt.is_some() {
            return self.prompt_key(key);
        }
        // What other keys do is not to be seen behind the help.
        if matches!(self.screens.last(), Some(Screen::Help(_))) {
            if self.help_key(key) {
                return None;
            }
            self.close();
        }
        match key.code {
            KeyCode::Char('q') if self.screens.is_empty() => return Some(Effect::Quit),
            KeyCode::Char('q') => self.close(),
            KeyCode::Char('?') | KeyCode::F(1) => self.screens.push(Screen::Help(Cursor::default())),
            KeyCode::Char('/') => self.ask(Question::Include),
            KeyCode::Char('x') => self.ask(Question::Exclude),
            KeyCode::Char('s') => self.ask(Question::SaveAs),
            KeyCode::Char('o') if self.is_live() => self.show_objects(),
            KeyCode::Char('u') => self.toggle_mine(),
            KeyCode::Char('m') => self.mark(),
            KeyCode::Char('d') => self.toggle_diff(),
            KeyCode::Char('p') => self.toggle_freeze(),
            KeyCode::Char('P') => return self.toggle_pause(),
            KeyCode::Char('c') => return self.clear(),
            KeyCode::Char('k') if self.recorder().is_some() => self.say("records have no open calls"),
            KeyCode::Char('k') if self.is_live() => self.toggle_calls(),
            KeyCode::Char('a') if self.recorder().is_some() => self.say("records have no tasks"),
            KeyCode::Char('a') if self.is_live() => self.toggle_tasks(),
            KeyCode::Char('t') if self.recorder().is_some() => self.say("records have no call tree"),
            KeyCode::Char('t') => self.toggle_tree(),
            _ => match self.screens.last() {
                None if self.recorder().is_some() => {
                    match self.recorder().and_then(|memory| memory.types.clone()) {
                        Some(types) => self.types_key(key, &types),
                        None => self.memory_key(key),
                    }
                }
                None => self.table_key(key),
                Some(Screen::Detail(_)) => self.detail_key(key),
                Some(Screen::Line(_)) => self.line_key(key),
                Some(Screen::Tree(_)) => self.tree_key(key),
                Some(Screen::Calls(_)) => self.calls_key(key),
                Some(Screen::Tasks(_)) => self.tasks_key(key),
                Some(Screen::TypePlaces(_)) => self.type_places_key(key),
                Some(Screen::Scopes(_)) => self.scopes_key(key),
                Some(Screen::Help(_)) => {}
            },
        }
        None
    }

    fn table_key(&mut self, key: KeyEvent) {
        if let Some(motion) = motion(key.code) {
            self.cursor.go(motion, self.rows.len(), self.page());
            self.selected = self.cursor.row.and_then(|row| self.rows.get(row)).map(|row| row.id);
            return;
        }
        match key.code {
            KeyCode::Left | KeyCode::Char('<' | 'h') => self.sort_by_neighbour(false),
            KeyCode::Right | KeyCode::Char('>' | 'l') => self.sort_by_neighbour(true),
            KeyCode::Char('r') => {
                self.sort.is_reversed ^= true;
                self.arrange();
            }
            KeyCode::Enter => {
                if let Some(function) = self.current() {
                    self.selected = Some(function);
                    self.cursor.row = Some(self.cursor.current());
                    self.open(function);
                }
            }
            KeyCode::Esc => {
                self.selected = None;
                self.cursor = Cursor::default();
            }
            KeyCode::Tab | KeyCode::BackTab => self.open_scopes(),
            _ => {}
        }
    }

    fn memory_key(&mut self, key: KeyEvent) {
        let page = self.memory_page();
        let Some(memory) = self.picture.recording().cloned() else { return };
        let table = &mut self.memory;
        if let Some(motion) = motion(key.code) {
            table.cursor.go(motion, table.rows.len(), page);
            table.selected = table.cursor.row.and_then(|row| table.rows.get(row)).map(|row| row.id);
            return;
        }
        match key.code {
            KeyCode::Left | KeyCode::Char('<' | 'h') => self.sort_memory_by_neighbour(&memory, false),
            KeyCode::Right | KeyCode::Char('>' | 'l') => self.sort_memory_by_neighbour(&memory, true),
            KeyCode::Char('r') => {
                table.is_reversed ^= true;
                self.arrange();
            }
            KeyCode::Char('f') if !memory.is_of_functions => {
                table.by_function ^= true;
                table.selected = None;
                table.cursor = Cursor::default();
                self.arrange();
            }
            KeyCode::Char('f') => self.say("these records are of functions: there are no lines"),
            KeyCode::Enter => {
                if let Some(line) = table.rows.get(table.cursor.current()).map(|row| row.id) {
                    table.selected = Some(line);
                    table.cursor.row = Some(table.cursor.current());
                    let by_function = table.by_function;
                    self.screens.push(Screen::Line(LineDetail::new(line, by_function)));
                    self.place_source();
                }
            }
            KeyCode::Esc => {
                table.selected = None;
                table.cursor = Cursor::default();
            }
            KeyCode::Tab | KeyCode::BackTab => self.open_scopes(),
            _ => {}
        }
    }

    /// Goes to where objects are counted.
    fn show_objects(&mut self) {
        let counts = |process: &pikos_views::Process| {
            process.recorder.is_some_and(|recorder| recorder.monitor == OBJECTS)
        };
        match self.picture.processes.iter().rposition(counts) {
            Some(place) => {
                self.screens.clear();
                self.is_frozen = false;
                self.scope = Scope::Process(ProcessId(place as u32));
            }
            None => self.say("nobody counts objects here: pikos-run objects --recording zmq SCRIPT does"),
        }
    }

    fn types_key(&mut self, key: KeyEvent, types: &ShownTypes) {
        let page = self.page();
        let table = &mut self.types;
        if let Some(motion) = motion(key.code) {
            table.cursor.go(motion, table.rows.len(), page);
            table.selected = table.cursor.row.and_then(|row| table.rows.get(row)).copied();
            return;
        }
        match key.code {
            KeyCode::Left | KeyCode::Char('<' | 'h') => {
                table.sort = table.sort.neighbour(false);
                table.is_reversed = false;
            }
            KeyCode::Right | KeyCode::Char('>' | 'l') => {
                table.sort = table.sort.neighbour(true);
                table.is_reversed = false;
            }
            KeyCode::Char('r') => table.is_reversed ^= true,
            KeyCode::Enter => {
                if let Some(of) = table.rows.get(table.cursor.current()).copied() {
                    table.selected = Some(of);
                    table.cursor.row = Some(table.cursor.current());
                    self.screens.push(Screen::TypePlaces(TypePlaces { of, cursor: Cursor::default() }));
                }
                return;
            }
            KeyCode::Esc => {
                table.selected = None;
                table.cursor = Cursor::default();
                return;
            }
            KeyCode::Tab | KeyCode::BackTab => return self.open_scopes(),
            _ => return,
        }
        self.types.arrange(types, page);
    }

    fn type_places_key(&mut self, key: KeyEvent) {
        let rows = layout::line_rows(self.size, self.is_live());
        let types = self.recorder().and_then(|memory| memory.types.clone()).unwrap_or_default();
        let Some(Screen::TypePlaces(screen)) = self.screens.last_mut() else { return };
        match (motion(key.code), key.code) {
            (Some(motion), _) => screen.cursor.scroll(motion, types.places_of(screen.of).len(), rows),
            (None, KeyCode::Esc | KeyCode::Backspace | KeyCode::Enter) => self.close(),
            _ => {}
        }
    }

    fn sort_memory_by_neighbour(&mut self, memory: &Recording, is_forward: bool) {
        let columns = self.memory.columns(memory);
        let now = self.memory.column(memory);
        let place = columns.iter().position(|column| *column == now).unwrap_or(0);
        let step = if is_forward { 1 } else { columns.len() - 1 };
        self.memory.sort = Some(columns[(place + step) % columns.len()]);
        self.memory.is_reversed = false;
        self.arrange();
    }

    fn line_key(&mut self, key: KeyEvent) {
        let rows = layout::line_rows(self.size, self.is_live());
        let len = self.source.as_ref().map_or(0, |source| source.lines.len());
        let Some(Screen::Line(line)) = self.screens.last_mut() else { return };
        match (motion(key.code), key.code) {
            (Some(motion), _) => line.source.scroll(motion, len, rows),
            (None, KeyCode::Esc | KeyCode::Backspace | KeyCode::Enter) => self.close(),
            _ => {}
        }
    }

    fn sort_by_neighbour(&mut self, is_forward: bool) {
        let Some(profile) = self.picture.profile() else { return };
        let columns = Column::all(&profile.meaning);
        let place = columns.iter().position(|column| *column == self.sort.column).unwrap_or(0);
        let step = if is_forward { 1 } else { columns.len() - 1 };
        self.sort = Sort::by(columns[(place + step) % columns.len()]);
        self.arrange();
    }

    fn open(&mut self, function: FunctionId) {
        /// Nobody goes back further, and callers may go in circles.
        const DEEPEST: usize = 100;
        let Some(profile) = self.picture.profile() else { return };
        if self.screens.len() >= DEEPEST {
            self.screens.remove(0);
        }
        self.screens.push(Screen::Detail(Box::new(Detail::new(function, profile))));
        self.place_source();
    }

    fn detail_key(&mut self, key: KeyEvent) {
        let (size, is_live) = (self.size, self.is_live());
        let source_len = self.source.as_ref().map_or(0, |source| source.lines.len());
        let Some(detail) = self.detail_mut() else { return };
        if let Some(motion) = motion(key.code) {
            let rows = layout::pane_rows(size, is_live);
            match detail.pane {
                Pane::Callers => detail.callers.cursor.go(motion, detail.callers.rows.len(), rows),
                Pane::Callees => detail.callees.cursor.go(motion, detail.callees.rows.len(), rows),
                Pane::Source => detail.source.scroll(motion, source_len, rows),
            }
            return;
        }
        match key.code {
            KeyCode::Tab | KeyCode::Right | KeyCode::Char('l' | '>') => detail.pane = detail.pane.next(true),
            KeyCode::BackTab | KeyCode::Left | KeyCode::Char('h' | '<') => {
                detail.pane = detail.pane.next(false);
            }
            KeyCode::Char('1') => detail.pane = Pane::Callers,
            KeyCode::Char('2') => detail.pane = Pane::Callees,
            KeyCode::Char('3') => detail.pane = Pane::Source,
            KeyCode::Enter => {
                if let Some(function) = detail.chosen() {
                    self.open(function);
                }
            }
            KeyCode::Esc | KeyCode::Backspace => self.close(),
            _ => {}
        }
        self.place_source();
    }

    /// Shows the tree, at the function that was chosen; or what was there before it.
    fn toggle_tree(&mut self) {
        if self.recorder().is_some() {
            return;
        }
        let function = match self.screens.last() {
            Some(Screen::Tree(_)) => return self.close(),
            Some(Screen::Detail(detail)) => Some(detail.function),
            None => self.selected.filter(|_| self.cursor.row.is_some()),
            _ => return,
        };
        // There is one tree: who comes from it by a function goes back to it.
        match self.screens.iter().position(|screen| matches!(screen, Screen::Tree(_))) {
            Some(place) => self.screens.truncate(place + 1),
            None => self.screens.push(Screen::Tree(Box::new(TreeScreen::new(None)))),
        }
        if let (Some(Screen::Tree(tree)), Some(function)) = (self.screens.last_mut(), function) {
            tree.want(function);
        }
        self.fill_tree();
    }

    fn tree_key(&mut self, key: KeyEvent) {
        let page = self.page();
        let Some(profile) = self.picture.profile() else { return };
        let Some(Screen::Tree(tree)) = self.screens.last_mut() else { return };
        if let Some(motion) = motion(key.code) {
            tree.go(motion, page);
            return;
        }
        let fold = match key.code {
            KeyCode::Right | KeyCode::Char('l' | '>' | '+') => Fold::Open,
            KeyCode::Left | KeyCode::Char('h' | '<' | '-') => Fold::Close,
            KeyCode::Char('e') => Fold::OpenAll,
            KeyCode::Char('E') => Fold::CloseAll,
            KeyCode::Enter => {
                let place = tree.current().map(|row| row.place as usize);
                if let (Some(place), Stacks::Known(stacks)) = (place, profile.listed_stacks(self.is_mine)) {
                    let function = stacks.nodes[place].function;
                    self.open(function);
                }
                return;
            }
            KeyCode::Tab | KeyCode::BackTab => return self.open_scopes(),
            KeyCode::Esc | KeyCode::Backspace => {
                if !tree.let_go() {
                    self.close();
                }
                return;
            }
            _ => return,
        };
        if tree.fold(fold, profile.listed_stacks(self.is_mine), page) {
            self.fill_tree();
        }
    }

    /// Shows the open calls, or what was there before them.
    fn toggle_calls(&mut self) {
        if matches!(self.screens.last(), Some(Screen::Calls(_))) {
            return self.close();
        }
        // They are there once: who comes from them by a function goes back to them.
        match self.screens.iter().position(|screen| matches!(screen, Screen::Calls(_))) {
            Some(place) => self.screens.truncate(place + 1),
            None => self.screens.push(Screen::Calls(Box::default())),
        }
        self.fill_calls();
    }

    /// Shows the tasks, or what was there before them.
    fn toggle_tasks(&mut self) {
        if matches!(self.screens.last(), Some(Screen::Tasks(_))) {
            return self.close();
        }
        match self.screens.iter().position(|screen| matches!(screen, Screen::Tasks(_))) {
            Some(place) => self.screens.truncate(place + 1),
            None => self.screens.push(Screen::Tasks(Box::default())),
        }
        self.fill_calls();
    }

    fn tasks_key(&mut self, key: KeyEvent) {
        let page = self.page();
        let Some(Screen::Tasks(tasks)) = self.screens.last_mut() else { return };
        if let Some(motion) = motion(key.code) {
            tasks.go(motion, page);
            return;
        }
        match key.code {
            KeyCode::Right | KeyCode::Char('l' | '>') => tasks.sort_by_neighbour(true),
            KeyCode::Left | KeyCode::Char('h' | '<') => tasks.sort_by_neighbour(false),
            KeyCode::Char('f') => tasks.is_flat = !tasks.is_flat,
            KeyCode::Enter => {
                if let Some(function) = tasks.current() {
                    self.open(function);
                }
                return;
            }
            KeyCode::Tab | KeyCode::BackTab => return self.open_scopes(),
            KeyCode::Esc | KeyCode::Backspace => return self.close(),
            _ => return,
        }
        self.fill_calls();
    }

    fn calls_key(&mut self, key: KeyEvent) {
        let page = self.page();
        let Some(Screen::Calls(calls)) = self.screens.last_mut() else { return };
        if let Some(motion) = motion(key.code) {
            calls.go(motion, page);
            return;
        }
        match key.code {
            KeyCode::Right | KeyCode::Char('l' | '>' | '+') => calls.fold(false),
            KeyCode::Left | KeyCode::Char('h' | '<' | '-') => calls.fold(true),
            KeyCode::Char('e') => calls.fold_all(false),
            KeyCode::Char('E') => calls.fold_all(true),
            KeyCode::Enter => match calls.current().map(|row| row.of) {
                Some(Of::Call { function, .. }) => return self.open(function),
                Some(Of::Thread { is_open, .. }) => calls.fold(is_open),
                None => {}
            },
            KeyCode::Tab | KeyCode::BackTab => return self.open_scopes(),
            KeyCode::Esc | KeyCode::Backspace => {
                if !calls.let_go() {
                    self.close();
                }
                return;
            }
            _ => return,
        }
        self.fill_calls();
    }

    /// The function that keys are for.
    fn current(&self) -> Option<FunctionId> {
        self.rows.get(self.cursor.current()).map(|row| row.id)
    }

    /// Shows the list of what there is to look at.
    pub fn open_scopes(&mut self) {
        let mut screen = Scopes::default();
        let list = screen.entries(&self.picture);
        if let Some(row) = list.iter().position(|entry| *entry == Entry::Scope(self.scope)) {
            screen.cursor.follow(row, list.len(), self.page());
        }
        self.screens.push(Screen::Scopes(screen));
    }

    fn scopes_key(&mut self, key: KeyEvent) {
        let page = self.page();
        let Some(Screen::Scopes(screen)) = self.screens.last_mut() else { return };
        let list = screen.entries(&self.picture);
        if let Some(motion) = motion(key.code) {
            screen.cursor.go(motion, list.len(), page);
            return;
        }
        match key.code {
            KeyCode::Enter => match list.into_iter().nth(screen.cursor.current()) {
                Some(Entry::Ended(process, ended)) => screen.toggle(process, ended),
                Some(Entry::Scope(scope)) => {
                    self.scope = scope;
                    // What is frozen is of the old scope.
                    self.is_frozen = false;
                    self.close();
                }
                None => self.close(),
            },
            KeyCode::Esc | KeyCode::Tab | KeyCode::BackTab | KeyCode::Backspace => self.close(),
            _ => {}
        }
    }

    /// What a key does on the help alone. False if it is one for the screen below.
    fn help_key(&mut self, key: KeyEvent) -> bool {
        let page = usize::from(layout::body_height(self.size, self.is_live()));
        let len = help(self.is_live()).count();
        let Some(Screen::Help(cursor)) = self.screens.last_mut() else { return false };
        match (motion(key.code), key.code) {
            (Some(motion), _) => cursor.scroll(motion, len, page),
            (None, KeyCode::Char('?' | 'q') | KeyCode::F(1) | KeyCode::Esc | KeyCode::Enter) => self.close(),
            _ => return false,
        }
        true
    }

    fn close(&mut self) {
        self.screens.pop();
        self.fill_detail();
        self.keep_cursors();
    }

    fn ask(&mut self, question: Question) {
        let text = match question {
            Question::Include => self.include.as_ref().map_or("", Filter::text),
            Question::Exclude => self.exclude.as_ref().map_or("", Filter::text),
            Question::SaveAs if self.tree().is_some() => "flame.html",
            Question::SaveAs => match self.recorder() {
                Some(memory) if memory.types.is_some() => "types.csv",
                Some(_) if self.memory.by_function => "functions.csv",
                Some(memory) if memory.is_of_functions => "functions.csv",
                Some(_) => "lines.csv",
                None => "profile.pstats",
            },
        };
        self.prompt = Some(Prompt::new(question, text));
    }

    fn prompt_key(&mut self, key: KeyEvent) -> Option<Effect> {
        let prompt = self.prompt.as_mut()?;
        match prompt.key(key) {
            Typed::Nothing => {}
            Typed::Left => self.prompt = None,
            Typed::Edited => {
                if prompt.question != Question::SaveAs {
                    self.apply_filter();
                }
            }
            Typed::Entered if prompt.question == Question::SaveAs => {
                let path = prompt.text.trim().to_owned();
                let may_replace = prompt.may_replace;
                self.prompt = None;
                return (!path.is_empty()).then_some(Effect::Save { path, may_replace });
            }
            Typed::Entered => {
                if self.apply_filter() {
                    self.prompt = None;
                }
            }
        }
        None
    }

    /// Filters by what was typed so far. False, and a remark, if that is no regular expression; then
    /// the last good one stays.
    fn apply_filter(&mut self) -> bool {
        let Some(prompt) = &mut self.prompt else { return true };
        let filter = match prompt.text.as_str() {
            "" => None,
            text => match RegexBuilder::new(text).size_limit(REGEX_LIMIT).build() {
                Ok(regex) => Some(Filter::new(regex)),
                Err(error) => {
                    // The last line of the message is the reason; those before draw an arrow.
                    let reason = error.to_string();
                    let reason = reason.lines().last().unwrap_or_default();
                    prompt.remark = Some(reason.trim_start_matches("error: ").to_owned());
                    return false;
                }
            },
        };
        match prompt.question {
            Question::Exclude => self.exclude = filter,
            _ => self.include = filter,
        }
        self.memory.set_filters(self.include.as_ref(), self.exclude.as_ref());
        self.types.set_filters(self.include.as_ref(), self.exclude.as_ref());
        self.arrange();
        self.fill_tree();
        self.fill_calls();
        true
    }

    fn mark(&mut self) {
        self.set_mark();
        self.say("marked: d shows what has changed since");
        self.arrange();
    }

    fn toggle_diff(&mut self) {
        if self.recorder().is_some() {
            match &self.memory.mark {
                None => self.say("nothing to compare with: m marks the current figures"),
                Some(_) => {
                    self.memory.shows_diff ^= true;
                    self.arrange();
                }
            }
            return;
        }
        if self.tree().is_some() {
            self.say("the function table shows the differences: t goes back to it");
            return;
        }
        match &self.mark {
            None => return self.say("nothing to compare with: m marks the current figures"),
            Some(mark) if mark.is_mine != self.is_mine => {
                return self.say("the mark is of other functions: u shows them, m marks these");
            }
            Some(_) => {}
        }
        self.shows_diff ^= true;
        self.arrange();
    }

    fn toggle_mine(&mut self) {
        let Some(profile) = self.profile() else {
            return self.say("records have no functions to fold: / and x choose among the lines");
        };
        if !self.is_mine && profile.own.is_empty() && !profile.functions.is_empty() {
            return self.say("no function here is of your own code");
        }
        self.is_mine ^= true;
        self.shows_diff = false;
        // What a function has done with all that it called is another thing than what it has done.
        self.history.clear();
        self.arrange();
        self.fill_tree();
        self.fill_calls();
    }

    fn toggle_freeze(&mut self) {
        self.is_frozen ^= true;
    }

    fn toggle_pause(&mut self) -> Option<Effect> {
        let command = match self.picture.process().map(|process| &process.phase) {
            Some(Phase::Paused) => Command::Resume,
            // Of several, all are paused unless all are so already.
            None if self.all_paused() => Command::Resume,
            _ => Command::Pause,
        };
        Some(Effect::Command(command))
    }

    fn all_paused(&self) -> bool {
        let mut alive = self
            .picture
            .processes
            .iter()
            .map(|process| &process.phase)
            .filter(|status| matches!(status, Phase::Running | Phase::Paused))
            .peekable();
        alive.peek().is_some() && alive.all(|status| *status == Phase::Paused)
    }

    fn clear(&mut self) -> Option<Effect> {
        if self.is_live() {
            // Figures that begin at zero again can't be compared with what they were.
            self.mark = None;
            self.shows_diff = false;
            self.memory.forget_mark();
            self.history.clear();
        }
        Some(Effect::Command(Command::Clear))
    }

    pub(super) fn say(&mut self, text: &str) {
        self.notice = Some(Notice { text: text.to_owned(), is_error: false });
    }
}

fn motion(code: KeyCode) -> Option<Motion> {
    Some(match code {
        KeyCode::Up | KeyCode::Char('k') => Motion::Up,
        KeyCode::Down | KeyCode::Char('j') => Motion::Down,
        KeyCode::PageUp => Motion::PageUp,
        KeyCode::PageDown | KeyCode::Char(' ') => Motion::PageDown,
        KeyCode::Home | KeyCode::Char('g') => Motion::Home,
        KeyCode::End | KeyCode::Char('G') => Motion::End,
        _ => return None,
    })
}
