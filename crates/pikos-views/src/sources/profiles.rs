//! Finished profiles as a source: each file is a "process", all of them together another table.
//!
//! A file that is written anew is read anew: mark, run the program again, look at the difference.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use pstats_compat::merge::Merger;
use pstats_compat::{CallTree, Counts, Metadata, Profile, Unit};

use super::source::{Command, Query, Source};
use crate::forest::{Forest, Part, Paths};
use crate::names::Names;
use crate::picture::{
    Edge, Edges, Figures, FunctionId, Meaning, Picture, Process, ProcessId, Row, Scope, Stacks, Status, Tree,
};
use crate::printable::printable;

/// Signals and new files are noticed this late at most.
const PACE: Duration = Duration::from_millis(200);

/// Reads a file again. Whatever is wrong with it, it may be in the middle of being written.
pub type Reader = Box<dyn Fn(&Path) -> Option<Profile>>;

/// A profile and where it came from.
pub struct Input {
    /// `None` for what can't be read twice.
    pub path: Option<PathBuf>,
    pub profile: Profile,
}

/// What tells a file from what it was.
type Stamp = Option<(SystemTime, u64)>;

/// A profile in the terms of the view.
struct Table {
    profile: Profile,
    meaning: Meaning,
    /// The ids of the profile's functions.
    ids: Vec<FunctionId>,
    rows: Arc<Vec<Row>>,
    edges: Arc<Vec<Edge>>,
    /// Made when somebody asks.
    tree: Option<Arc<Tree>>,
}

/// Profiles side by side.
pub struct Profiles {
    files: Vec<File>,
    /// The sum, if there are several and they may be added.
    sum: Option<Table>,
    names: Names,
    paths: Paths,
    processes: Arc<Vec<Process>>,
    read: Reader,
    /// How often a file was read anew.
    tick: u64,
}

struct File {
    path: Option<PathBuf>,
    stamp: Stamp,
    table: Table,
}

impl Profiles {
    pub fn new(inputs: Vec<Input>, read: Reader) -> Self {
        let mut names = Names::default();
        let file = |input: Input| File {
            // Before it is asked whether it has changed, so that no change goes unseen.
            stamp: input.path.as_deref().and_then(stamp),
            table: Table::new(input.profile, &mut names),
            path: input.path,
        };
        let files = inputs.into_iter().map(file).collect();
        let (processes, paths) = (Arc::default(), Paths::default());
        let mut profiles = Self { files, sum: None, names, paths, processes, read, tick: 0 };
        profiles.describe();
        profiles
    }

    /// The sum and the list of files.
    fn describe(&mut self) {
        let mut merger = (self.files.len() > 1).then(Merger::new);
        for file in &self.files {
            // One that can't be added to the others leaves us without a sum, not without itself.
            let profile = file.table.profile.clone();
            merger = merger.and_then(|mut merger| merger.add(profile).is_ok().then_some(merger));
        }
        self.sum = merger.map(|merger| Table::new(merger.finish(), &mut self.names));
        self.processes = Arc::new(self.files.iter().map(File::process).collect());
    }

    /// What to look at first: everything, if it can be added up.
    pub fn first_scope(&self) -> Scope {
        if self.sum.is_some() { Scope::All } else { Scope::Process(ProcessId(0)) }
    }

    fn table(&self, scope: Scope) -> Option<&Table> {
        match scope.process() {
            Some(ProcessId(place)) => self.files.get(place as usize).map(|file| &file.table),
            None => self.sum.as_ref().or_else(|| self.files.first().map(|file| &file.table)),
        }
    }
}

impl Profiles {
    fn stacks(&mut self, scope: Scope) -> Stacks {
        let table = match scope.process() {
            Some(ProcessId(place)) => self.files.get_mut(place as usize).map(|file| &mut file.table),
            None => self.sum.as_mut().or_else(|| self.files.first_mut().map(|file| &mut file.table)),
        };
        match table {
            Some(Table { profile: Profile { tree: Some(tree), .. }, ids, tree: made, .. }) => {
                let made = made.get_or_insert_with(|| Arc::new(tree_of(tree, ids, &mut self.paths)));
                Stacks::Known(Arc::clone(made))
            }
            _ => Stacks::NotKept,
        }
    }
}

