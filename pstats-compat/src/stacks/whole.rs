//! Times of stacks as whole numbers whose sums are right.

use crate::model::CallTree;

/// The own time of each node times `factor`, rounded. Those of one function add up to its own time,
/// and all of them to the whole, to less than 1: what one loses by rounding the next one gets.
pub(crate) fn whole_numbers(tree: &CallTree, factor: f64) -> Vec<i64> {
    let mut order: Vec<u32> = (0..tree.nodes.len() as u32).collect();
    order.sort_by_key(|&node| tree.nodes[node as usize].function);
    let mut numbers = vec![0; tree.nodes.len()];
    let (mut sum, mut given) = (0.0f64, 0i64);
    for node in order {
        let time = tree.nodes[node as usize].tottime * factor;
        // Where even 1 is lost in the sum, it says nothing about one node any more.
        if !time.is_finite() || time.abs() > 1e15 || sum.abs() > 1e15 {
            numbers[node as usize] = time.round() as i64;
            continue;
        }
        sum += time;
        let number = sum.round() as i64 - given;
        given += number;
        numbers[node as usize] = number;
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FunctionId, Node};

    #[test]
    fn what_is_lost_by_rounding_is_not_lost() {
        let node =
            |function, tottime| Node { parent: None, function: FunctionId(function), ncalls: 1, tottime };
        // Ten times 0.4 of one function between others whose times are whole.
        let mut nodes = vec![node(0, 5.0), node(2, 7.0)];
        nodes.extend((0..10).map(|_| node(1, 0.4)));
        let numbers = whole_numbers(&CallTree { nodes, ..CallTree::default() }, 1.0);
        assert_eq!(numbers[..2], [5, 7]);
        assert_eq!(numbers[2..].iter().sum::<i64>(), 4);
        assert!(numbers[2..].iter().all(|&number| number == 0 || number == 1));
    }
}
