//! Edges found by one of their ends, without a map for each function.

use super::function::Edge;
use super::function_id::FunctionId;

/// Edges grouped by caller or by callee.
///
/// One number for each edge and one for each function: a profile of 300,000 edges costs 1.4 MB.
pub struct EdgeIndex {
    /// Where the group of function `f` begins in `order`; the next entry is its end.
    starts: Vec<u32>,
    /// Places in the edges, in their own order within each group.
    order: Vec<u32>,
}

impl EdgeIndex {
    /// Edges between so many functions, grouped by the end that `end` takes.
    pub fn of_edges(edges: &[Edge], functions: usize, end: impl Fn(&Edge) -> FunctionId) -> Self {
        let mut starts = vec![0u32; functions + 1];
        for edge in edges {
            starts[end(edge).index() + 1] += 1;
        }
        for function in 1..starts.len() {
            starts[function] += starts[function - 1];
        }
        let mut next = starts.clone();
        let mut order = vec![0u32; edges.len()];
        for (edge, place) in edges.iter().zip(0u32..) {
            let slot = &mut next[end(edge).index()];
            order[*slot as usize] = place;
            *slot += 1;
        }
        Self { starts, order }
    }

    /// The edges of one function, of the same edges that were grouped.
    pub fn of<'e>(
        &'e self,
        edges: &'e [Edge],
        function: FunctionId,
    ) -> impl ExactSizeIterator<Item = &'e Edge> + Clone {
        self.places(function).iter().map(|&place| &edges[place as usize])
    }

    /// The places of one function's edges.
    pub(crate) fn places(&self, function: FunctionId) -> &[u32] {
        let start = self.starts[function.index()] as usize;
        let end = self.starts[function.index() + 1] as usize;
        &self.order[start..end]
    }
}
