//! Finished profiles as a source: each file is a "process", all of them together another table.
//!
//! A file that is written anew is read anew: mark, run the program again, look at the difference.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use pikos_client::Command;
use pstats_compat::formats::ReadOptions;
use pstats_compat::merge::Merger;
use pstats_compat::owners::Owners;
use pstats_compat::{CallTree, Counts, Metadata, Profile, Unit, mine, stacks};

use super::source::{Query, Source};
use crate::error::Error;
use crate::files;
use crate::forest::{Forest, Paths};
use crate::names::Names;
use crate::picture::{
    Content, Edges, FunctionId, Label, Meaning, Mine, Phase, Picture, Process, ProcessId, ProfileContent,
    Scope, Shown, ShownEdge, ShownFunction, ShownStack, Stacks, Tasks, Tree,
};
use crate::recording::{RecorderFacts, Recording};
use pstats_compat::printable::printable;

/// Signals and new files are noticed this late at most.
const PACE: Duration = Duration::from_millis(200);

/// Reads a file again. Whatever is wrong with it, it may be in the middle of being written.
pub type Reader = Box<dyn Fn(&Path) -> Option<Profile>>;

/// A profile and where it came from.
pub struct Input {
    /// `None` for what can't be read twice.
    pub path: Option<PathBuf>,
    /// What is in it.
    pub profile: Profile,
}

/// What tells a file from what it was.
type Stamp = Option<(SystemTime, u64)>;

/// A profile in the terms of the view.
struct Loaded {
    profile: Profile,
    meaning: Meaning,
    /// The ids of the profile's functions.
    ids: Vec<FunctionId>,
    own: Arc<Vec<bool>>,
    functions: Arc<Vec<ShownFunction>>,
    edges: Arc<Vec<ShownEdge>>,
    /// Where there are objects by type and nothing else.
    objects: Option<Arc<Recording>>,
    /// Made when somebody asks.
    tree: Option<Arc<Tree>>,
    /// The same with the user's own functions alone, if there are any; made when somebody asks.
    mine: Option<Option<Box<Loaded>>>,
}

/// Profiles side by side.
pub struct Profiles {
    files: Vec<File>,
    /// The sum, if there are several and they may be added.
    sum: Option<Loaded>,
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
    table: Loaded,
}

impl Profiles {
    /// Reads files, `-` from standard input, and shows what `prepare` makes of each. After each calls `step` with what is to be
    /// told of it.
    pub fn open(
        paths: &[PathBuf],
        options: &ReadOptions,
        prepare: impl Fn(Profile) -> Profile + 'static,
        mut step: impl FnMut(&Path, &[String]),
    ) -> Result<Self, Error> {
        let mut inputs = Vec::with_capacity(paths.len());
        for path in paths {
            let profile = files::load(path, options)?;
            step(path, &profile.metadata.notes);
            let profile = prepare(profile);
            inputs.push(Input { path: (!files::is_pipe(path)).then(|| path.clone()), profile });
        }
        let options = options.clone();
        Ok(Self::new(inputs, Box::new(move |path| files::load(path, &options).ok().map(&prepare))))
    }

