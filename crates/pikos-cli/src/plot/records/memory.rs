//! Which memory is drawn.

/// Which memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Memory {
    /// Resident set size
    Rss,
    /// Virtual memory size
    Vms,
}

impl Memory {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rss => "resident memory (RSS)",
            Self::Vms => "virtual memory (VMS)",
        }
    }

    /// The name of its column.
    pub fn column(self) -> &'static str {
        match self {
            Self::Rss => "RSS",
            Self::Vms => "VMS",
        }
    }
}
