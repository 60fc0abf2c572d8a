//! What a view is at: its picture, its screen, where the cursor stands. No terminal, no socket, no
//! file: events come in, effects go out.

pub mod calls;
pub mod columns;
pub mod cursor;
pub mod detail;
pub mod filter;
pub mod history;
mod keys;
pub use keys::help;
pub mod layout;
pub mod line;
pub mod memory;
mod mouse;
pub mod prompt;
pub mod scopes;
pub mod tasks;
pub mod tree;
pub mod types;

use std::collections::HashMap;
use std::sync::Arc;

use pikos_views::{
    Command, Content, Edges, FunctionId, Picture, ProcessId, ProfileContent, Query, Recording, Scope, Shown,
    ShownFunction, SourceLines, Stacks, Totals,
};
use pstats_compat::Text;
use ratatui::crossterm::event::{KeyEvent, MouseEvent};

use calls::CallsScreen;
use columns::{Column, Sort};
use cursor::Cursor;
use detail::{Detail, Pane};
use filter::Filter;
use history::History;
use layout::Size;
use line::LineDetail;
use memory::MemoryTable;
use prompt::Prompt;
use scopes::Scopes;
use tasks::TasksScreen;
use tree::TreeScreen;
use types::{TypePlaces, TypeTable};

/// What happens to a view.
#[derive(Clone, Debug)]
pub enum Event {
    Key(KeyEvent),
    Mouse(MouseEvent),
    Data(Picture),
    /// The lines of the source that [`State::wanted_source`] named.
    Source(SourceLines),
    Resize(Size),
    /// How an effect went.
    Done(Result<String, String>),
    /// The file to save to exists.
    Exists(String),
}

/// What a view wants to happen.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    Quit,
    /// Back to the shell until it says otherwise.
    Suspend,
    /// Write a profile of what is shown, or a recorder's table.
    Save {
        path: String,
        may_replace: bool,
    },
    /// Tell the processes of the scope that is shown.
    Command(Command),
}

/// What fills the screen, above the table of functions.
#[derive(Clone, Debug, PartialEq)]
pub enum Screen {
    Detail(Box<Detail>),
    Line(LineDetail),
    Tree(Box<TreeScreen>),
    Calls(Box<CallsScreen>),
    Tasks(Box<TasksScreen>),
    TypePlaces(TypePlaces),
    Scopes(Scopes),
    Help(Cursor),
}

/// A word to the user. It goes with the next key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub text: String,
    pub is_error: bool,
}

/// What later figures are compared with.
#[derive(Clone, Debug)]
struct Mark {
    figures: HashMap<FunctionId, Shown>,
    /// Whether they are those of the user's own functions alone.
    is_mine: bool,
    /// What was marked, in words.
    title: String,
}

/// The whole state of a view.
#[derive(Clone, Debug)]
pub struct State {
    /// `pikos top`, `pikos view`.
    pub command: &'static str,
    pub picture: Picture,
    /// Of the picture's rows: each screen shows them.
    pub totals: Totals,
    /// What to look at; the picture follows.
    pub scope: Scope,
    pub size: Size,
    pub sort: Sort,
    pub include: Option<Filter>,
    pub exclude: Option<Filter>,
    /// The rows of the table: filtered, sorted, and differences if they are asked for.
    pub rows: Vec<ShownFunction>,
    /// Of a recorder, in the place of the functions.
    pub memory: MemoryTable,
    /// Of one that counts objects.
    pub types: TypeTable,
    pub cursor: Cursor,
    /// The chosen function: the cursor goes where it goes.
    pub selected: Option<FunctionId>,
    pub screens: Vec<Screen>,
    pub prompt: Option<Prompt>,
    pub notice: Option<Notice>,
    pub history: History,
    pub is_frozen: bool,
    /// Whether the user's own functions are to be shown alone.
    pub is_mine: bool,
    pub shows_diff: bool,
    pub source: Option<SourceLines>,
    mark: Option<Mark>,
}

