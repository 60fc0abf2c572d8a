//! Where the tasks of asyncio have what.
//!
//! From 3.14 on the module `_asyncio` tells it, in a table of its own, and threads keep lists of their tasks. Earlier releases have sets of
//! all tasks in `asyncio.tasks`, and their tasks look alike in all patch levels.

/// How long the table is.
pub const TABLE: usize = 8 * 13;

/// Offsets in a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskLayout {
    pub coroutine: usize,
    pub name: usize,
    /// From 3.14 on.
    pub lists: Option<Lists>,
}

/// How tasks are linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lists {
    /// Where a task has its place in a list.
    pub node: usize,
    /// What awaits a task or a future: one, or a set of them.
    pub awaited_by: usize,
    pub awaited_by_is_set: usize,
    /// Where a list begins: in a thread; in an interpreter, of threads that are over.
    pub of_thread: usize,
    pub of_interpreter: usize,
    /// Where a thread says which task it runs.
    pub running: usize,
}

impl TaskLayout {
    /// Of a release without a table.
    pub fn known(minor: u8) -> Self {
        let coroutine = if minor >= 13 { 120 } else { 136 };
        Self { coroutine, name: coroutine + 8, lists: None }
    }

    /// What a table says. `None`: it says what can't be.
    pub fn told(table: &[u8]) -> Option<Self> {
        let words: Vec<usize> = table
            .chunks_exact(8)
            .map(|word| u64::from_le_bytes(word.try_into().expect("eight bytes")) as usize)
            .collect();
        let [
            task,
            name,
            awaited_by,
            _,
            is_set,
            coroutine,
            node,
            interpreter,
            in_interpreter,
            thread,
            _,
            running,
            in_thread,
        ] = words.try_into().ok()?;
        let fits = |size: usize, offset: usize, length: usize| {
            offset.checked_add(length).is_some_and(|end| end <= size)
                && (length == 1 || offset.is_multiple_of(8))
        };
        let is_sound = task <= 4096
            && [name, awaited_by, coroutine].into_iter().all(|offset| fits(task, offset, 8))
            && fits(task, node, 16)
            && fits(task, is_set, 1)
            && interpreter <= 16 << 20
            && fits(interpreter, in_interpreter, 16)
            && thread <= 1 << 20
            && fits(thread, running, 8)
            && fits(thread, in_thread, 16);
        is_sound.then_some(Self {
            coroutine,
            name,
            lists: Some(Lists {
                node,
                awaited_by,
                awaited_by_is_set: is_set,
                of_thread: in_thread,
                of_interpreter: in_interpreter,
                running,
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As CPython 3.14.0 has it.
    const TOLD: [u64; 13] = [168, 136, 96, 108, 109, 128, 152, 225_864, 10_880, 936, 864, 872, 880];

    fn table(words: [u64; 13]) -> Vec<u8> {
        words.into_iter().flat_map(u64::to_le_bytes).collect()
    }

    #[test]
    fn a_table_is_taken_or_refused() {
        let told = TaskLayout::told(&table(TOLD)).unwrap();
        assert_eq!((told.coroutine, told.name), (128, 136));
        assert_eq!(told.lists.map(|lists| (lists.running, lists.of_thread)), Some((872, 880)));
        for place in [0, 1, 2, 4, 5, 6, 8, 11, 12] {
            let mut words = TOLD;
            words[place] = if place == 0 { 100 } else { u64::MAX - 7 };
            assert_eq!(TaskLayout::told(&table(words)), None, "word {place}");
        }
        assert_eq!(TaskLayout::told(&table(TOLD)[..96]), None);
    }
}