impl Source for Profiles {
    fn poll(&mut self) -> bool {
        let mut has_changed = false;
        for file in &mut self.files {
            let Some(path) = &file.path else { continue };
            let now = stamp(path);
            if now.is_none() || now == file.stamp {
                continue;
            }
            // One that is only half written is tried again when the rest has come.
            file.stamp = now;
            if let Some(profile) = (self.read)(path) {
                file.table = Table::new(profile, &mut self.names);
                has_changed = true;
            }
        }
        if has_changed {
            self.tick += 1;
            self.describe();
        }
        has_changed
    }

    fn pace(&self) -> Duration {
        PACE
    }

    fn picture(&mut self, query: Query) -> Picture {
        let stacks = if query.tree { self.stacks(query.scope) } else { Stacks::NotAsked };
        let mut picture = Picture {
            scope: query.scope,
            stacks,
            tick: self.tick,
            labels: Arc::clone(self.names.labels()),
            processes: Arc::clone(&self.processes),
            has_sum: self.sum.is_some(),
            ..Picture::default()
        };
        if let Some(table) = self.table(query.scope) {
            picture.meaning = table.meaning.clone();
            picture.rows = Arc::clone(&table.rows);
            picture.edges = Arc::clone(&table.edges);
            picture.edges_of = Edges::All;
        } else {
            picture.scope = Scope::Process(ProcessId(0));
        }
        picture
    }

    fn profile(&self, scope: Scope) -> Result<Profile, String> {
        match self.table(scope) {
            Some(table) => Ok(table.profile.clone()),
            None => Err("these profiles can't be added up: choose one with Tab".to_owned()),
        }
    }

    fn command(&mut self, _: Scope, _: Command) -> Result<(), String> {
        Err("this is a file: there is no process to tell".to_owned())
    }
}

impl Table {
    fn new(mut profile: Profile, names: &mut Names) -> Self {
        profile.merge_labels();
        let ids: Vec<FunctionId> = profile.functions.iter().map(|function| names.id(function)).collect();
        let total: f64 = profile.rows().map(|(_, function)| function.calls.tottime).sum();
        let rows = profile.rows().map(|(id, function)| {
            let share = if total > 0.0 { function.calls.tottime / total } else { 0.0 };
            Row { id: ids[id.index()], figures: Figures { share, ..Figures::from(function.calls) } }
        });
        let rows = rows.collect();
        let edges = profile
            .edges
            .iter()
            .map(|edge| Edge {
                caller: ids[edge.caller.index()],
                callee: ids[edge.callee.index()],
                figures: Figures::from(edge.calls),
            })
            .collect();
        let meaning = meaning(&profile.metadata);
        Self { profile, meaning, ids, rows: Arc::new(rows), edges: Arc::new(edges), tree: None }
    }
}

impl File {
    fn process(&self) -> Process {
        let rows = &self.table.rows;
        let title = match &self.path {
            Some(path) => path.display().to_string(),
            None => "standard input".to_owned(),
        };
        Process {
            title: printable(&title).into_owned(),
            pid: None,
            host: None,
            status: Status::Finished,
            functions: rows.len(),
            tottime: rows.iter().map(|row| row.figures.tottime).sum(),
            ncalls: rows.iter().fold(0, |sum: i64, row| sum.saturating_add(row.figures.ncalls)),
            calls_per_s: 0.0,
            age: None,
            threads: Vec::new(),
            health: None,
            recorder: None,
        }
    }
}

fn tree_of(tree: &CallTree, ids: &[FunctionId], paths: &mut Paths) -> Tree {
    let mut forest = Forest::new(paths);
    forest.add_cut(tree.cut.calls, tree.cut.seconds);
    let mut places: Vec<u32> = Vec::with_capacity(tree.nodes.len());
    for node in &tree.nodes {
        let parent = node.parent.map(|parent| places[parent.index()]);
        let part = Part { ncalls: node.ncalls, tottime: node.tottime, ..Part::default() };
        places.push(forest.add(parent, ids[node.function.index()], part));
    }
    forest.finish()
}

