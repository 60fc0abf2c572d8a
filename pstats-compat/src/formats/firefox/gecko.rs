//! Locations, as Firefox itself writes them: a function, its file and its line in one text.

use crate::model::Text;

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
