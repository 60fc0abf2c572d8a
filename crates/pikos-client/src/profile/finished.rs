//! What is known of a stream as a finished profile: of all threads, of one, or of groups of them.

use std::collections::{BTreeMap, HashMap};

use pikos_wire::{CoroutineRow, LabelRow, Name, SlowRow, TasksPart, ThreadRow};
use pstats_compat::distribution::MOST_STACK;
use pstats_compat::{
    CallTree, Calls, Coroutine, Counts, Cut, Edge, Function, FunctionId, LabelSet, Metadata, Node, NodeId,
    Profile, SlowStep, Tasks, Text, Thread,
};

use super::details::Threads;
use super::known::Known;
use super::model::Model;
use super::run::run_facts;
use super::tree::KnownNode;

/// Names and values.
pub type Labels = Vec<(Text, Text)>;

/// What a profile is to be made of.
struct Wanted<'m> {
    threads: Threads<'m>,
    /// What is known of each thread, where stacks are kept.
    rows: &'m HashMap<u64, &'m ThreadRow>,
    /// Whether coroutines are in it: nobody knows which thread they ran in.
    has_tasks: bool,
}

/// What some threads have counted, by the numbers of functions.
#[derive(Clone, Default)]
struct Sums {
    functions: BTreeMap<u32, Known>,
    edges: BTreeMap<(u32, u32), Known>,
}

impl Model {
    /// All of it as a profile, as if it was ended now; of one thread, if wanted. After the last message this is what the
    /// process itself saved, full stacks included.
    pub fn profile(&self, thread: Option<u64>) -> Profile {
        let threads = thread.as_ref().map(std::slice::from_ref);
        let wanted = Wanted { threads, rows: &self.thread_rows(), has_tasks: true };
        let functions = self.names().filter_map(|name| {
            let known = self.function(thread, name.function)?;
            Some((name, known))
        });
        let edges = self.edges(None, thread).into_iter();
        let mut profile = self.assembled(&wanted, functions, edges, |calls| calls.ncalls > 0);
        if thread.is_none() {
            profile.label_sets = self.label_sets();
        }
        profile
    }

    /// What groups of threads have counted, a profile each; in one walk over all rows, for there may be a thread for each of a
    /// thousand label sets. Coroutines are in the first one.
    pub fn profiles(&self, groups: &[Vec<u64>]) -> Vec<Profile> {
        self.parts(groups, true)
    }

    /// Under which labels those threads are that are under any.
    pub fn labels(&self) -> HashMap<u64, Labels> {
        let pairs = |row: &LabelRow| {
            row.labels.chunks_exact(2).map(|pair| (pair[0].0.clone(), pair[1].0.clone())).collect()
        };
        self.head.labels.iter().map(|row| (row.thread, pairs(row))).collect()
    }

    /// The figures of each label set, that without labels first; none where there is no label.
    fn label_sets(&self) -> Vec<LabelSet> {
        if self.head.labels.is_empty() {
            return Vec::new();
        }
        let mut of_thread = self.labels();
        let mut groups: Vec<(Labels, Vec<u64>)> = vec![Default::default()];
        let mut places: HashMap<Labels, usize> = HashMap::from([(Labels::new(), 0)]);
        for row in self.threads() {
            let labels = of_thread.remove(&row.thread).unwrap_or_default();
            let place = *places.entry(labels).or_insert_with_key(|labels| {
                groups.push((labels.clone(), Vec::new()));
                groups.len() - 1
            });
            groups[place].1.push(row.thread);
        }
        self.sets(groups)
    }

    /// The figures of label sets, each counted in a group of threads.
    pub fn sets(&self, groups: Vec<(Labels, Vec<u64>)>) -> Vec<LabelSet> {
        let (sets, groups): (Vec<Labels>, Vec<Vec<u64>>) = groups.into_iter().unzip();
        let set = |(labels, profile): (Labels, Profile)| {
            let profile = Profile { metadata: Metadata::default(), ..profile };
            LabelSet { labels, profile }
        };
        sets.into_iter().zip(self.parts(&groups, false)).map(set).collect()
    }

