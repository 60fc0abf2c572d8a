//! Finds functions by their labels `(file, line, name)`.
//!
//! The labels themselves stand in the functions already, and a copy of each would be most of what a
//! large profile's table takes. A hash stands beside each id: labels lie all over memory, and are read
//! again only where they may be equal.

use std::hash::BuildHasher;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::function::Function;
use super::function_id::FunctionId;
use super::id_map::IdState;
use super::text::Text;

/// The ids of functions with different labels.
#[derive(Clone, Default)]
pub struct LabelIndex {
    ids: HashTable<(Hash, FunctionId)>,
    state: IdState,
}

impl LabelIndex {
    /// Makes room for so many more.
    pub fn reserve(&mut self, additional: usize) {
        self.ids.reserve(additional, |(hash, _)| hash.spread());
    }

    /// The function that has this label. All ids are those of `functions`.
    pub fn find(&self, functions: &[Function], wanted: (&Text, u32, &Text)) -> Option<FunctionId> {
        let hash = Hash::of(&self.state, wanted);
        let is_it = |(its, id): &(Hash, FunctionId)| *its == hash && label(&functions[id.index()]) == wanted;
        self.ids.find(hash.spread(), is_it).map(|(_, id)| *id)
    }

    /// The function that has this label, or `new`, which has it from now on. All ids but `new` are
    /// those of `functions`.
    pub fn find_or_insert(
        &mut self,
        functions: &[Function],
        wanted: (&Text, u32, &Text),
        new: FunctionId,
    ) -> FunctionId {
        let hash = Hash::of(&self.state, wanted);
        let is_it = |(its, id): &(Hash, FunctionId)| *its == hash && label(&functions[id.index()]) == wanted;
        match self.ids.entry(hash.spread(), is_it, |(hash, _)| hash.spread()) {
            Entry::Occupied(known) => known.get().1,
            Entry::Vacant(place) => {
                place.insert((hash, new));
                new
            }
        }
    }
}

/// What tells functions apart.
pub fn label(function: &Function) -> (&Text, u32, &Text) {
    (&function.file, function.line, &function.name)
}

/// Half of a hash: ids have no more bits either.
#[derive(Clone, Copy, PartialEq)]
struct Hash(u32);

impl Hash {
    fn of(state: &IdState, label: (&Text, u32, &Text)) -> Self {
        Self((state.hash_one(label) >> 32) as u32)
    }

    /// Tables look at the lower bits, and at the uppermost seven.
    fn spread(self) -> u64 {
        u64::from(self.0) << 32 | u64::from(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::function::Calls;
    use super::*;

    #[test]
    fn each_label_has_one_id_also_after_growth() {
        let function = |n: u32| {
            Function::new(format!("{}.py", n % 7).as_str().into(), n % 5, "f".into(), Calls::default())
        };
        let mut index = LabelIndex::default();
        let mut functions = Vec::new();
        for n in 0..1000 {
            let next = FunctionId(functions.len() as u32);
            let new = function(n);
            let id = index.find_or_insert(&functions, label(&new), next);
            assert_eq!(id, FunctionId(n % 35));
            if id == next {
                functions.push(new);
            }
        }
        assert_eq!(functions.len(), 35);
    }
}
