//! A custom timer: any callable that returns seconds, or integers worth `timeunit` seconds each.
//!
//! It may do anything: raise, return nonsense, come back to the profiler. Nothing of that reaches the
//! program; CPython's unraisable hook hears of it, as with cProfile.

use std::cell::Cell;

use lsprof_engine::Ticks;
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyInt};

const NANOSECONDS: f64 = 1e9;

/// A callable and its unit.
pub struct Timer {
    callable: Py<PyAny>,
    unit: f64,
    reading: Cell<bool>,
}

impl Timer {
    /// `unit` is 0 for a timer that returns seconds. Whether it can be called shows when it is: cProfile's own
    /// tests ask for that; `pikos.cprofile.Profile` checks before.
    pub fn new(callable: &Bound<'_, PyAny>, unit: f64) -> Self {
        Self { callable: callable.clone().unbind(), unit, reading: Cell::new(false) }
    }

    /// Reads it. A failure is reported as unraisable and reads as 0, like cProfile's.
    pub fn read(&self, py: Python<'_>) -> Ticks {
        self.reading.set(true);
        let read = self.callable.call0(py).and_then(|value| self.ticks(value.bind(py)));
        self.reading.set(false);
        read.unwrap_or_else(|error| {
            error.write_unraisable(py, Some(self.callable.bind(py)));
            Ticks(0)
        })
    }

    /// Whether it is being read now, so that a call from inside it can be refused.
    pub fn is_reading(&self) -> bool {
        self.reading.get()
    }

    /// Seconds that one tick lasts.
    pub fn seconds_per_tick(&self) -> f64 {
        if self.unit > 0.0 { self.unit } else { 1.0 / NANOSECONDS }
    }

    /// For the garbage collector.
    pub fn callable(&self) -> &Py<PyAny> {
        &self.callable
    }

    fn ticks(&self, value: &Bound<'_, PyAny>) -> PyResult<Ticks> {
        if self.unit > 0.0 {
            if !value.is_instance_of::<PyInt>() {
                return Err(PyTypeError::new_err(format!(
                    "a timer with a timeunit must return int, got {}",
                    value.get_type().name()?
                )));
            }
            return Ok(Ticks(value.extract::<i64>()?.cast_unsigned()));
        }
        if value.is_instance_of::<PyInt>() {
            let seconds = value.extract::<i64>()?;
            let nanoseconds = seconds.checked_mul(NANOSECONDS as i64);
            return nanoseconds.map(|ns| Ticks(ns.cast_unsigned())).ok_or_else(out_of_range);
        }
        if !value.is_instance_of::<PyFloat>() {
            return Err(PyTypeError::new_err(format!(
                "a timer must return a number of seconds, got {}",
                value.get_type().name()?
            )));
        }
        let nanoseconds = (value.extract::<f64>()? * NANOSECONDS).floor();
        if nanoseconds.is_nan() {
            return Err(PyValueError::new_err("a timer must not return NaN"));
        }
        if nanoseconds.abs() >= i64::MAX as f64 {
            return Err(out_of_range());
        }
        Ok(Ticks((nanoseconds as i64).cast_unsigned()))
    }
}

fn out_of_range() -> PyErr {
    PyOverflowError::new_err("a timer's value is too large: it must fit 64-bit nanoseconds")
}