    fn parts(&self, groups: &[Vec<u64>], has_tasks: bool) -> Vec<Profile> {
        let group_of: HashMap<u64, usize> = (0..)
            .zip(groups)
            .flat_map(|(place, threads)| threads.iter().map(move |thread| (*thread, place)))
            .collect();
        // By number, so that equal messages make equal profiles.
        let mut sums: Vec<Sums> = vec![Sums::default(); groups.len()];
        self.functions.each(|thread, function, known| {
            if let Some(&place) = group_of.get(&thread) {
                let sum = sums[place].functions.entry(function).or_default();
                *sum = sum.plus(known);
            }
        });
        self.edges.each(|thread, ends, known| {
            if let Some(&place) = group_of.get(&thread) {
                let sum = sums[place].edges.entry(ends).or_default();
                *sum = sum.plus(known);
            }
        });
        let rows = self.thread_rows();
        let mut profiles = Vec::with_capacity(groups.len());
        for (threads, Sums { functions, edges }) in groups.iter().zip(sums) {
            let has_tasks = has_tasks && profiles.is_empty();
            let wanted = Wanted { threads: Some(threads), rows: &rows, has_tasks };
            let functions =
                functions.into_iter().filter_map(|(number, known)| Some((self.name(number)?, known)));
            // Under another label a call may have ended that has its time here.
            let is_shown = |calls: &Calls| calls.ncalls > 0 || calls.tottime > 0.0 || calls.cumtime > 0.0;
            profiles.push(self.assembled(&wanted, functions, edges.into_iter(), is_shown));
        }
        profiles
    }

    fn thread_rows(&self) -> HashMap<u64, &ThreadRow> {
        match self.tree.has_come() {
            true => self.threads().iter().map(|row| (row.thread, row)).collect(),
            false => HashMap::new(),
        }
    }

    /// Tables and stacks, of the functions and edges that are to be shown.
    fn assembled<'m>(
        &'m self,
        wanted: &Wanted<'_>,
        known: impl Iterator<Item = (&'m Name, Known)>,
        edges: impl Iterator<Item = ((u32, u32), Known)>,
        is_shown: impl Fn(&Calls) -> bool,
    ) -> Profile {
        let mut places: HashMap<u32, FunctionId> = HashMap::new();
        let mut functions = Vec::new();
        for (name, known) in known {
            let calls = self.with_cpu(&known, wanted.threads, None, name.function);
            if is_shown(&calls) {
                places.insert(name.function, FunctionId(functions.len() as u32));
                let gil_wait = self.seconds(known.gil_wait);
                functions.push(Function { gil_wait, ..labelled(name, calls) });
            }
        }
        let edges = edges.filter_map(|((caller, callee), known)| {
            let calls = self.with_cpu(&known, wanted.threads, Some(caller), callee);
            let (caller, callee) = (*places.get(&caller)?, *places.get(&callee)?);
            is_shown(&calls).then_some(Edge { caller, callee, calls })
        });
        let mut edges: Vec<Edge> = edges.collect();
        edges.sort_by_key(|edge| (edge.caller, edge.callee));
        let tree = self.tree.has_come().then(|| self.call_tree(wanted, &mut functions, &mut places));
        self.add_distributions(wanted.threads, &places, &mut functions);
        let tasks = self.head.tasks.as_ref().filter(|_| wanted.has_tasks);
        let tasks = tasks.map(|part| self.known_tasks(part, &mut functions, &mut places));
        let mut profile = Profile::new(functions, edges);
        profile.tree = tree;
        profile.tasks = tasks;
        profile.metadata.compensated = self.facts.compensated;
        profile.metadata.unfinished = self.end().is_none();
        let cut = profile.tree.as_ref().map_or(Cut::default(), |tree| tree.cut);
        if self.facts.is_sampled() {
            profile.metadata.counts = Counts::Samples;
        }
        let (recorded, sampled) = (self.head.recorded.unwrap_or_default(), self.head.sampled.as_ref());
        profile.metadata.facts = run_facts(&self.facts, &recorded, sampled, cut);
        profile.merge_labels();
        profile
    }

    fn with_cpu(&self, known: &Known, threads: Threads<'_>, caller: Option<u32>, function: u32) -> Calls {
        let (cpu_tottime, cpu_cumtime) = self.cpu_of(known, threads, caller, function).unwrap_or_default();
        Calls { cpu_tottime, cpu_cumtime, ..self.as_ended(known) }
    }

    fn add_distributions(
        &self,
        threads: Threads<'_>,
        places: &HashMap<u32, FunctionId>,
        functions: &mut [Function],
    ) {
        // Of each thread whose stacks are asked for.
        let mut stacks: HashMap<u64, Vec<KnownNode>> = HashMap::new();
        for (&number, place) in places {
            let Some(mut distribution) = self.distribution_of(threads, number) else { continue };
            let slowest = self.details.durations(threads, number).max_by_key(|row| (row.max, row.thread));
            if let Some(row) = slowest.filter(|row| row.max_node > 0) {
                let nodes = stacks.entry(row.thread).or_insert_with(|| self.tree.stacks(Some(row.thread)));
                let mut next = row.max_node as usize;
                while let Some(node) = nodes.get(next).filter(|node| (node.parent as usize) < next) {
                    if distribution.slowest.stack.len() == MOST_STACK {
                        break;
                    }
                    distribution.slowest.stack.extend(places.get(&node.function));
                    // A parent has a smaller number.
                    next = node.parent as usize;
                }
                distribution.slowest.stack.reverse();
            }
            functions[place.index()].distribution = Some(Box::new(distribution));
        }
    }

