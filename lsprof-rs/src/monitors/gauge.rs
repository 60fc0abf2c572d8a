//! The memory of the process as records tell it: what is in use, and the most of it since a monitor last told.
//!
//! The system keeps one highest mark for the process, and to ask for it begins it anew: what it has told is kept for each monitor
//! that wants it.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use pikos_os::memory::{HighWater, Meter, NoHighWater};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;

use crate::ffi::gil::GilCell;

/// Memory at one moment, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reading {
    /// Resident.
    pub rss: u64,
    /// Virtual.
    pub vms: u64,
    /// The most that was resident since this was last told; without a mark, what is resident.
    pub peak: u64,
}

/// What one monitor reads.
pub struct Gauge {
    meter: Meter,
    /// The most since it was told.
    most: Option<Rc<Cell<u64>>>,
}

/// The mark, and who wants to know.
struct Shared {
    mark: HighWater,
    process: u32,
    all: Vec<Weak<Cell<u64>>>,
}

static SHARED: GilCell<RefCell<Option<Shared>>> = GilCell::new(RefCell::new(None));

impl Gauge {
    /// Tells what is in use.
    pub fn new() -> Self {
        Self { meter: Meter::open(), most: None }
    }

    /// Tells the most between two readings, too.
    pub fn with_peaks(py: Python<'_>) -> Result<Self, NoHighWater> {
        let mut shared = SHARED.get(py).borrow_mut();
        let process = std::process::id();
        let known = shared.take().filter(|shared| shared.process == process);
        let mut known = match known {
            Some(known) => known,
            None => Shared { mark: HighWater::open()?, process, all: Vec::new() },
        };
        let new = Self::new();
        let rss = new.meter.read().rss;
        // What came before is no business of the new one.
        known.note(rss);
        let most = Rc::new(Cell::new(rss));
        known.all.retain(|other| other.strong_count() > 0);
        known.all.push(Rc::downgrade(&most));
        *shared = Some(known);
        Ok(Self { most: Some(most), ..new })
    }

    /// Whether it tells the most.
    pub fn has_peaks(&self) -> bool {
        self.most.is_some()
    }

    /// What there is now.
    #[inline]
    pub fn read(&self, py: Python<'_>) -> Reading {
        let usage = self.meter.read();
        let peak = self.most.as_ref().map_or(usage.rss, |most| {
            if let Some(shared) = &*SHARED.get(py).borrow() {
                shared.note(usage.rss);
            }
            most.get()
        });
        Reading { rss: usage.rss, vms: usage.vms, peak }
    }

    /// The reading was told: the next one begins there.
    #[inline]
    pub fn told(&self, reading: &Reading) {
        if let Some(most) = &self.most {
            most.set(reading.rss);
        }
    }
}

impl Shared {
    /// Hands the mark on to all, and begins it anew.
    #[inline]
    fn note(&self, rss: u64) {
        let high = self.mark.take(rss);
        for most in self.all.iter().filter_map(Weak::upgrade) {
            most.set(most.get().max(high));
        }
    }
}

/// For `%memit`: the memory of this process. OSError where the system doesn't tell the most of it.
#[pyclass(name = "_Gauge", module = "pikos._lsprof", frozen)]
pub struct PyGauge(GilCell<Gauge>);

#[pymethods]
impl PyGauge {
    #[new]
    fn new(py: Python<'_>) -> PyResult<Self> {
        let gauge = Gauge::with_peaks(py).map_err(|problem| PyOSError::new_err(problem.to_string()))?;
        Ok(Self(GilCell::new(gauge)))
    }

    /// (what is resident, the most since this was last asked), in bytes.
    fn read(&self, py: Python<'_>) -> (u64, u64) {
        let gauge = self.0.get(py);
        let reading = gauge.read(py);
        gauge.told(&reading);
        (reading.rss, reading.peak)
    }
}

/// Why there is no mark on this system, if there is none.
pub fn peaks_problem(py: Python<'_>) -> Option<String> {
    Gauge::with_peaks(py).err().map(|problem| problem.to_string())
}
