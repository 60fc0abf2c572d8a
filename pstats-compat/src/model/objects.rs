//! What is known of the objects that a program made: how many of which type, the lines that made them, and how many there were over time.

use std::collections::HashMap;

use super::text::Text;

/// Objects of one type.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObjectType {
    /// `__module__`
    pub module: Text,
    /// `__qualname__`
    pub name: Text,
    /// How many were made while they were counted.
    pub created: u64,
    /// How many went meanwhile; `None` where nobody is told of that.
    pub destroyed: Option<u64>,
    /// The most that there were at once, beyond those that were there before; likewise.
    pub peak: Option<u64>,
    /// Bytes of those that are alive, without what they point at; likewise.
    pub bytes: Option<u64>,
}

impl ObjectType {
    /// How many more there are than in the beginning.
    pub fn alive(&self) -> Option<i64> {
        Some(self.created.wrapping_sub(self.destroyed?).cast_signed())
    }

    /// As one writes it: a built-in's without its module.
    pub fn full_name(&self) -> String {
        match self.module.as_bytes() {
            b"builtins" | b"" => self.name.to_str_lossy().into_owned(),
            _ => format!("{}.{}", self.module.to_str_lossy(), self.name.to_str_lossy()),
        }
    }
}

/// A line that made objects of a type.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectPlace {
    /// Which type: its place in [`Objects::types`].
    pub of: u32,
    /// The file.
    pub file: Text,
    /// The line.
    pub line: u32,
    /// The function.
    pub function: Text,
    /// How many it made.
    pub created: u64,
    /// About how many of these are still there; `None` where nobody is told.
    pub alive: Option<u64>,
}

/// What there was at a moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObjectsThen {
    /// Seconds since the first of these moments.
    pub at: f64,
    /// How many more objects than in the beginning.
    pub alive: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Types with the most of either, by their places, in this order: how many, and their bytes.
    pub top: Vec<(u32, u64, u64)>,
}

/// The objects of a program.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Objects {
    /// By type.
    pub types: Vec<ObjectType>,
    /// The lines that made them, where these were counted.
    pub places: Vec<ObjectPlace>,
    /// How many types nothing is told of.
    pub unlisted: u64,
    /// Over time.
    pub past: Vec<ObjectsThen>,
}