impl State {
    pub fn new(command: &'static str, scope: Scope, sort: Option<Column>, size: Size) -> Self {
        Self {
            command,
            picture: Picture { scope, ..Picture::default() },
            totals: Totals::default(),
            scope,
            size,
            sort: Sort::by(sort.unwrap_or(Column::Cumtime)),
            include: None,
            exclude: None,
            rows: Vec::new(),
            memory: MemoryTable::default(),
            types: TypeTable::default(),
            cursor: Cursor::default(),
            selected: None,
            screens: Vec::new(),
            prompt: None,
            notice: None,
            history: History::default(),
            is_frozen: false,
            is_mine: false,
            shows_diff: false,
            source: None,
            mark: None,
        }
    }

    /// Takes what happened. Everything that a view can do begins here.
    pub fn update(&mut self, event: Event) -> Option<Effect> {
        match event {
            Event::Key(key) => return self.key(key),
            Event::Mouse(mouse) => return self.mouse(mouse),
            Event::Data(picture) => self.take(picture),
            Event::Source(lines) => self.take_source(lines),
            Event::Resize(size) => {
                self.size = size;
                self.keep_cursors();
            }
            Event::Done(outcome) => {
                let is_error = outcome.is_err();
                let (Ok(text) | Err(text)) = outcome;
                self.notice = Some(Notice { text, is_error });
            }
            Event::Exists(path) => {
                self.prompt = Some(Prompt {
                    remark: Some("it exists: Enter replaces it".to_owned()),
                    may_replace: true,
                    ..Prompt::new(prompt::Question::SaveAs, &path)
                });
            }
        }
        None
    }

    /// What the picture must hold.
    pub fn query(&self) -> Query {
        let edges = match self.detail() {
            // What was frozen can't be asked again.
            _ if self.is_frozen => Edges::All,
            Some(detail) => Edges::Of(detail.function),
            None => Edges::None,
        };
        let has_tree = self.screens.iter().any(|screen| matches!(screen, Screen::Tree(_)));
        let mine = self.is_mine || (self.is_frozen && self.is_live());
        let open = self.is_frozen
            || self.screens.iter().any(|screen| matches!(screen, Screen::Calls(_) | Screen::Tasks(_)));
        Query { scope: self.scope, edges, tree: self.is_frozen || has_tree, open, mine }
    }

    /// The file whose lines the screen shows, if they are not here yet.
    pub fn wanted_source(&self) -> Option<&Text> {
        let path = match self.screens.last()? {
            Screen::Detail(detail) => {
                let is_together = layout::panes(self.size) == layout::Panes::Together;
                let is_shown = detail.pane == Pane::Source || is_together;
                is_shown.then(|| Some(&self.profile()?.label(detail.function).path))??
            }
            Screen::Line(line) => &self.recorder()?.label(line.line, line.by_function).path,
            _ => return None,
        };
        let is_here = self.source.as_ref().is_some_and(|lines| lines.path == *path);
        (!is_here).then_some(path)
    }

    /// What a recorder has told, if the scope is one.
    pub fn recorder(&self) -> Option<&Recording> {
        self.picture.recording().map(Arc::as_ref)
    }

    /// The profile, if the scope has one.
    pub fn profile(&self) -> Option<&ProfileContent> {
        self.picture.profile()
    }

    /// The function on screen, if it is one function.
    pub fn detail(&self) -> Option<&Detail> {
        match self.screens.last() {
            Some(Screen::Detail(detail)) => Some(detail),
            _ => None,
        }
    }

    /// The tree, if it is on screen.
    pub fn tree(&self) -> Option<&TreeScreen> {
        match self.screens.last() {
            Some(Screen::Tree(tree)) => Some(tree),
            _ => None,
        }
    }

    /// The open calls, if they are on screen.
    pub fn calls(&self) -> Option<&CallsScreen> {
        match self.screens.last() {
            Some(Screen::Calls(calls)) => Some(calls),
            _ => None,
        }
    }

