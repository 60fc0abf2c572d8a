//! What a sampler is asked to do: `pikos._options.Options`, read by name, as a profile's are.

use pikos_sampler::record::{Mode, OptionError, Options, check_budget, check_rate};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::session::options::{LiveOptions, read, wishes};

/// Looks a second where nobody says how many.
const USUAL_RATE: f64 = 100.0;

/// What a sampler was asked for, found to be in order.
#[derive(Clone, Default)]
pub struct Asked {
    /// Looks a second.
    pub rate: f64,
    /// How often that is, and what counts.
    pub options: Options,
    /// Whether forked children are sampled, too.
    pub follow: bool,
    /// What is published.
    pub live: Option<LiveOptions>,
    /// Those options that differ from the default, as Python has them.
    pub wishes: String,
}

impl Asked {
    /// Raises ValueError for what can't be, TypeError for what is nothing of the kind.
    pub fn read(options: &Bound<'_, PyAny>) -> PyResult<Self> {
        let tree: bool = read(options, "tree")?;
        let limits = (read(options, "tree_depth")?, read(options, "tree_nodes")?);
        let rate = read::<Option<f64>>(options, "rate")?.unwrap_or(USUAL_RATE);
        Ok(Self {
            rate,
            options: Options {
                interval: check_rate(rate).map_err(refuse)?,
                mode: read::<String>(options, "mode")?.parse::<Mode>().map_err(refuse)?,
                budget: check_budget(read(options, "budget")?).map_err(refuse)?,
                tree: tree.then_some(limits),
            },
            follow: read(options, "follow")?,
            live: LiveOptions::read(options)?,
            wishes: wishes(options)?.join(", "),
        })
    }
}

/// As Python has it.
pub fn refuse(error: OptionError) -> PyErr {
    PyValueError::new_err(error.to_string())
}
