//! The names of a stream's functions. A file's name stands in memory once, and a function's once for all the messages
//! that repeat it.

use std::collections::{BTreeMap, HashSet};

use pikos_wire::{Name, WireText};

/// Names by the numbers that the process gave them.
#[derive(Clone, Debug, Default)]
pub struct KnownNames {
    by_number: BTreeMap<u32, Name>,
    files: HashSet<WireText>,
    bytes: usize,
}

impl KnownNames {
    /// These in the place of all that were known.
    pub fn replace(&mut self, names: Vec<Name>) {
        let old = std::mem::take(self);
        let kept = |mut name: Name| {
            match old.by_number.get(&name.function) {
                Some(known) if *known == name => name = known.clone(),
                _ => {
                    if let Some(file) = old.files.get(&name.file) {
                        name.file = file.clone();
                    }
                    self.share(&mut name);
                }
            }
            if !self.files.contains(&name.file) {
                self.files.insert(name.file.clone());
            }
            (name.function, name)
        };
        // All at once: such a map is packed tighter than one that grew.
        self.by_number = names.into_iter().map(kept).collect();
        self.bytes = self.by_number.values().map(Name::bytes).sum();
    }

    /// These beside those that are known.
    pub fn add(&mut self, names: Vec<Name>) {
        for mut name in names {
            self.share(&mut name);
            self.bytes += name.bytes();
            if let Some(old) = self.by_number.insert(name.function, name) {
                self.bytes -= old.bytes();
            }
        }
    }

    /// Forgets them.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// All of them, by number.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Name> {
        self.by_number.values()
    }

    /// One of them.
    pub fn get(&self, function: u32) -> Option<&Name> {
        self.by_number.get(&function)
    }

    /// How many bytes of text they have; what is shared counts each time.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn share(&mut self, name: &mut Name) {
        match self.files.get(&name.file) {
            Some(file) => name.file = file.clone(),
            None => drop(self.files.insert(name.file.clone())),
        }
        if name.qualname.as_ref() == Some(&name.name) {
            name.qualname = Some(name.name.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(function: u32, file: &str, name: &str) -> Name {
        Name { function, file: file.into(), line: 1, name: name.into(), qualname: Some(name.into()) }
    }

    fn address(text: &WireText) -> *const u8 {
        text.0.as_bytes().as_ptr()
    }

    #[test]
    fn texts_are_kept_once() {
        let mut names = KnownNames::default();
        names.replace(vec![name(0, "a.py", "f"), name(1, "a.py", "g")]);
        names.add(vec![name(2, "a.py", "h")]);
        let file = address(&names.get(0).unwrap().file);
        assert!(names.iter().all(|name| address(&name.file) == file));
        let function = address(&names.get(2).unwrap().name);
        assert_eq!(address(names.get(2).unwrap().qualname.as_ref().unwrap()), function);
        names.replace(vec![name(0, "a.py", "f"), name(2, "a.py", "h")]);
        assert_eq!(address(&names.get(2).unwrap().name), function, "a full message repeats it");
        assert_eq!((names.iter().len(), names.get(1), names.bytes()), (2, None, 2 * (4 + 1 + 1)));
    }

    #[test]
    fn a_number_that_comes_again_counts_once() {
        let mut names = KnownNames::default();
        names.add(vec![name(5, "a.py", "f"), name(5, "bb.py", "gg")]);
        assert_eq!((names.iter().len(), names.bytes()), (1, 5 + 2 + 2));
    }
}