    fn detail_mut(&mut self) -> Option<&mut Detail> {
        match self.screens.last_mut() {
            Some(Screen::Detail(detail)) => Some(detail),
            _ => None,
        }
    }

    /// What the differences are differences from.
    pub fn mark_title(&self) -> Option<&str> {
        match self.recorder() {
            Some(_) => self.memory.mark.as_ref().map(|mark| mark.title.as_str()),
            None => self.mark.as_ref().map(|mark| mark.title.as_str()),
        }
    }

    /// Whether differences are shown.
    pub fn is_diff(&self) -> bool {
        if self.recorder().is_some() {
            self.memory.shows_diff
        } else {
            self.shows_diff && self.tree().is_none()
        }
    }

    /// Whether this screen's figures still change.
    pub fn is_live(&self) -> bool {
        self.picture.is_live()
    }

    fn take(&mut self, picture: Picture) {
        let epoch = |picture: &Picture| picture.recording().map(|memory| memory.epoch);
        let is_other = picture.scope != self.picture.scope || epoch(&picture) != epoch(&self.picture);
        if is_other {
            self.history.clear();
            self.memory.forget_mark();
            // Its lines have other numbers.
            self.memory.selected = None;
            self.memory.cursor = Cursor::default();
            self.memory.set_filters(self.include.as_ref(), self.exclude.as_ref());
            self.types.selected = None;
            self.types.cursor = Cursor::default();
            self.types.set_filters(self.include.as_ref(), self.exclude.as_ref());
            self.screens.retain(|screen| !matches!(screen, Screen::Line(_) | Screen::TypePlaces(_)));
        }
        // What is on screen is of the other kind.
        self.screens.retain(|screen| {
            !matches!(
                (screen, &picture.content),
                (Screen::Line(_) | Screen::TypePlaces(_), Content::Profile(_))
                    | (
                        Screen::Detail(_) | Screen::Tree(_) | Screen::Calls(_) | Screen::Tasks(_),
                        Content::Recording(_)
                    )
            )
        });
        if self.scope == Scope::All
            && !picture.processes.is_empty()
            && picture.processes.iter().all(|process| process.recorder.is_some())
        {
            // Recorders have no sum: the newest one is looked at.
            self.scope = Scope::Process(ProcessId(picture.processes.len() as u32 - 1));
        }
        let is_news = picture.tick != self.picture.tick;
        let live = picture.profile().filter(|profile| profile.meaning.is_live);
        if let Some(profile) = live.filter(|_| is_news || is_other) {
            self.history.push(profile.listed(self.is_mine));
        }
        if is_news && !picture.is_live() {
            // Who ran it again may have changed its source.
            self.source = None;
            self.say("the file has changed: read again");
        }
        let old = std::mem::replace(&mut self.picture, picture);
        match (old.content, &self.picture.content) {
            (Content::Profile(old), Content::Profile(new)) => {
                let is_first = old.labels.is_empty();
                // Another query of the same tables: sorting them again would change nothing.
                let is_same = Arc::ptr_eq(new.listed(self.is_mine), old.listed(self.is_mine))
                    && Arc::ptr_eq(&new.labels, &old.labels);
                let stacks = (new.listed_stacks(self.is_mine), old.listed_stacks(self.is_mine));
                let has_same_stacks = match stacks {
                    (Stacks::Known(new), Stacks::Known(old)) => Arc::ptr_eq(new, old),
                    _ => false,
                };
                self.take_profile(is_first, is_same, has_same_stacks);
            }
            (Content::Recording(_), Content::Profile(_)) => self.take_profile(false, false, false),
            (_, Content::Recording(_)) => {
                self.totals = Totals::default();
                self.rows.clear();
                self.arrange();
            }
        }
    }

    fn take_profile(&mut self, is_first: bool, is_same: bool, has_same_stacks: bool) {
        let Some(profile) = self.picture.profile() else { return };
        if is_first && !Column::all(&profile.meaning).contains(&self.sort.column) {
            self.sort = Sort::by(Column::Cumtime);
        }
        self.fill_detail();
        match is_same {
            true => self.keep_cursors(),
            false => self.arrange(),
        }
        if !has_same_stacks {
            self.fill_tree();
        }
        self.fill_calls();
    }

