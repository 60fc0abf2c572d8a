//! Objects by type, and the lines that made them.

use serde::{Deserialize, Serialize};

use crate::model::{ObjectPlace, ObjectType, Objects, ObjectsThen};

#[derive(Serialize, Deserialize)]
pub struct ObjectsFields {
    types: Vec<TypeRow>,
    #[serde(default)]
    unlisted: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    over_time: Vec<Moment>,
}

#[derive(Serialize, Deserialize)]
struct TypeRow {
    r#type: String,
    module: String,
    created: u64,
    destroyed: Option<u64>,
    /// Follows from these.
    #[serde(skip_deserializing)]
    alive: Option<i64>,
    peak: Option<u64>,
    bytes: Option<u64>,
    #[serde(default)]
    places: Vec<PlaceRow>,
}

#[derive(Serialize, Deserialize)]
struct PlaceRow {
    file: String,
    line: u32,
    function: String,
    created: u64,
    alive: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct Moment {
    at: f64,
    alive: u64,
    bytes: u64,
    /// Place, how many, bytes.
    types: Vec<(u32, u64, u64)>,
}

impl ObjectsFields {
    /// Those to be written.
    pub fn new(objects: &Objects) -> Self {
        let place = |row: &ObjectPlace| PlaceRow {
            file: row.file.to_str_lossy().into_owned(),
            line: row.line,
            function: row.function.to_str_lossy().into_owned(),
            created: row.created,
            alive: row.alive,
        };
        let kind = |row: &ObjectType| TypeRow {
            r#type: row.name.to_str_lossy().into_owned(),
            module: row.module.to_str_lossy().into_owned(),
            created: row.created,
            destroyed: row.destroyed,
            alive: row.alive(),
            peak: row.peak,
            bytes: row.bytes,
            places: Vec::new(),
        };
        let mut types: Vec<TypeRow> = objects.types.iter().map(kind).collect();
        for row in &objects.places {
            types[row.of as usize].places.push(place(row));
        }
        let moment = |then: &ObjectsThen| Moment {
            at: then.at,
            alive: then.alive,
            bytes: then.bytes,
            types: then.top.clone(),
        };
        Self { types, unlisted: objects.unlisted, over_time: objects.past.iter().map(moment).collect() }
    }

    /// What was read; `None` if it names a type that there isn't.
    pub fn objects(self) -> Option<Objects> {
        let mut objects = Objects { unlisted: self.unlisted, ..Objects::default() };
        for (row, of) in self.types.into_iter().zip(0_u32..) {
            objects.places.extend(row.places.into_iter().map(|place| ObjectPlace {
                of,
                file: place.file.as_str().into(),
                line: place.line,
                function: place.function.as_str().into(),
                created: place.created,
                alive: place.alive,
            }));
            objects.types.push(ObjectType {
                module: row.module.as_str().into(),
                name: row.r#type.as_str().into(),
                created: row.created,
                destroyed: row.destroyed,
                peak: row.peak,
                bytes: row.bytes,
            });
        }
        let moment =
            |then: Moment| ObjectsThen { at: then.at, alive: then.alive, bytes: then.bytes, top: then.types };
        objects.past = self.over_time.into_iter().map(moment).collect();
        objects.is_sound().then_some(objects)
    }
}
