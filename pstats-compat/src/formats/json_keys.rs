//! The keys of a JSON document's outermost object, also of one that is cut off: they tell which format it is.

/// The keys in their order. Of an array of objects, those of the first one.
pub fn top_level_keys(bytes: &[u8]) -> Vec<String> {
    let mut keys = Vec::new();
    let mut depth = 0usize;
    let outermost = match bytes.trim_ascii_start() {
        [b'[', ..] => 2,
        _ => 1,
    };
    let mut last_string: Option<&[u8]> = None;
    let mut place = 0;
    while let Some(&byte) = bytes.get(place) {
        place += 1;
        match byte {
            b'"' => {
                let start = place;
                while let Some(&inside) = bytes.get(place) {
                    match inside {
                        b'"' => break,
                        b'\\' => place += 2,
                        _ => place += 1,
                    }
                }
                last_string = bytes.get(start..place);
                place += 1;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if outermost == 2 && depth == 1 {
                    break;
                }
            }
            b':' if depth == outermost => {
                keys.extend(last_string.take().map(|key| String::from_utf8_lossy(key).into_owned()));
                // A document of many keys is none of those that are asked about.
                if keys.len() == 64 {
                    break;
                }
            }
            _ => {}
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_outermost_keys_are_found() {
        assert_eq!(
            top_level_keys(b"{\"a\": {\"b\": [1, {\"c\": \"x:{\"}]}, \"d\\\"e\": 2, \"f"),
            ["a", "d\\\"e"]
        );
        assert_eq!(
            top_level_keys(b" [{\"ph\": \"X\", \"args\": {\"z\": 1}, \"ts\": 3}, {\"later\": 1}]"),
            ["ph", "args", "ts"]
        );
        assert_eq!(top_level_keys(b"{\"open: "), Vec::<String>::new());
        assert_eq!(top_level_keys(b""), Vec::<String>::new());
    }
}
