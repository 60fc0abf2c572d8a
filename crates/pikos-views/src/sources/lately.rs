//! Where a sampled thread was lately: which of its calls are open nobody tells, but the times of its stacks grow.

/// What the stacks of a thread were, and what they have become.
#[derive(Clone, Debug, Default)]
pub struct Lately {
    /// Of which message.
    told: Option<(u64, u64)>,
    own: Vec<f64>,
    /// The stack that has grown most since the message before: its functions, the outermost first, and how long each was seen.
    pub calls: Vec<(usize, f64)>,
}

/// A stack: the place of the one below, the function on top, and its own time.
pub type Node = (Option<u32>, Option<usize>, f64);

impl Lately {
    /// Whether this is news of a message with this number, of a profile that was cleared so often.
    pub fn is_news(&self, sequence: u64, epoch: u64) -> bool {
        self.told != Some((sequence, epoch))
    }

    /// Takes in what the stacks are now.
    pub fn learn(&mut self, sequence: u64, epoch: u64, nodes: &[Node]) {
        let is_first = self.told.is_none_or(|(_, known)| known != epoch);
        self.told = Some((sequence, epoch));
        let was = |place: usize| self.own.get(place).copied().unwrap_or(0.0);
        let grown: Vec<f64> = match is_first {
            true => vec![0.0; nodes.len()],
            false => nodes.iter().enumerate().map(|(place, node)| (node.2 - was(place)).max(0.0)).collect(),
        };
        self.own = nodes.iter().map(|node| node.2).collect();
        self.calls.clear();
        let top = (0..nodes.len()).max_by(|a, b| grown[*a].total_cmp(&grown[*b]));
        let Some(top) = top.filter(|top| grown[*top] > 0.0) else { return };
        // With what stands on each: parents stand before their children.
        let mut total = grown;
        for place in (0..nodes.len()).rev() {
            if let Some(below) = nodes[place].0.filter(|below| (*below as usize) < place) {
                total[below as usize] += total[place];
            }
        }
        let mut next = Some(top);
        while let Some(place) = next {
            let (below, function, _) = nodes[place];
            self.calls.extend(function.map(|function| (function, total[place])));
            next = below.map(|below| below as usize).filter(|below| *below < place);
        }
        self.calls.reverse();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stack_that_grew_most_is_where_a_thread_was() {
        let mut lately = Lately::default();
        let nodes =
            |a: f64, b: f64, c: f64| [(None, Some(7), a), (Some(0), Some(8), b), (Some(0), Some(9), c)];
        assert!(lately.is_news(1, 0));
        lately.learn(1, 0, &nodes(9.0, 5.0, 1.0));
        assert!(lately.calls.is_empty(), "nothing is known of before");
        lately.learn(2, 0, &nodes(9.0, 5.25, 1.5));
        assert_eq!(lately.calls, [(7, 0.75), (9, 0.5)]);
        assert!(!lately.is_news(2, 0));
        lately.learn(3, 0, &nodes(9.0, 5.25, 1.5));
        assert!(lately.calls.is_empty(), "it was not seen");
        lately.learn(4, 1, &nodes(0.1, 0.2, 0.3));
        assert!(lately.calls.is_empty(), "it was cleared");
        lately.learn(5, 1, &nodes(0.1, 0.2, 0.3)[..1]);
        let mut more = nodes(0.1, 0.2, 0.3).to_vec();
        more.push((Some(9), None, 1.0));
        lately.learn(6, 1, &more);
        assert!(lately.calls.is_empty(), "a stack without a name, on one that isn't there");
    }
}
