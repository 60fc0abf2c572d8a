//! What a stream told of objects, as a profile keeps it.

use pstats_compat::model::facts::{self, quoted};
use pstats_compat::{Metadata, ObjectPlace, ObjectType, Objects, ObjectsThen, Profile};

use super::model::RecordModel;

impl RecordModel {
    /// Types, the lines that made them and what there was over time, where the sender tells of these.
    pub fn objects(&self) -> Option<Objects> {
        let known = self.types();
        if !known.is_told() {
            return None;
        }
        let types = known.rows().iter().map(|row| ObjectType {
            module: self.text(row.module).into(),
            name: self.text(row.name).into(),
            created: row.created,
            destroyed: row.destroyed,
            peak: row.peak,
            bytes: row.bytes(),
        });
        let places = known.places().iter().map(|row| ObjectPlace {
            of: row.of as u32,
            file: self.text(row.file).into(),
            line: row.line,
            function: self.text(row.function).into(),
            created: row.created,
            alive: row.alive,
        });
        let began = known.past().first().map_or(0.0, |then| then.time);
        let past = known.past().iter().map(|then| ObjectsThen {
            at: then.time - began,
            alive: then.alive,
            bytes: then.bytes,
            top: then.top.iter().map(|row| (row.of, row.alive, row.bytes)).collect(),
        });
        Some(Objects {
            types: types.collect(),
            places: places.collect(),
            unlisted: known.unlisted(),
            past: past.collect(),
        })
    }

    /// The same as a profile in which there is nothing else; `None` where the sender tells of no objects.
    pub fn profile_of_objects(&self) -> Option<Profile> {
        let objects = self.objects()?;
        let head = self.head();
        let command: Vec<_> = head.argv.iter().map(|word| word.0.to_str_lossy()).collect();
        let values = [
            (facts::COMMAND, quoted(command.iter().map(|word| &**word))),
            (facts::HOST, head.host.clone()),
            (facts::PROCESS, head.pid.to_string()),
        ];
        let known = values.into_iter().filter(|(_, value)| !value.is_empty());
        let facts = known.map(|(name, value)| (name.to_owned(), value)).collect();
        let metadata = Metadata { facts, unfinished: !head.end, ..Metadata::default() };
        Some(Profile { metadata, objects: Some(objects), ..Profile::default() })
    }
}

#[cfg(test)]
mod tests {
    use pikos_wire::{RECORDS, Records, TypePlaces, Types, VERSION};

    use super::*;

    fn message(seq: u64, created: u64, end: bool) -> Records {
        Records {
            v: VERSION,
            kind: RECORDS.to_owned(),
            seq,
            pid: 7,
            argv: vec!["a b.py".into()],
            time: 100.0 + seq as f64,
            texts: ["Model", "app", "make", "/x/app.py"].map(str::to_owned).to_vec(),
            types: Some(Types {
                name: vec![0],
                module: vec![1],
                created: vec![created],
                destroyed: vec![2],
                peak: vec![created],
                size: vec![8],
                places: TypePlaces {
                    of: vec![0],
                    function: vec![2],
                    filename: vec![3],
                    line: vec![9],
                    created: vec![created],
                    alive: vec![created - 2],
                },
                unlisted: 4,
            }),
            end,
            ..Records::default()
        }
    }

    #[test]
    fn what_was_told_is_kept() {
        let mut model = RecordModel::default();
        assert!(model.profile_of_objects().is_none());
        model.apply(message(1, 5, false)).unwrap();
        assert!(model.profile_of_objects().is_some_and(|profile| profile.metadata.unfinished));
        model.apply(message(2, 12, true)).unwrap();
        let profile = model.profile_of_objects().unwrap();
        assert!(!profile.metadata.unfinished);
        assert_eq!(profile.metadata.fact(facts::COMMAND), Some("'a b.py'"));
        let objects = profile.objects.unwrap();
        let row = &objects.types[0];
        assert_eq!((row.full_name(), row.alive(), row.bytes), ("app.Model".to_owned(), Some(10), Some(80)));
        let place = &objects.places[0];
        assert_eq!((place.line, place.created, place.alive), (9, 12, Some(10)));
        let past: Vec<_> = objects.past.iter().map(|then| (then.at, then.alive, then.top.clone())).collect();
        assert_eq!(past, [(0.0, 3, vec![(0, 3, 24)]), (1.0, 10, vec![(0, 10, 80)])]);
        assert_eq!(objects.unlisted, 4);
    }
}