    /// Profiles that were read, and how to read them again.
    pub fn new(inputs: Vec<Input>, read: Reader) -> Self {
        let mut names = Names::default();
        let file = |input: Input| File {
            // Before it is asked whether it has changed, so that no change goes unseen.
            stamp: input.path.as_deref().and_then(stamp),
            table: Loaded::new(input.profile, &mut names),
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
        self.sum = merger.map(|merger| Loaded::new(merger.finish(), &mut self.names));
        self.processes = Arc::new(self.files.iter().map(File::process).collect());
    }

    /// All files.
    pub fn processes(&self) -> Arc<Vec<Process>> {
        Arc::clone(&self.processes)
    }

    /// How many there are.
    pub fn files(&self) -> usize {
        self.files.len()
    }

    /// What the first one says of its run.
    pub fn fact(&self, name: &str) -> Option<&str> {
        self.files.first()?.table.profile.metadata.fact(name)
    }

    /// What all functions are called, by their numbers.
    pub fn labels(&self) -> &Arc<Vec<Arc<Label>>> {
        self.names.labels()
    }

    /// Whether one of them has coroutines that were followed.
    pub fn has_tasks(&self, file: ProcessId) -> bool {
        self.files.get(file.0 as usize).is_some_and(|file| file.table.profile.tasks.is_some())
    }

    /// What the profile of a scope has of coroutines and slow steps.
    pub fn tasks(&self, scope: Scope) -> Option<Tasks> {
        let table = self.table(scope)?;
        let tasks = table.profile.tasks.as_ref()?;
        Some(Tasks::finished(tasks).with(|place| table.ids.get(place).copied()))
    }

    /// What to look at first: everything, if it can be added up.
    pub fn first_scope(&self) -> Scope {
        if self.sum.is_some() { Scope::All } else { Scope::Process(ProcessId(0)) }
    }

    fn table(&self, scope: Scope) -> Option<&Loaded> {
        match scope.process() {
            Some(ProcessId(place)) => self.files.get(place as usize).map(|file| &file.table),
            None => self.sum.as_ref().or_else(|| self.files.first().map(|file| &file.table)),
        }
    }
}

impl Profiles {
    /// Makes what somebody asks for.
    fn make(&mut self, query: Query) {
        let Self { files, sum, names, paths, .. } = self;
        let table = match query.scope.process() {
            Some(ProcessId(place)) => files.get_mut(place as usize).map(|file| &mut file.table),
            None => sum.as_mut().or_else(|| files.first_mut().map(|file| &mut file.table)),
        };
        let Some(table) = table else { return };
        if query.mine {
            table.fold(names);
        }
        if query.tree {
            table.grow(paths);
            if let Some(Some(mine)) = table.mine.as_mut().filter(|_| query.mine) {
                mine.grow(paths);
            }
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
                file.table = Loaded::new(profile, &mut self.names);
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
        self.make(query);
        if let Some(objects) = self.table(query.scope).and_then(|table| table.objects.clone()) {
            return Picture {
                scope: query.scope,
                tick: self.tick,
                processes: Arc::clone(&self.processes),
                has_sum: self.sum.is_some(),
                content: Content::Recording(objects),
            };
        }
        let labels = Arc::clone(self.names.labels());
        let mut scope = query.scope;
        let profile =
            match self.table(query.scope) {
                Some(table) => ProfileContent {
                    meaning: table.meaning.clone(),
                    labels,
                    functions: Arc::clone(&table.functions),
                    own: Arc::clone(&table.own),
                    edges: Arc::clone(&table.edges),
                    edges_of: Edges::All,
                    stacks: table.stacks(query),
                    open: None,
                    tasks: None,
                    mine: table.mine.iter().flatten().next().filter(|_| query.mine).map(|mine| Mine {
                        functions: Arc::clone(&mine.functions),
                        stacks: mine.stacks(query),
                    }),
                },
                None => {
                    scope = Scope::Process(ProcessId(0));
                    ProfileContent { labels, ..ProfileContent::default() }
                }
            };
        Picture {
            scope,
            tick: self.tick,
            processes: Arc::clone(&self.processes),
            has_sum: self.sum.is_some(),
            content: Content::Profile(profile),
        }
    }

    fn profile(&self, scope: Scope) -> Result<Profile, Error> {
        self.table(scope).map(|table| table.profile.clone()).ok_or(Error::NoSum)
    }

    fn command(&mut self, _: Scope, _: &Command) -> Result<(), Error> {
        Err(Error::AFile)
    }
}

impl Loaded {
    fn new(mut profile: Profile, names: &mut Names) -> Self {
        profile.make_comparable();
        let ids: Vec<FunctionId> = profile.functions.iter().map(|function| names.id(function)).collect();
        let total = profile.tottime();
        let functions = profile.rows().map(|(id, function)| {
            let share = if total > 0.0 { function.calls.tottime / total } else { 0.0 };
            let figures = Shown { share, gil_wait: function.gil_wait, ..Shown::from(function.calls) };
            let figures = figures.with_durations(function.distribution.as_deref());
            ShownFunction { id: ids[id.index()], figures }
        });
        let functions = functions.collect();
        let edges = profile
            .edges
            .iter()
            .map(|edge| ShownEdge {
                caller: ids[edge.caller.index()],
                callee: ids[edge.callee.index()],
                figures: Shown::from(edge.calls),
            })
            .collect();
        let meaning = Meaning {
            has_gil_waits: profile.has_gil_waits(),
            has_cpu: profile.has_cpu(),
            has_durations: profile.has_distributions(),
            ..meaning(&profile.metadata)
        };
        let owners = Owners::of(&profile);
        let mut own = Vec::new();
        if owners.has_own() {
            own.resize(names.labels().len(), false);
            for (id, is_own) in ids.iter().zip(owners.own()) {
                own[id.index()] = is_own;
            }
        }
        let objects = profile.objects.as_ref().filter(|_| profile.has_objects_alone());
        Self {
            objects: objects.map(|objects| Arc::new(Recording::of_objects(objects))),
            profile,
            meaning,
            ids,
            own: Arc::new(own),
            functions: Arc::new(functions),
            edges: Arc::new(edges),
            tree: None,
            mine: None,
        }
    }

