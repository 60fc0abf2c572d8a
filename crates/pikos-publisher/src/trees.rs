//! Full stacks in the stream: when they come, and as a whole tree or as a delta on the last whole one.
//!
//! A tree may have half a million nodes, which take a hundredth of a second to look at and more to encode. So it has a
//! rhythm of its own: after a message with a tree that took so long, there is none in another for [`REST`] times that.
//! Small trees are in every message, large ones take no more of a processor than small ones do.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use lsprof_engine::{BOTTOM, NodeTotals, TreeWatch};
use pikos_wire::{NodeFigures, NodeRow, Open, TreePart};

use super::base::Base;
use super::source::{FOLDED, State};
use super::watched::WatchedThreads;

/// A fiftieth of the time at most goes into trees.
const REST: u32 = 50;

/// What of the trees was sent.
#[derive(Default)]
pub struct Trees {
    /// Somebody has none yet.
    pub wants_whole: bool,
    whole: Option<Whole>,
    /// Not before then.
    next: Option<Instant>,
    /// Whether the last message had them.
    was_sent: bool,
    /// What a message without them took.
    rows_take: Duration,
}

/// The last whole tree.
struct Whole {
    base: Base,
    /// Of each thread: which update of its watch it was made of, and how many nodes were in it.
    threads: HashMap<u64, (u32, usize)>,
}

impl Trees {
    /// Whether the next message should have them.
    pub fn are_due(&self) -> bool {
        self.next.is_none_or(|next| Instant::now() >= next)
    }

    /// The message took so long to be made. What the rows take of it is known from the last message without a tree.
    pub fn took(&mut self, time: Duration) {
        match std::mem::take(&mut self.was_sent) {
            true => {
                self.next = Some(Instant::now() + time.saturating_sub(self.rows_take).max(time / 8) * REST)
            }
            false => self.rows_take = time,
        }
    }

    /// What the message `seq` says of them. Functions from number `names` on have no name yet: nodes that stand on them wait,
    /// and those that came later.
    pub fn part(
        &mut self,
        seq: u64,
        state: &State,
        watches: &WatchedThreads,
        names: u32,
        is_last: bool,
    ) -> TreePart {
        self.was_sent = true;
        let threads = || {
            let numbers = state.threads.iter().map(|thread| thread.number);
            numbers.filter_map(|number| {
                let tree = watches.get(number)?.tree();
                let unknown = |place: &usize| tree.nodes()[*place].function.0 >= names;
                // Those that have a name, from the bottom on, which needs none.
                let count = (1..tree.nodes().len()).find(unknown).unwrap_or(tree.nodes().len());
                Some((number, tree, count))
            })
        };
        let carries = |whole: &&Whole| !(is_last || self.wants_whole) && whole.base.carries(state);
        if let Some(whole) = self.whole.as_ref().filter(carries) {
            let mut nodes = Vec::new();
            let mut all = 0;
            for (thread, tree, count) in threads() {
                all += count;
                let (update, known) = whole.threads.get(&thread).copied().unwrap_or_default();
                let is_news = |place: usize| tree.nodes()[place].changed > update || place >= known.max(1);
                let rows = (0..count).filter(|place| is_news(*place)).map(|place| row(thread, tree, place));
                nodes.extend(rows);
            }
            if 2 * nodes.len() <= all {
                return TreePart { base: whole.base.seq, nodes };
            }
        }
        let mut nodes: Vec<NodeRow> = Vec::new();
        let folded = state.folded_tree.iter().enumerate();
        nodes.extend(folded.map(|(place, node)| folded_row(place, node)).filter(has_something_to_say));
        let mut sent = HashMap::new();
        for (thread, tree, count) in threads() {
            sent.insert(thread, (tree.update(), count));
            nodes.extend((0..count).map(|place| row(thread, tree, place)).filter(has_something_to_say));
        }
        self.whole = Some(Whole { base: Base::of(seq, state), threads: sent });
        self.wants_whole = false;
        TreePart { base: seq, nodes }
    }
}

/// The bottom nearly never has anything; others may wait for their first call to end, but are somebody's parent.
fn has_something_to_say(row: &NodeRow) -> bool {
    let figures = &row.figures;
    row.node != BOTTOM || figures.cut_ncalls > 0 || figures.tottime != 0 || figures.open.tottime != 0
}

fn row(thread: u64, tree: &TreeWatch, place: usize) -> NodeRow {
    let (node, open) = (&tree.nodes()[place], tree.open(place as u32));
    NodeRow {
        thread,
        node: place as u32,
        parent: node.parent,
        function: (place != BOTTOM as usize).then_some(node.function.0),
        figures: NodeFigures {
            ncalls: node.calls,
            tottime: node.own,
            open: Open { calls: open.calls, tottime: open.own, cumtime: open.total },
            cut_ncalls: node.cut_calls,
            cut_tottime: node.cut_own,
        },
    }
}

fn folded_row(place: usize, node: &NodeTotals) -> NodeRow {
    let counts = &node.counts;
    NodeRow {
        thread: FOLDED,
        node: place as u32,
        parent: node.parent,
        function: (place != BOTTOM as usize).then_some(node.function.0),
        figures: NodeFigures {
            ncalls: counts.calls,
            tottime: counts.own.since(counts.own_excess).signed(),
            open: Open::default(),
            cut_ncalls: counts.cut_calls,
            cut_tottime: counts.cut_own.signed(),
        },
    }
}