    /// Lists the open calls anew.
    fn fill_calls(&mut self) {
        let page = self.page();
        let Self { screens, include, exclude, picture, is_mine, .. } = self;
        let Some(profile) = picture.profile() else { return };
        for screen in screens {
            if let Screen::Calls(calls) = screen {
                calls.fill(profile, include.as_ref(), exclude.as_ref(), *is_mine, page);
            }
            if let Screen::Tasks(tasks) = screen {
                tasks.fill(profile, include.as_ref(), exclude.as_ref(), page);
            }
        }
    }

    /// Lists the tree's stacks anew.
    fn fill_tree(&mut self) {
        let page = self.page();
        let Self { screens, include, exclude, picture, is_mine, .. } = self;
        let Some(profile) = picture.profile() else { return };
        for screen in screens {
            if let Screen::Tree(tree) = screen {
                let includes = include.as_ref().map(|filter| |id| filter.finds(id));
                let excludes = exclude.as_ref().map(|filter| |id| filter.finds(id));
                tree.fill(
                    profile.listed_stacks(*is_mine),
                    includes.as_ref().map(|finds| finds as &dyn Fn(FunctionId) -> bool),
                    excludes.as_ref().map(|finds| finds as &dyn Fn(FunctionId) -> bool),
                    page,
                );
            }
        }
    }

    fn fill_detail(&mut self) {
        if let (Some(Screen::Detail(detail)), Some(profile)) =
            (self.screens.last_mut(), self.picture.profile())
        {
            detail.fill(profile);
        }
    }

    /// Filters and sorts anew; the cursor stays on its function.
    fn arrange(&mut self) {
        let profile = match &self.picture.content {
            Content::Profile(profile) => profile,
            Content::Recording(memory) if memory.types.is_some() => {
                let page = layout::table_rows(self.size, true);
                if let Some(types) = &memory.types {
                    self.types.arrange(types, page);
                }
                return self.keep_cursors();
            }
            Content::Recording(memory) => {
                let page = layout::memory_rows(self.size, true, memory.has_memory);
                self.memory.arrange(memory, page);
                return self.keep_cursors();
            }
        };
        for filter in [&mut self.include, &mut self.exclude].into_iter().flatten() {
            filter.learn(&profile.labels);
        }
        let listed = |id: FunctionId| {
            self.include.as_ref().is_none_or(|filter| filter.finds(id))
                && !self.exclude.as_ref().is_some_and(|filter| filter.finds(id))
        };
        let functions = profile.listed(self.is_mine);
        self.totals = Totals::of(functions);
        self.rows.clear();
        match self.mark.as_ref().filter(|_| self.shows_diff) {
            None => self.rows.extend(functions.iter().filter(|row| listed(row.id))),
            Some(mark) => {
                let differences = mark.differences(functions, profile);
                self.rows.extend(differences.into_iter().filter(|row| listed(row.id)));
            }
        }
        self.sort.apply(&mut self.rows, profile);
        let page = self.page();
        match self.selected.and_then(|id| self.rows.iter().position(|row| row.id == id)) {
            Some(row) => self.cursor.follow(row, self.rows.len(), page),
            None => {
                // Nothing was chosen yet; or it is filtered away, and may come back.
                self.cursor.row = None;
                self.cursor.keep(self.rows.len(), page);
            }
        }
        self.keep_cursors();
    }

    fn page(&self) -> usize {
        layout::table_rows(self.size, self.is_live())
    }

    /// Rows of a recorder's table.
    fn memory_page(&self) -> usize {
        let has_memory = self.recorder().is_some_and(|memory| memory.has_memory);
        layout::memory_rows(self.size, self.is_live(), has_memory)
    }

