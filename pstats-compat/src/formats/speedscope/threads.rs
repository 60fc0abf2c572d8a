//! The profiles of a file, each for itself: py-spy and others write one for each thread.

use serde_json::Value;

use super::read::read;
use crate::error::{Error, Result};
use crate::model::Profile;

/// Reads a file's profiles one by one, with their names.
pub fn read_threads(bytes: &[u8]) -> Result<Vec<(String, Profile)>> {
    let bad_json = |error: serde_json::Error| Error::BadJson {
        line: error.line(),
        column: error.column(),
        problem: error.to_string(),
    };
    let mut document: Value = serde_json::from_slice(bytes).map_err(bad_json)?;
    let profiles = match document.get_mut("profiles").map(Value::take) {
        Some(Value::Array(profiles)) => profiles,
        _ => {
            return Err(Error::BadField {
                field: "profiles".to_owned(),
                problem: "there are none".to_owned(),
            });
        }
    };
    let mut threads = Vec::with_capacity(profiles.len());
    for (number, one) in (1..).zip(profiles) {
        let name = one.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
        let name = name.map_or_else(|| format!("thread {number}"), str::to_owned);
        document["profiles"] = Value::Array(vec![one]);
        let mut profile = read(document.to_string().as_bytes())?;
        // The frames of all threads are in each; functions that did nothing in this one are none of its.
        profile.drop_unused();
        threads.push((name, profile));
    }
    Ok(threads)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thread_has_its_own() {
        let text = br#"{"shared": {"frames": [{"name": "a"}, {"name": "b"}]}, "profiles": [
            {"type": "sampled", "name": "main", "unit": "seconds", "startValue": 0, "endValue": 1,
             "samples": [[0]], "weights": [1]},
            {"type": "sampled", "name": "", "unit": "bytes", "startValue": 0, "endValue": 2,
             "samples": [[1]], "weights": [2]}]}"#;
        let threads = read_threads(text).expect("well-formed");
        let names: Vec<&str> = threads.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["main", "thread 2"]);
        for ((_, profile), (name, time)) in threads.iter().zip([("a", 1.0), ("b", 2.0)]) {
            assert_eq!(profile.functions.len(), 1);
            assert_eq!(
                (profile.functions[0].name.to_string().as_str(), profile.functions[0].calls.tottime),
                (name, time)
            );
            assert!(profile.tree.as_ref().expect("stacks").is_sound(1));
        }
        assert!(read_threads(b"{}").is_err() && read_threads(b"[").is_err());
    }
}