fn meaning(metadata: &Metadata) -> Meaning {
    Meaning {
        unit: match &metadata.unit {
            Unit::Seconds => "s".to_owned(),
            Unit::Other(name) => printable(name).into_owned(),
        },
        is_counted: metadata.counts != Counts::Unknown,
        is_sampled: metadata.counts == Counts::Samples,
        edges: metadata.edges,
        is_compensated: metadata.compensated,
        is_live: false,
    }
}

fn stamp(path: &Path) -> Stamp {
    let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    Some((metadata.modified().ok()?, metadata.len()))
}

#[cfg(test)]
mod tests {
    use pstats_compat::formats::Format;

    use super::*;

    fn profile(name: &str) -> Profile {
        let fixtures =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pstats-compat/tests/fixtures/pstats");
        let bytes = fs::read(fixtures.join(name)).expect("a fixture");
        (Format::Pstats.reader().expect("it has one"))(&bytes).expect("a profile")
    }

    #[test]
    fn a_file_that_is_written_anew_is_read_anew() {
        let path = std::env::temp_dir().join(format!("pikos-profiles-{}", std::process::id()));
        std::fs::write(&path, "cprofile-3.13.pstats").expect("written");
        let read: Reader = Box::new(|path| {
            let name = std::fs::read_to_string(path).expect("a file");
            (!name.is_empty()).then(|| profile(&name))
        });
        let input = Input { profile: read(&path).expect("a profile"), path: Some(path.clone()) };
        let mut profiles = Profiles::new(vec![input], read);
        assert!(!profiles.poll(), "nothing happened");
        let query = Query { scope: Scope::Process(ProcessId(0)), edges: Edges::All, tree: true };
        let before = profiles.picture(query);
        std::fs::write(&path, "").expect("written");
        assert!(!profiles.poll(), "it is still being written");
        assert_eq!(profiles.picture(query).rows, before.rows);
        std::fs::write(&path, "cprofile-3.8.pstats").expect("written");
        assert!(profiles.poll());
        let after = profiles.picture(query);
        assert_ne!(after.rows, before.rows);
        let name = |picture: &Picture| picture.label(picture.rows[0].id).name.clone();
        assert_eq!(before.labels[..], after.labels[..before.labels.len()], "ids stay");
        assert!(!name(&after).is_empty());
        std::fs::remove_file(&path).expect("removed");
        assert!(!profiles.poll(), "what is gone stays on screen");
        assert_eq!(profiles.picture(query).rows, after.rows);
    }

    #[test]
    fn files_that_are_made_of_stacks_have_a_tree() {
        let read = |text: &str| pstats_compat::formats::collapsed::read(text.as_bytes()).expect("stacks");
        let input = |text| Input { path: Some("x.folded".into()), profile: read(text) };
        let inputs = vec![input("main;f 3\nmain;g;f 4\n"), input("main;g 5\nmain;f 1\n")];
        let mut profiles = Profiles::new(inputs, Box::new(|_| None));
        let mut shown = |scope| {
            let Stacks::Known(tree) = profiles.picture(Query { scope, edges: Edges::All, tree: true }).stacks
            else {
                panic!("it has them")
            };
            let mut times: Vec<f64> = tree.nodes.iter().map(|node| node.cumtime).collect();
            times.sort_by(f64::total_cmp);
            times
        };
        assert_eq!(shown(Scope::Process(ProcessId(0))), [3.0, 4.0, 4.0, 7.0]);
        assert_eq!(shown(Scope::Process(ProcessId(1))), [1.0, 5.0, 6.0]);
        assert_eq!(shown(Scope::All), [4.0, 4.0, 9.0, 13.0]);
        let input = Input { path: None, profile: profile("cprofile-3.13.pstats") };
        let mut without = Profiles::new(vec![input], Box::new(|_| None));
        let query = Query { scope: Scope::Process(ProcessId(0)), edges: Edges::None, tree: true };
        assert_eq!(without.picture(query).stacks, Stacks::NotKept);
    }
}
