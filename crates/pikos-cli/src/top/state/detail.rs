//! One function: who calls it, whom it calls, its source.

use pikos_views::{FunctionId, ProfileContent, ShownEdge};

use super::cursor::Cursor;

/// A part of the screen of one function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pane {
    Callers,
    Callees,
    Source,
}

impl Pane {
    pub const ALL: [Pane; 3] = [Pane::Callers, Pane::Callees, Pane::Source];

    /// The next one, in a ring.
    pub fn next(self, is_forward: bool) -> Self {
        let step = if is_forward { 1 } else { 2 };
        Self::ALL[(self as usize + step) % 3]
    }
}

/// What is on screen of a function.
#[derive(Clone, Debug, PartialEq)]
pub struct Detail {
    pub function: FunctionId,
    pub pane: Pane,
    pub callers: Neighbours,
    pub callees: Neighbours,
    pub source: Cursor,
    /// Whether the source was scrolled to the function yet.
    pub is_placed: bool,
}

/// Functions on one side of an edge; the costliest comes first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Neighbours {
    pub rows: Vec<(FunctionId, ShownEdge)>,
    pub cursor: Cursor,
}

impl Detail {
    pub fn new(function: FunctionId, profile: &ProfileContent) -> Self {
        let mut detail = Self {
            function,
            pane: Pane::Callers,
            callers: Neighbours::default(),
            callees: Neighbours::default(),
            source: Cursor::default(),
            is_placed: false,
        };
        detail.fill(profile);
        detail
    }

    /// Takes the edges of a profile, if it has those of this function.
    pub fn fill(&mut self, profile: &ProfileContent) {
        if !profile.edges_of.cover(self.function) {
            return;
        }
        let edges = &profile.edges;
        let callers = edges.iter().filter(|edge| edge.callee == self.function);
        self.callers.fill(callers.map(|edge| (edge.caller, *edge)));
        let callees = edges.iter().filter(|edge| edge.caller == self.function);
        self.callees.fill(callees.map(|edge| (edge.callee, *edge)));
    }

    /// The neighbour that Enter goes to.
    pub fn chosen(&self) -> Option<FunctionId> {
        let neighbours = match self.pane {
            Pane::Callers => &self.callers,
            Pane::Callees => &self.callees,
            Pane::Source => return None,
        };
        neighbours.rows.get(neighbours.cursor.current()).map(|(id, _)| *id)
    }
}

impl Neighbours {
    fn fill(&mut self, edges: impl Iterator<Item = (FunctionId, ShownEdge)>) {
        let chosen = self.cursor.row.and_then(|row| self.rows.get(row)).map(|(id, _)| *id);
        self.rows.clear();
        self.rows.extend(edges);
        self.rows.sort_by(|(a, x), (b, y)| {
            let (x, y) = (&x.figures, &y.figures);
            y.cumtime.total_cmp(&x.cumtime).then(y.ncalls.cmp(&x.ncalls)).then(a.cmp(b))
        });
        if let Some(row) = chosen.and_then(|id| self.rows.iter().position(|(other, _)| *other == id)) {
            self.cursor.row = Some(row);
        }
    }
}