impl Objects {
    /// The places of types: those with the most bytes first, and then those of which most were made.
    pub fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.types.len()).collect();
        order.sort_by_key(|&place| {
            let row = &self.types[place];
            std::cmp::Reverse((row.bytes.unwrap_or(0), row.created))
        });
        order
    }

    /// The lines that made objects of a type: those whose objects are still there first, and then those that made most.
    pub fn places_of(&self, of: usize) -> Vec<&ObjectPlace> {
        let mut places: Vec<_> = self.places.iter().filter(|place| place.of as usize == of).collect();
        places.sort_by_key(|place| std::cmp::Reverse((place.alive.unwrap_or(0), place.created)));
        places
    }

    /// Whether all types that are named here are there.
    pub(crate) fn is_sound(&self) -> bool {
        let mut named = self
            .places
            .iter()
            .map(|place| place.of)
            .chain(self.past.iter().flat_map(|then| then.top.iter().map(|row| row.0)));
        named.all(|of| (of as usize) < self.types.len())
    }

    /// Gives files other names.
    pub(crate) fn rename_files(&mut self, renamed: impl Fn(&Text) -> Option<Text>) {
        for place in &mut self.places {
            if let Some(file) = renamed(&place.file) {
                place.file = file;
            }
        }
    }

    /// Adds those of another program. What was at the same time isn't known of the two: no peak, nothing over time.
    pub(crate) fn absorb(&mut self, other: Self) {
        let mut known: HashMap<(Text, Text), u32> = self
            .types
            .iter()
            .zip(0..)
            .map(|(row, place)| ((row.module.clone(), row.name.clone()), place))
            .collect();
        let mut moved = Vec::with_capacity(other.types.len());
        for row in other.types {
            let next = self.types.len() as u32;
            let place = *known.entry((row.module.clone(), row.name.clone())).or_insert(next);
            if place == next {
                self.types.push(row);
            } else {
                let sum = &mut self.types[place as usize];
                let both = |a: Option<u64>, b: Option<u64>| Some(a?.saturating_add(b?));
                sum.created = sum.created.saturating_add(row.created);
                sum.destroyed = both(sum.destroyed, row.destroyed);
                sum.bytes = both(sum.bytes, row.bytes);
            }
            moved.push(place);
        }
        self.types.iter_mut().for_each(|row| row.peak = None);
        let key = |place: &ObjectPlace| (place.of, place.file.clone(), place.line, place.function.clone());
        let mut known: HashMap<_, usize> = self.places.iter().map(key).zip(0..).collect();
        for mut row in other.places {
            row.of = moved[row.of as usize];
            let next = self.places.len();
            let place = *known.entry(key(&row)).or_insert(next);
            if place == next {
                self.places.push(row);
            } else {
                let sum = &mut self.places[place];
                sum.created = sum.created.saturating_add(row.created);
                sum.alive = sum.alive.zip(row.alive).map(|(one, other)| one.saturating_add(other));
            }
        }
        self.unlisted = self.unlisted.saturating_add(other.unlisted);
        self.past.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(name: &str, created: u64, destroyed: Option<u64>) -> ObjectType {
        ObjectType {
            module: "app".into(),
            name: name.into(),
            created,
            destroyed,
            peak: Some(created),
            bytes: destroyed.map(|gone| 8 * (created - gone)),
        }
    }

    fn place(of: u32, line: u32, created: u64) -> ObjectPlace {
        ObjectPlace { of, file: "/x/a.py".into(), line, function: "f".into(), created, alive: Some(1) }
    }

    #[test]
    fn those_of_two_programs_are_added_up_by_their_names() {
        let mut sum = Objects {
            types: vec![kind("A", 10, Some(4)), kind("B", 7, None)],
            places: vec![place(0, 1, 10)],
            unlisted: 1,
            past: vec![ObjectsThen { top: vec![(0, 6, 48)], ..ObjectsThen::default() }],
        };
        sum.absorb(Objects {
            types: vec![kind("B", 1, Some(0)), kind("A", 5, Some(5)), kind("C", 2, Some(0))],
            places: vec![place(1, 1, 5), place(2, 1, 2)],
            unlisted: 2,
            past: Vec::new(),
        });
        let rows: Vec<_> = sum.types.iter().map(|row| (row.full_name(), row.created, row.alive())).collect();
        let expected = [("app.A", 15, Some(6)), ("app.B", 8, None), ("app.C", 2, Some(2))];
        assert_eq!(rows, expected.map(|(name, created, alive)| (name.to_owned(), created, alive)));
        assert_eq!(sum.types.iter().map(|row| row.bytes).collect::<Vec<_>>(), [Some(48), None, Some(16)]);
        let made: Vec<_> = sum.places.iter().map(|row| (row.of, row.created, row.alive)).collect();
        assert_eq!(made, [(0, 15, Some(2)), (2, 2, Some(1))]);
        assert!(sum.is_sound() && sum.past.is_empty() && sum.unlisted == 3);
        assert_eq!(sum.order(), [0, 2, 1]);
    }

    #[test]
    fn who_names_a_type_that_is_not_there_is_unsound() {
        let types = vec![kind("A", 1, None)];
        assert!(
            !Objects { types: types.clone(), places: vec![place(1, 1, 1)], ..Objects::default() }.is_sound()
        );
        let past = vec![ObjectsThen { top: vec![(1, 1, 1)], ..ObjectsThen::default() }];
        assert!(!Objects { types, past, ..Objects::default() }.is_sound());
    }
}