    /// Full stacks as a profile has them, each thread's apart. A function that has no row yet becomes one that is only a caller.
    fn call_tree(
        &self,
        wanted: &Wanted<'_>,
        functions: &mut Vec<Function>,
        places: &mut HashMap<u32, FunctionId>,
    ) -> CallTree {
        let mut numbers: Vec<u64> =
            wanted.threads.map_or_else(|| self.tree.threads().collect(), <[u64]>::to_vec);
        // The sum of threads that are no longer kept apart is the last.
        numbers.sort_unstable_by_key(|&number| (number == 0, number));
        let mut tree = CallTree::default();
        for number in numbers {
            let nodes = self.tree.stacks(Some(number));
            for KnownNode { figures, .. } in &nodes {
                tree.cut.calls = tree.cut.calls.saturating_add(figures.cut_ncalls);
                tree.cut.seconds += self.seconds(figures.cut_tottime);
            }
            if nodes.len() == 1 {
                continue;
            }
            let first = tree.nodes.len() as u32;
            tree.threads.push(self.known_thread(wanted.rows.get(&number).copied(), NodeId(first)));
            for node in nodes.iter().skip(1) {
                let function = self.place(node.function, functions, places);
                let figures = &node.figures;
                tree.nodes.push(Node {
                    // The bottom, which is no stack, stands in front.
                    parent: node.parent.checked_sub(1).map(|parent| NodeId(first + parent)),
                    function,
                    ncalls: figures.ncalls.saturating_add(figures.open.calls),
                    tottime: self.seconds(figures.tottime.wrapping_add(figures.open.tottime)),
                });
            }
        }
        tree
    }

    /// A function's place in a profile. One that has no row yet becomes one that is only a caller.
    fn place(
        &self,
        function: u32,
        functions: &mut Vec<Function>,
        places: &mut HashMap<u32, FunctionId>,
    ) -> FunctionId {
        *places.entry(function).or_insert_with(|| {
            let unknown = || Function::new("~".into(), 0, "<unknown>".into(), Calls::default());
            let name = self.name(function).map(|name| labelled(name, Calls::default()));
            functions.push(Function { caller_only: true, ..name.unwrap_or_else(unknown) });
            FunctionId(functions.len() as u32 - 1)
        })
    }

    /// Coroutines and slow steps as a profile has them.
    fn known_tasks(
        &self,
        part: &TasksPart,
        functions: &mut Vec<Function>,
        places: &mut HashMap<u32, FunctionId>,
    ) -> Tasks {
        let mut place = |function: u32| self.place(function, functions, places);
        let coroutine = |row: &CoroutineRow| Coroutine {
            function: place(row.function),
            caller: row.caller.map(&mut place),
            figures: self.figures(row),
        };
        let coroutines = part.coroutines.iter().map(coroutine).collect();
        let slow = |row: &SlowRow| SlowStep {
            at: self.seconds(row.at),
            seconds: self.seconds(row.ticks),
            task: (!row.task.is_empty()).then(|| row.task.0.clone()),
            function: place(row.function),
            path: row
                .path
                .iter()
                .zip(&row.times)
                .map(|(call, ticks)| (place(*call), self.seconds(*ticks)))
                .collect(),
        };
        Tasks {
            coroutines,
            slow: part.slow.iter().map(slow).collect(),
            slow_count: part.slow_count,
            slow_seconds: self.seconds(part.slow_ticks),
            slow_from: self.seconds(part.slow_from),
        }
    }

    /// What is known of a thread whose stacks begin there.
    fn known_thread(&self, row: Option<&ThreadRow>, first: NodeId) -> Thread {
        Thread {
            name: row.map(|row| row.name.0.clone()).filter(|name| !name.as_bytes().is_empty()),
            process: Some(u64::from(self.facts.pid)).filter(|&process| process > 0),
            id: row.map(|row| row.native_id).filter(|&id| id > 0),
            first,
        }
    }
}

/// A function of a profile.
pub fn labelled(name: &Name, calls: Calls) -> Function {
    let mut function = Function::new(name.file.0.clone(), name.line, name.name.0.clone(), calls);
    function.qualname = name.qualname.as_ref().map(|qualname| qualname.0.clone());
    function
}
