//! The tree of full stacks on screen: what is open, what is listed, where the cursor stands.

use std::collections::{HashMap, HashSet};

use pikos_views::{FunctionId, StackId, Stacks, Tree};

use super::cursor::{Cursor, Motion};

/// A stack with this part of the whole is shown with what is above it, where nobody has folded it ...
const OPENED_FROM: f64 = 0.05;
/// ... until it has less than this: rows don't come and go with a figure that goes up and down.
const OPEN_UNTIL: f64 = 0.02;

/// What is on screen of a tree.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TreeScreen {
    /// Listed stacks: each with its callees under it, the costliest first.
    pub rows: Vec<TreeRow>,
    pub cursor: Cursor,
    /// The chosen stack: the cursor goes where it goes.
    pub selected: Option<StackId>,
    /// Seconds in all stacks.
    pub whole: f64,
    /// What was opened and folded by a key.
    folds: HashMap<StackId, bool>,
    /// What is open because it costs much.
    costly: HashSet<StackId>,
    /// A function that wants to be seen in its costliest stack.
    wanted: Option<FunctionId>,
}

/// A stack that is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeRow {
    pub id: StackId,
    /// Its place in [`Tree::nodes`].
    pub place: u32,
    /// How many calls are below it.
    pub depth: u32,
    /// Whether there is anything above it.
    pub has_more: bool,
    pub is_open: bool,
}

/// What a key asks of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    /// Show what is above the chosen stack; again: go there.
    Open,
    /// Hide it; again: go to the stack below.
    Close,
    /// Show all that is above, however deep.
    OpenAll,
    /// Hide all that is above; when it is opened again, it is as it comes.
    CloseAll,
}

/// Children by their parents.
struct Children {
    /// By node, where its children begin in `list`; those of nothing come last.
    starts: Vec<u32>,
    list: Vec<u32>,
}

impl TreeScreen {
    /// A tree in which this function is to be found.
    pub fn new(wanted: Option<FunctionId>) -> Self {
        Self { wanted, ..Self::default() }
    }

    /// Goes to another function.
    pub fn want(&mut self, function: FunctionId) {
        self.wanted = Some(function);
    }

    /// Lists anew. `includes` and `excludes` say what filters find; without a filter there is none.
    pub fn fill(
        &mut self,
        stacks: &Stacks,
        includes: Option<&dyn Fn(FunctionId) -> bool>,
        excludes: Option<&dyn Fn(FunctionId) -> bool>,
        page: usize,
    ) {
        self.rows.clear();
        let Stacks::Known(tree) = stacks else { return };
        self.whole = tree.whole();
        let children = Children::of(tree);
        if let Some(function) = self.wanted.take() {
            self.go_to(tree, function);
        }
        // Those that are found, and those that lead there.
        let holds = includes.map(|finds| {
            let mut holds: Vec<bool> = tree.nodes.iter().map(|node| finds(node.function)).collect();
            for (place, node) in tree.nodes.iter().enumerate().rev() {
                if let Some(parent) = node.parent {
                    holds[parent as usize] |= holds[place];
                }
            }
            holds
        });
        let is_listed = |place: u32| {
            holds.as_ref().is_none_or(|holds| holds[place as usize])
                && !excludes.is_some_and(|finds| finds(tree.nodes[place as usize].function))
        };
        let sorted = |parent: Option<u32>| {
            let mut list: Vec<u32> =
                children.of_node(parent).iter().copied().filter(|&p| is_listed(p)).collect();
            let key = |place: u32| &tree.nodes[place as usize];
            // What is next is taken from the end.
            list.sort_unstable_by(|&a, &b| {
                let (x, y) = (key(a), key(b));
                x.cumtime.total_cmp(&y.cumtime).then(x.own.ncalls.cmp(&y.own.ncalls)).then(y.id.cmp(&x.id))
            });
            list
        };
        let leads_to_cursor = self.below_selected(tree);
        let mut waiting: Vec<(u32, u32)> = sorted(None).into_iter().map(|place| (place, 0)).collect();
        while let Some((place, depth)) = waiting.pop() {
            let node = &tree.nodes[place as usize];
            let is_costly = self.is_costly(node.id, node.cumtime);
            let above = sorted(Some(place));
            let has_more = !above.is_empty();
            let as_it_comes = holds.is_some() || is_costly || leads_to_cursor.contains(&place);
            let is_open = has_more && self.folds.get(&node.id).copied().unwrap_or(as_it_comes);
            self.rows.push(TreeRow { id: node.id, place, depth, has_more, is_open });
            if is_open {
                waiting.extend(above.into_iter().map(|place| (place, depth + 1)));
            }
        }
        match self.selected.and_then(|id| self.rows.iter().position(|row| row.id == id)) {
            Some(row) => self.cursor.follow(row, self.rows.len(), page),
            None => {
                // It is filtered away, and may come back.
                self.cursor.row = None;
                self.cursor.keep(self.rows.len(), page);
            }
        }
    }

