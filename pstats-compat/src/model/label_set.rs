//! The figures of one label set: what ran under `pikos.label(route="/pay")`, apart from the rest.

use std::fmt;

use super::profile::Profile;
use super::text::Text;

/// A part of a profile: its calls and times under some labels. The sum over all parts is the whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LabelSet {
    /// Names and values, by name; none where there was no label.
    pub labels: Vec<(Text, Text)>,
    /// Functions and edges, with full stacks where the whole has them. Has no label sets itself, and nothing of its own to say of the run.
    pub profile: Profile,
}

impl LabelSet {
    /// The value of a label.
    pub fn value(&self, name: &str) -> Option<&Text> {
        self.labels.iter().find(|(known, _)| known.as_bytes() == name.as_bytes()).map(|(_, value)| value)
    }
}

/// `route=/pay, tenant=a`.
impl fmt::Display for LabelSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.labels.is_empty() {
            return f.write_str("no label");
        }
        for (place, (name, value)) in self.labels.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{}={}", name.to_str_lossy(), value.to_str_lossy())?;
        }
        Ok(())
    }
}
