//! Tables as Firefox itself makes them: rows, and a schema that says what stands where in each.

use std::collections::HashMap;

use serde_json::Value;

use crate::model::Text;

/// The place in a row, by the column's name.
pub type Schema = HashMap<String, usize>;
/// Rows. What stands last may be left out.
pub type Data = Vec<Vec<Value>>;

/// A column of places in other tables.
pub fn column(schema: &Schema, data: &Data, name: &str) -> Vec<Option<usize>> {
    let place = schema.get(name);
    let cell = |row: &Vec<Value>| row.get(*place?)?.as_u64().and_then(|at| usize::try_from(at).ok());
    data.iter().map(cell).collect()
}

/// File, line and name of a location: `name (file:line:column)`, `name (in library)` or a name alone.
pub fn function(location: &str) -> (Text, u32, Text) {
    let parts = || location.strip_suffix(')')?.rsplit_once(" (");
    let Some((name, place)) = parts() else {
        return ("~".into(), 0, location.into());
    };
    let place = place.strip_prefix("in ").unwrap_or(place);
    let number = |text: &str| text.parse::<u32>().ok();
    let (file, line) = match place.rsplit_once(':') {
        Some((rest, last)) if number(last).is_some() => match rest.rsplit_once(':') {
            Some((file, line)) if number(line).is_some() => (file, number(line)),
            _ => (rest, number(last)),
        },
        _ => (place, None),
    };
    (file.into(), line.unwrap_or(0), name.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_taken_apart() {
        for (location, expected) in [
            ("run (app.py:12)", ("app.py", 12, "run")),
            ("run (https://a.b/x.js:12:7)", ("https://a.b/x.js", 12, "run")),
            ("malloc (in libc.so.6)", ("libc.so.6", 0, "malloc")),
            ("0x7f00", ("~", 0, "0x7f00")),
            ("operator() (f:x)", ("f:x", 0, "operator()")),
        ] {
            let (file, line, name) = function(location);
            assert_eq!((&*file.to_str_lossy(), line, &*name.to_str_lossy()), expected, "{location}");
        }
    }
}