    fn is_costly(&mut self, id: StackId, seconds: f64) -> bool {
        if seconds > 0.0 && seconds >= OPENED_FROM * self.whole {
            self.costly.insert(id);
        } else if seconds < OPEN_UNTIL * self.whole {
            self.costly.remove(&id);
        }
        self.costly.contains(&id)
    }

    /// The places of all that is below the chosen stack: what is looked at doesn't fold by itself.
    fn below_selected(&self, tree: &Tree) -> HashSet<u32> {
        let chosen = self.selected.and_then(|id| tree.nodes.iter().find(|node| node.id == id));
        let mut below = HashSet::new();
        let mut next = chosen.and_then(|node| node.parent);
        while let Some(place) = next {
            below.insert(place);
            next = tree.nodes[place as usize].parent;
        }
        below
    }

    /// Chooses the costliest stack that ends in this function, and opens all below it.
    fn go_to(&mut self, tree: &Tree, function: FunctionId) {
        let ends_there = tree.nodes.iter().filter(|node| node.function == function);
        let Some(node) = ends_there.max_by(|a, b| a.cumtime.total_cmp(&b.cumtime).then(b.id.cmp(&a.id)))
        else {
            return;
        };
        self.selected = Some(node.id);
        let mut below = node.parent;
        while let Some(place) = below {
            let node = &tree.nodes[place as usize];
            self.folds.insert(node.id, true);
            below = node.parent;
        }
    }

    /// Moves the cursor.
    pub fn go(&mut self, motion: Motion, page: usize) {
        self.cursor.go(motion, self.rows.len(), page);
        self.selected = self.cursor.row.and_then(|row| self.rows.get(row)).map(|row| row.id);
    }

    /// Lets the cursor go. False if there was none.
    pub fn let_go(&mut self) -> bool {
        self.cursor = Cursor::default();
        self.selected.take().is_some()
    }

    /// The row that keys are for: the chosen one, else the first on screen.
    pub fn current(&self) -> Option<TreeRow> {
        self.rows.get(self.cursor.current()).copied()
    }

    /// Opens and folds. True if the rows have to be listed anew.
    pub fn fold(&mut self, fold: Fold, stacks: &Stacks, page: usize) -> bool {
        let (Some(row), Stacks::Known(tree)) = (self.current(), stacks) else { return false };
        let place = self.cursor.current();
        self.cursor.row = Some(place);
        self.selected = Some(row.id);
        match fold {
            Fold::Open if row.is_open => self.go(Motion::Down, page),
            Fold::Open => {
                self.folds.insert(row.id, true);
            }
            Fold::Close if row.is_open => {
                self.folds.insert(row.id, false);
            }
            Fold::Close => {
                let below = self.rows[..place].iter().rposition(|other| other.depth < row.depth);
                if let Some(below) = below {
                    self.cursor.row = Some(below);
                    self.selected = Some(self.rows[below].id);
                    self.cursor.keep(self.rows.len(), page);
                }
            }
            Fold::OpenAll | Fold::CloseAll => {
                let mut is_above = vec![false; tree.nodes.len()];
                for (at, node) in tree.nodes.iter().enumerate().skip(row.place as usize) {
                    let on_it = node.parent.is_some_and(|parent| is_above[parent as usize]);
                    is_above[at] = at == row.place as usize || on_it;
                    if is_above[at] {
                        match fold {
                            Fold::OpenAll => drop(self.folds.insert(node.id, true)),
                            _ => drop((self.folds.remove(&node.id), self.costly.remove(&node.id))),
                        }
                    }
                }
                if fold == Fold::CloseAll {
                    self.folds.insert(row.id, false);
                }
            }
        }
        true
    }
}

impl Children {
    fn of(tree: &Tree) -> Self {
        let len = tree.nodes.len();
        let slot = |parent: Option<u32>| parent.map_or(len, |parent| parent as usize);
        let mut starts = vec![0_u32; len + 2];
        for node in &tree.nodes {
            starts[slot(node.parent) + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut next = starts.clone();
        let mut list = vec![0; len];
        for (node, place) in tree.nodes.iter().zip(0..) {
            let at = &mut next[slot(node.parent)];
            list[*at as usize] = place;
            *at += 1;
        }
        Self { starts, list }
    }

    fn of_node(&self, parent: Option<u32>) -> &[u32] {
        let slot = parent.map_or(self.starts.len() - 2, |parent| parent as usize);
        &self.list[self.starts[slot] as usize..self.starts[slot + 1] as usize]
    }
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