    fn fold(&mut self, names: &mut Names) {
        let profile = &self.profile;
        self.mine.get_or_insert_with(|| {
            let shown = mine::fold(profile, &Owners::of(profile), &stacks::Stacks::by_thread(profile))?;
            Some(Box::new(Self::new(shown.profile, names)))
        });
    }

    fn grow(&mut self, paths: &mut Paths) {
        let Self { profile, ids, tree, .. } = self;
        tree.get_or_insert_with(|| {
            let stacks = stacks::Stacks::by_thread(profile);
            Arc::new(Tree { note: stacks.note(), ..tree_of(&stacks.tree, ids, paths) })
        });
    }

    fn stacks(&self, query: Query) -> Stacks {
        let tree = self.tree.as_ref().filter(|_| query.tree);
        tree.map_or(Stacks::NotAsked, |tree| Stacks::Known(Arc::clone(tree)))
    }
}

impl File {
    fn process(&self) -> Process {
        let functions = &self.table.functions;
        let title = match &self.path {
            Some(path) => path.display().to_string(),
            None => "standard input".to_owned(),
        };
        Process {
            title: printable(&title).into_owned(),
            pid: None,
            host: None,
            phase: Phase::Finished,
            functions: functions.len(),
            tottime: functions.iter().map(|function| function.figures.tottime).sum(),
            ncalls: self.table.meaning.is_counted.then(|| {
                functions.iter().fold(0, |sum: i64, function| sum.saturating_add(function.figures.ncalls))
            }),
            calls_per_s: 0.0,
            age: None,
            threads: Vec::new(),
            health: None,
            recorder: self.table.objects.as_ref().map(|_| RecorderFacts::OF_OBJECTS),
        }
    }
}

fn tree_of(tree: &CallTree, ids: &[FunctionId], paths: &mut Paths) -> Tree {
    let mut forest = Forest::new(paths);
    forest.add_cut(tree.cut);
    let mut places: Vec<u32> = Vec::with_capacity(tree.nodes.len());
    for node in &tree.nodes {
        let parent = node.parent.map(|parent| places[parent.index()]);
        let ncalls = i64::try_from(node.ncalls).unwrap_or(i64::MAX);
        let own = ShownStack { ncalls, tottime: node.tottime, ..ShownStack::default() };
        places.push(forest.add(parent, ids[node.function.index()], own));
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
        ..Meaning::default()
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
    use crate::picture::Totals;

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
        let query = Query {
            scope: Scope::Process(ProcessId(0)),
            edges: Edges::All,
            tree: true,
            open: false,
            mine: false,
        };
        let shown = |profiles: &mut Profiles| profiles.picture(query).profile().expect("a profile").clone();
        let before = shown(&mut profiles);
        std::fs::write(&path, "").expect("written");
        assert!(!profiles.poll(), "it is still being written");
        assert_eq!(shown(&mut profiles).functions, before.functions);
        std::fs::write(&path, "cprofile-3.8.pstats").expect("written");
        assert!(profiles.poll());
        let after = shown(&mut profiles);
        assert_ne!(after.functions, before.functions);
        let name = |profile: &ProfileContent| profile.label(profile.functions[0].id).name.clone();
        assert_eq!(before.labels[..], after.labels[..before.labels.len()], "ids stay");
        assert!(!name(&after).is_empty());
        std::fs::remove_file(&path).expect("removed");
        assert!(!profiles.poll(), "what is gone stays on screen");
        assert_eq!(shown(&mut profiles).functions, after.functions);
    }

    #[test]
    fn a_function_is_the_same_in_all_files_whatever_its_address() {
        let read = |text: &str| pstats_compat::formats::collapsed::read(text.as_bytes()).expect("stacks");
        let input = |text| Input { path: Some("x.folded".into()), profile: read(text) };
        let inputs = vec![input("main;<function f at 0x7f01> 3\n"), input("main;<function f at 0x7f02> 4\n")];
        let mut profiles = Profiles::new(inputs, Box::new(|_| None));
        let mut shown = |scope| {
            let picture =
                profiles.picture(Query { scope, edges: Edges::None, tree: false, open: false, mine: false });
            let profile = picture.profile().expect("a profile");
            let name = |row: &ShownFunction| profile.label(row.id).name.to_string();
            let mut rows: Vec<_> =
                profile.functions.iter().map(|row| (name(row), row.figures.tottime)).collect();
            rows.sort_by(|a, b| a.1.total_cmp(&b.1));
            rows.pop().expect("two functions")
        };
        assert_eq!(shown(Scope::Process(ProcessId(0))), ("<function f>".to_owned(), 3.0));
        assert_eq!(shown(Scope::Process(ProcessId(1))), ("<function f>".to_owned(), 4.0));
        assert_eq!(shown(Scope::All), ("<function f>".to_owned(), 7.0));
    }

    #[test]
    fn files_that_are_made_of_stacks_have_a_tree() {
        let read = |text: &str| pstats_compat::formats::collapsed::read(text.as_bytes()).expect("stacks");
        let input = |text| Input { path: Some("x.folded".into()), profile: read(text) };
        let inputs = vec![input("main;f 3\nmain;g;f 4\n"), input("main;g 5\nmain;f 1\n")];
        let mut profiles = Profiles::new(inputs, Box::new(|_| None));
        let mut shown = |scope| {
            let picture =
                profiles.picture(Query { scope, edges: Edges::All, tree: true, open: false, mine: false });
            let Stacks::Known(tree) = &picture.profile().expect("a profile").stacks else {
                panic!("it has them")
            };
            let mut times: Vec<f64> = tree.nodes.iter().map(|node| node.cumtime).collect();
            times.sort_by(f64::total_cmp);
            times
        };
        assert_eq!(shown(Scope::Process(ProcessId(0))), [3.0, 4.0, 4.0, 7.0]);
        assert_eq!(shown(Scope::Process(ProcessId(1))), [1.0, 5.0, 6.0]);
        assert_eq!(shown(Scope::All), [4.0, 4.0, 9.0, 13.0]);
        // Those of tables are computed, and say so.
        let input = Input { path: None, profile: profile("cprofile-3.13.pstats") };
        let mut tables = Profiles::new(vec![input], Box::new(|_| None));
        let scope = Scope::Process(ProcessId(0));
        let picture =
            tables.picture(Query { scope, edges: Edges::None, tree: true, open: false, mine: false });
        let profile = picture.profile().expect("a profile");
        let Stacks::Known(tree) = &profile.stacks else { panic!("it has them") };
        assert!(tree.note.as_ref().expect("a note").contains("approximated"));
        let whole = Totals::of(&profile.functions).tottime;
        assert!((tree.whole() - whole).abs() < 1e-6 * whole);
    }

    #[test]
    fn ones_own_code_alone_takes_as_long_as_all() {
        let read = |text: &str| pstats_compat::formats::collapsed::read(text.as_bytes()).expect("stacks");
        let text = "main (/app/a.py:1);decode (/usr/lib/python3.11/json/decoder.py:3);hook (/app/b.py:7) 3\n\
                    main (/app/a.py:1);decode (/usr/lib/python3.11/json/decoder.py:3) 4\n\
                    run (/usr/lib/python3.11/threading.py:5) 2\n";
        let input = Input { path: None, profile: read(text) };
        let mut profiles = Profiles::new(vec![input], Box::new(|_| None));
        let scope = Scope::Process(ProcessId(0));
        let picture =
            profiles.picture(Query { scope, edges: Edges::None, tree: true, open: false, mine: true });
        let profile = picture.profile().expect("a profile");
        let mine = profile.mine.as_ref().expect("there is code of the user's");
        let mut rows: Vec<_> = (mine.functions.iter())
            .map(|row| (profile.label(row.id).name.as_str(), row.figures.tottime, profile.is_own(row.id)))
            .collect();
        rows.sort_by(|a, b| a.1.total_cmp(&b.1));
        assert_eq!(rows, [("{outside of your code}", 2.0, false), ("hook", 3.0, true), ("main", 4.0, true)]);
        let Stacks::Known(tree) = &mine.stacks else { panic!("it has them") };
        assert_eq!((tree.nodes.len(), tree.whole()), (3, 9.0));
        assert_eq!(profile.functions.len(), 4, "all functions are there, too");
        let unasked =
            profiles.picture(Query { scope, edges: Edges::None, tree: false, open: false, mine: false });
        assert!(unasked.profile().expect("a profile").mine.is_none());
    }
}