    fn keep_cursors(&mut self) {
        let (size, is_live) = (self.size, self.is_live());
        let page = self.page();
        self.cursor.keep(self.rows.len(), page);
        self.memory.cursor.keep(self.memory.rows.len(), self.memory_page());
        self.types.cursor.keep(self.types.rows.len(), page);
        for screen in &mut self.screens {
            match screen {
                Screen::Detail(detail) => {
                    let rows = layout::pane_rows(size, is_live);
                    for neighbours in [&mut detail.callers, &mut detail.callees] {
                        neighbours.cursor.keep(neighbours.rows.len(), rows);
                    }
                }
                Screen::Line(_) | Screen::TypePlaces(_) => {}
                Screen::Tree(tree) => tree.cursor.keep(tree.rows.len(), page),
                Screen::Calls(calls) => calls.cursor.keep(calls.rows.len(), page),
                Screen::Tasks(tasks) => tasks.cursor.keep(tasks.rows.len(), page),
                Screen::Scopes(list) => {
                    let count = list.entries(&self.picture).len();
                    list.cursor.keep(count, page);
                }
                Screen::Help(cursor) => cursor.offset = 0,
            }
        }
        self.place_source();
    }

    fn take_source(&mut self, lines: SourceLines) {
        self.source = Some(lines);
        self.place_source();
    }

    /// Scrolls the source to the function, once.
    fn place_source(&mut self) {
        let rows = layout::pane_rows(self.size, self.is_live());
        let Some(lines) = &self.source else { return };
        let (len, path) = (lines.lines.len(), lines.path.clone());
        if let (Some(Screen::Line(line)), Some(memory)) = (self.screens.last_mut(), self.picture.recording())
        {
            let label = memory.label(line.line, line.by_function);
            let rows = layout::line_rows(self.size, true);
            if !line.is_placed && label.path == path {
                line.is_placed = true;
                line.source.offset = layout::centred(label.line, rows, len);
            }
            return;
        }
        let (Some(detail), Some(profile)) = (self.detail(), self.profile()) else { return };
        let label = profile.label(detail.function);
        if detail.is_placed || label.path != path {
            return;
        }
        // A decorator or a comment above it belongs to it.
        let top = (label.line as usize).saturating_sub(4);
        if let Some(detail) = self.detail_mut() {
            detail.is_placed = true;
            detail.source.offset = top.min(len.saturating_sub(rows.max(1)));
        }
    }

    /// Remembers the figures of now.
    fn set_mark(&mut self) {
        if let Some(memory) = self.picture.recording().cloned() {
            return self.memory.set_mark(&memory);
        }
        let Some(profile) = self.profile() else { return };
        let figures = profile.listed(self.is_mine).iter().map(|row| (row.id, row.figures)).collect();
        let title = match self.picture.process() {
            Some(process) if !self.is_live() => process.title.clone(),
            Some(process) => format!("{:.1} s", process.age.unwrap_or_default()),
            None => "all".to_owned(),
        };
        self.mark = Some(Mark { figures, is_mine: self.is_mine, title });
    }
}

impl Mark {
    /// All rows that changed since, also those that are gone.
    fn differences(&self, functions: &[ShownFunction], profile: &ProfileContent) -> Vec<ShownFunction> {
        let is_live = profile.meaning.is_live;
        let since = |id: FunctionId, now: &Shown| {
            let was = self.figures.get(&id).copied().unwrap_or_default();
            let mut figures = now.since(&was);
            if !is_live {
                figures.share = now.share - was.share;
            }
            ShownFunction { id, figures }
        };
        let here: std::collections::HashSet<FunctionId> = functions.iter().map(|row| row.id).collect();
        let gone = self.figures.keys().filter(|id| !here.contains(id) && id.index() < profile.labels.len());
        let rows = functions.iter().map(|row| since(row.id, &row.figures));
        rows.chain(gone.map(|&id| since(id, &Shown::default())))
            .filter(|row| row.figures.ncalls != 0 || row.figures.tottime != 0.0 || row.figures.cumtime != 0.0)
            .collect()
    }
}

#[cfg(test)]
mod tests;
