//! What is shown of full stacks.

use std::sync::Arc;

use pstats_compat::Cut;

use super::scope::{FunctionId, StackId};

/// What happened with exactly one stack.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ShownStack {
    /// Calls with this very stack, those that are open included.
    pub ncalls: i64,
    /// Seconds with exactly this stack.
    pub tottime: f64,
    /// Seconds since the open call with this stack began.
    pub in_flight: f64,
    /// Calls with this stack that are open: one in each thread at most.
    pub open: u32,
}

impl ShownStack {
    /// Adds what another thread or process says of the same stack.
    pub fn add(&mut self, other: &ShownStack) {
        self.ncalls = self.ncalls.saturating_add(other.ncalls);
        self.tottime += other.tottime;
        self.in_flight += other.in_flight;
        self.open = self.open.saturating_add(other.open);
    }
}

/// A stack in a scope: a function, reached by one chain of callers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShownNode {
    /// Which.
    pub id: StackId,
    /// The stack without its top: its place in [`Tree::nodes`], a smaller one.
    pub parent: Option<u32>,
    /// The function on top.
    pub function: FunctionId,
    /// What happened with exactly this stack.
    pub own: ShownStack,
    /// Seconds with this stack and all above it.
    pub cumtime: f64,
}

/// Full stacks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tree {
    /// Parents stand before their children.
    pub nodes: Vec<ShownNode>,
    /// Calls that the limits on depth and nodes cut, and their time, which is that of the stacks below.
    pub cut: Cut,
    /// Processes of the scope that keep none.
    pub without: usize,
    /// What is to be said of them, where they are not recorded but computed.
    pub note: Option<String>,
}

impl Tree {
    /// Seconds in all stacks.
    pub fn whole(&self) -> f64 {
        self.nodes.iter().filter(|node| node.parent.is_none()).map(|node| node.cumtime).sum()
    }
}

/// What a source has to say of full stacks.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Stacks {
    /// Nobody asked.
    #[default]
    NotAsked,
    /// Nobody keeps them.
    NotKept,
    /// They are on their way.
    Awaited,
    /// Here they are.
    Known(Arc<Tree>),
}
