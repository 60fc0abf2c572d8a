//! One id for every label, in all processes and files.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use hashbrown::HashTable;
use pstats_compat::Function;

use crate::picture::{FunctionId, Label};

/// Labels, and the ids that they have for as long as the source lives.
#[derive(Default)]
pub struct Names {
    labels: Arc<Vec<Arc<Label>>>,
    /// By what makes a label: file, line and name.
    ids: HashTable<u32>,
    state: RandomState,
}

impl Names {
    /// The labels, by their ids.
    pub fn labels(&self) -> &Arc<Vec<Arc<Label>>> {
        &self.labels
    }

    /// The id of a function's label; a new one if it has none.
    pub fn id(&mut self, function: &Function) -> FunctionId {
        let hash = |label: &Label| self.state.hash_one((&label.path, label.line, &label.plain_name));
        let wanted = self.state.hash_one((&function.file, function.line, &function.name));
        let is_same = |&id: &u32| {
            let label = &self.labels[id as usize];
            label.line == function.line && label.plain_name == function.name && label.path == function.file
        };
        if let Some(id) = self.ids.find(wanted, is_same) {
            return FunctionId(*id);
        }
        let mut label = Label::of(function);
        // Functions of one file mostly come together.
        if let Some(last) = self.labels.last().filter(|last| last.path == label.path) {
            (label.path, label.file) = (last.path.clone(), Arc::clone(&last.file));
            label.short_file = Arc::clone(&last.short_file);
        }
        let id = self.labels.len() as u32;
        Arc::make_mut(&mut self.labels).push(Arc::new(label));
        let labels = &self.labels;
        self.ids.insert_unique(wanted, id, |&id| hash(&labels[id as usize]));
        FunctionId(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_keeps_its_id() {
        let function = |file: &str, line, name: &str| {
            Function::new(file.into(), line, name.into(), pstats_compat::Calls::default())
        };
        let mut names = Names::default();
        let ids: Vec<FunctionId> = (0..1000).map(|line| names.id(&function("a.py", line, "f"))).collect();
        for (line, id) in (0..).zip(&ids) {
            assert_eq!(names.id(&function("a.py", line, "f")), *id);
        }
        assert_ne!(names.id(&function("b.py", 0, "f")), ids[0]);
        assert_ne!(names.id(&function("a.py", 0, "g")), ids[0]);
        assert_eq!(names.labels().len(), 1002);
        assert!(Arc::ptr_eq(&names.labels()[0].file, &names.labels()[999].file));
    }
}
