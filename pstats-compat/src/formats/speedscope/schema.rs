//! What is written in files as it is read from them.

use serde::{Deserialize, Serialize};

/// What a file says that it is.
pub const SCHEMA: &str = "https://www.speedscope.app/file-format-schema.json";

/// What the profiles of a file name by number.
#[derive(Deserialize, Serialize)]
pub struct Shared {
    pub frames: Vec<Frame>,
}

/// A function.
#[derive(Deserialize, Serialize)]
pub struct Frame {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

/// A function is entered or left.
#[derive(Deserialize)]
pub struct Event {
    pub r#type: EventType,
    /// A place in [`Shared::frames`].
    pub frame: u32,
    /// In the profile's unit.
    pub at: f64,
}

#[derive(Deserialize)]
pub enum EventType {
    #[serde(rename = "O")]
    Open,
    #[serde(rename = "C")]
    Close,
}
